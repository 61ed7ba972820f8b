"""Makes small whole models with an encoder, without torch: a tokeniser, a network of one layer, a linear part."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import onnx
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from classifier.encoder import folder as folders
from classifier.encoder.folder import About, FirstStage, Windows
from classifier.features import Vocabulary, grams
from classifier.model import Scores
from classifier.tfidf import TfidfModel, heads
from classifier.training.graph import Graph
from classifier.training.quantise import quantise
from tests.factory import HARMFUL, HARMLESS

SIZE = 16
WORDS = 600


@cache
def tokenizer() -> Tokenizer:
    """A byte-pair tokeniser of Vietnamese words, with the special tokens of RoBERTa."""
    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    made.decoder = decoders.Metaspace(prepend_scheme="always")
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], show_progress=False
    )
    made.train_from_iterator([*HARMFUL, HARMLESS] * 3, trainer)
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return made


def network(seed: int = 5) -> Graph:
    """Token vectors, a mean of neighbours by attention-free mixing, a feed-forward layer with GELU, heads."""
    chance = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return chance.normal(size=shape).astype(np.float32)

    table = normal(WORDS, SIZE)
    table[:, 3] *= 8  # one channel is far larger than the others, as in real encoders
    constants = {
        "table": table, "gamma": 1 + 0.2 * normal(SIZE), "beta": 0.2 * normal(SIZE),
        "up": normal(SIZE, 4 * SIZE) / 4, "down": normal(4 * SIZE, SIZE) / 8,
        "heads": normal(SIZE, len(heads())), "offset": normal(len(heads())),
        "middle": np.array([1], np.int64),
    }  # fmt: skip
    nodes = [
        make_node("Gather", ["table", "input_ids"], ["words"]),
        make_node("LayerNormalization", ["words", "gamma", "beta"], ["normed"]),
        make_node("MatMul", ["normed", "up"], ["wide"]),
        make_node("Gelu", ["wide"], ["bent"], domain="com.microsoft"),
        make_node("MatMul", ["bent", "down"], ["narrow"]),
        make_node("Add", ["narrow", "normed"], ["summed"]),
        make_node("LayerNormalization", ["summed", "gamma", "beta"], ["hidden"]),
        make_node("ReduceMean", ["hidden", "middle"], ["mean"], keepdims=0),
        make_node("Gemm", ["mean", "heads", "offset"], ["logits"]),
    ]
    float_, int_ = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
    graph = make_graph(
        nodes,
        "tiny",
        [make_tensor_value_info("input_ids", int_, ["b", "l"])],
        [
            make_tensor_value_info("logits", float_, ["b", len(heads())]),
            make_tensor_value_info("hidden", float_, ["b", "l", SIZE]),
        ],
    )
    made = make_model(graph, opset_imports=[make_opsetid("", 18), make_opsetid("com.microsoft", 1)])
    made.ir_version = 10
    found = Graph(made)
    found.constants.update(constants)
    return found


def linear() -> TfidfModel:
    """A linear model that has seen the words of the factory's posts: harmful ones raise every head."""
    harmful, harmless = grams(HARMFUL), grams([HARMLESS])
    hashes, first = np.unique(harmful.hashes, return_index=True)
    kinds = harmful.kinds[first]
    good = np.isin(hashes, harmless.hashes)
    weights = np.tile(np.where(good, -0.5, 0.5)[:, None], (1, len(heads()))).astype(np.float32)
    return TfidfModel(
        "tiny-linear",
        Vocabulary(hashes, kinds, np.ones(len(hashes), np.float32)),
        weights,
        np.full(len(heads()), -3, np.float32),
        np.tile(np.array([1.5, 0.25], np.float32), (len(heads()), 1)),
    )


def write(
    folder: Path,
    *,
    encoder: Callable[[Path], object] | None = None,
    quantised: bool = True,
    max_length: int = 24,
    stride: int = 6,
    first: int = 4,
    spread: int = 3,
    prefix: str = "",
    first_stage: FirstStage | None = None,
    with_linear: bool = True,
    acts: str = "softmax",
) -> Path:
    """Write a whole model; `encoder` writes `encoder.onnx` into the folder in place of the made-up network."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer().save(str(folder / "tokenizer.json"))
    if encoder is None:
        graph = network()
        onnx.save(quantise(graph) if quantised else graph.finished(), folder / "encoder.onnx")
    else:
        encoder(folder)
    if with_linear:
        linear().save(folder / "tfidf")
    mix = dict.fromkeys(heads(), (1.0, 0.5 if with_linear else 0.0, -0.25))
    platt = {"kind": "platt", "slope": 0.8, "offset": 0.1}
    about = About(
        name="tiny-reader", heads=heads(), max_length=max_length, stride=stride, windows=Windows(first=first, spread=spread), prefix=prefix,
        acts=acts, first_stage=first_stage, fusion=mix, calibration=dict.fromkeys(heads(), platt),
    )  # fmt: skip
    folders.seal(folder, about)
    return folder


def rows(scores: Scores) -> np.ndarray:
    """Return all probabilities, (n, 22)."""
    return np.column_stack([scores.about, scores.acts, scores.harms, scores.harmful])
