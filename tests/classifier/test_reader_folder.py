"""A model folder runs as it was written, in either backend, or says which file is not the one it should be."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

import models
from classifier.encoder.encode import Encoder
from classifier.encoder.folder import FirstStage
from classifier.encoder.runtime import OnnxRunner, Serving
from classifier.encoder.tokens import Shape, Tokens
from classifier.load import load
from classifier.tfidf import heads
from classifier.training.quantise import quantise
from store.text import normalise
from tests.classifier import tiny_reader
from tests.factory import HARMFUL, HARMLESS

ONE = Serving(threads=1)
LONG = normalise("\n".join([*HARMFUL, HARMLESS]))
TEXTS = [*HARMFUL, HARMLESS, LONG, "", "🙏", "\u200d", "a"]

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is absent: pip install kiemtin[train]"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_reader.write(tmp_path_factory.mktemp("reader"))


def test_eight_bits_say_nearly_what_thirty_two_say(tmp_path: Path) -> None:
    """The stated tolerance: 0.15 logits where the logits' own deviation is about 1."""
    full = Encoder.open(tiny_reader.write(tmp_path / "full", quantised=False), Shape(64, 8), ONE).read(TEXTS)
    small = Encoder.open(tiny_reader.write(tmp_path / "small"), Shape(64, 8), ONE).read(TEXTS)
    assert np.abs(full.logits - small.logits).max() < 0.15
    assert (full.vectors * small.vectors).sum(axis=1).min() > 0.995
    assert (tmp_path / "small/encoder.onnx").stat().st_size < (
        tmp_path / "full/encoder.onnx"
    ).stat().st_size / 2


def test_a_large_value_beside_it_does_not_move_a_token(tmp_path: Path) -> None:
    """One scale for the whole batch would: this is what a scale a token is for."""
    onnx.save(quantise(tiny_reader.network()), tmp_path / "encoder.onnx")
    runner = OnnxRunner.open(tmp_path / "encoder.onnx", 1)
    ids = np.random.default_rng(1).integers(4, 600, (12, 10))
    mask = np.ones_like(ids)
    logits, hidden = runner.run(ids, mask)
    for row in range(12):
        alone, vectors = runner.run(ids[row : row + 1], mask[:1])
        assert alone[0] == pytest.approx(logits[row], abs=1e-6)
        assert vectors[0] == pytest.approx(hidden[row], abs=1e-6)


def test_padding_is_refused_by_a_file_that_reads_full_rows(folder: Path) -> None:
    runner = OnnxRunner.open(folder / "encoder.onnx", 1)
    with pytest.raises(ValueError, match="full rows"):
        runner.run(np.ones((1, 4), np.int64), np.array([[1, 1, 1, 0]]))


@pytest.mark.parametrize("name", ["encoder.onnx", "tokenizer.json", "tfidf/weights.npz", "tfidf/model.json"])
def test_a_changed_or_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = tiny_reader.write(tmp_path)
    load(folder, ONE)
    before = (folder / name).read_bytes()
    (folder / name).write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    with pytest.raises(models.DataError, match=rf"{name}.*SHA-256"):
        load(folder, ONE)
    (folder / name).unlink()
    with pytest.raises(models.DataError, match=f"thiếu tệp {name}"):
        load(folder, ONE)


@pytest.mark.parametrize("name", ["encoder.onnx", "tokenizer.json"])
def test_a_file_that_is_broken_although_its_hash_fits_is_named(tmp_path: Path, name: str) -> None:
    folder = tiny_reader.write(tmp_path)
    (folder / name).write_bytes(b"\x08\x07 not a model")
    about = json.loads((folder / "model.json").read_text())
    about["files"][name] = _sha256(folder / name)
    (folder / "model.json").write_text(json.dumps(about))
    with pytest.raises(models.DataError, match=name):
        load(folder, ONE)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "other"}, "không có loại 'other'"), ({"heads": ["about"]}, "heads không khớp"),
        ({"fusion": {"about": [1, 0, 0]}}, "fusion phải có đúng"), ({"calibration": {}}, "calibration thiếu"),
        ({"unknown": 1}, "unknown"), ({"files": {}}, "không có encoder.onnx"), ({"max_length": "x"}, "max_length"),
        ({"calibration": {head: {"kind": "x"} for head in heads()}}, "hiệu chỉnh"),
    ],
)  # fmt: skip
def test_a_wrong_word_in_model_json_is_a_clear_error(
    folder: Path, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    plain = json.loads((folder / "model.json").read_text()) | change
    (tmp_path / "model.json").write_text(json.dumps(plain))
    with pytest.raises(models.DataError, match=said):
        load(tmp_path, ONE)


def test_a_file_with_other_outputs_is_no_encoder(tmp_path: Path) -> None:
    made = tiny_reader.network().finished()
    made.graph.output[1].name = "summed"
    onnx.save(made, tmp_path / "encoder.onnx")
    with pytest.raises(models.DataError, match="không phải bộ mã hóa"):
        OnnxRunner.open(tmp_path / "encoder.onnx", 1)


def test_without_a_linear_part_nothing_may_lean_on_it(tmp_path: Path) -> None:
    folder = tiny_reader.write(tmp_path, with_linear=False, first_stage=FirstStage(about=0.1, harmful=0.1))
    with pytest.raises(models.DataError, match="tfidf"):
        load(folder, ONE)


def _sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


@needs_torch
def test_a_trained_network_says_the_same_in_torch_and_in_onnx_runtime(tmp_path: Path) -> None:
    """Within 1e-4 logits as fp32; 0.15 in eight bits. Batches differ: torch may pad, ONNX Runtime never does."""
    import torch
    from transformers import BertConfig, BertModel

    from classifier.encoder import torch_backend
    from classifier.training.export import export
    from classifier.training.net import Reader

    torch.manual_seed(1)
    size = tiny_reader.tokenizer().get_vocab_size()
    config = BertConfig(
        vocab_size=max(600, size), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=64, pad_token_id=1,
    )  # fmt: skip
    net = Reader(BertModel(config)).train()
    torch.nn.init.normal_(net.heads.weight, std=0.3)
    samples = [np.array(tiny_reader.tokenizer().encode(text).ids[:40]) for text in HARMFUL]
    made = {}
    for kind in ("fp32", "int8"):

        def encoder(folder: Path, kind: str = kind) -> None:
            made[kind] = export(net, folder / "encoder.onnx", kind, samples)
            torch_backend.save(net, folder / "torch")

        tiny_reader.write(tmp_path / kind, encoder=encoder, max_length=40)
    assert net.training
    assert net.encoder.config._attn_implementation == "sdpa"
    assert made["fp32"].largest_error < 1e-4
    assert made["int8"].largest_error < 0.15
    graph = onnx.load(tmp_path / "int8/encoder.onnx").graph
    used = [node.op_type for node in graph.node]
    assert used.count("MultiHeadAttention") == 2
    assert used.count("MatMulIntegerToFloat") == 2 * 6 + 1
    assert "MatMul" not in used
    in_torch = load(tmp_path / "fp32", Serving(threads=1, backend="torch")).score(TEXTS)
    in_onnx = load(tmp_path / "fp32", ONE).score(TEXTS)
    small = load(tmp_path / "int8", ONE).score(TEXTS)
    assert tiny_reader.rows(in_torch) == pytest.approx(tiny_reader.rows(in_onnx), abs=1e-4)
    assert tiny_reader.rows(small) == pytest.approx(tiny_reader.rows(in_onnx), abs=0.04)
    for ours, theirs in zip(in_onnx.pieces, in_torch.pieces, strict=True):
        assert ours.vectors == pytest.approx(theirs.vectors, abs=1e-4)
    padded = torch_backend.TorchRunner(net.eval(), "cpu", 1)
    padded.padded = True
    tokens = Tokens(tmp_path / "fp32/tokenizer.json", Shape(40, 6, 4, 3))
    together = Encoder(tokens, padded).read(TEXTS).logits
    assert together == pytest.approx(
        Encoder.open(tmp_path / "fp32", Shape(40, 6, 4, 3), ONE).read(TEXTS).logits, abs=1e-4
    )


@needs_torch
def test_a_checkpoint_that_lacks_its_heads_is_named(tmp_path: Path) -> None:
    from classifier.encoder.torch_backend import TorchRunner

    with pytest.raises(models.DataError, match=r"heads\.safetensors"):
        TorchRunner.open(tmp_path / "torch", "cpu", 1)


def test_a_folder_without_a_checkpoint_cannot_run_in_torch(folder: Path) -> None:
    with pytest.raises(models.DataError, match=r"torch/heads\.safetensors"):
        load(folder, Serving(backend="torch"))


@pytest.mark.parametrize("tokens", [1, 30, 1024])
def test_several_threads_and_any_size_of_batch_say_the_same(folder: Path, tokens: int) -> None:
    shape = Shape(24, 6, 4, 3)
    read = Tokens(folder / "tokenizer.json", shape)
    runner = OnnxRunner.open(folder / "encoder.onnx", 3)
    expected = Encoder.open(folder, shape, ONE).read(TEXTS)
    found = Encoder(read, replace(runner, tokens=tokens)).read(TEXTS)
    assert found.logits == pytest.approx(expected.logits, abs=1e-5)
    assert found.vectors == pytest.approx(expected.vectors, abs=1e-5)
