"""Writes a trained network as the one file that serving runs: `encoder.onnx`."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import models
from classifier.encoder.runtime import OnnxRunner
from classifier.tfidf import heads
from classifier.training.graph import ENCODED, IDS, MASK, fused
from classifier.training.quantise import Kind, quantise

_OPSET = 18
_TOLERANCE: dict[Kind, float] = {"fp32": 1e-3, "int8": 1.0}  # logits: beyond it something else was written


@dataclass(frozen=True)
class Exported:
    """What was written: its size, and how far its logits are from the network's on the samples."""

    size: int
    largest_error: float
    mean_error: float


def export(
    module: nn.Module, target: Path, kind: Kind = "int8", samples: Sequence[NDArray[np.int64]] = ()
) -> Exported:
    """Write `module` to the file `target` and return how faithful that is.

    `module.encoder` is a Hugging Face encoder; `module(ids, mask)`, each (b, l) int64, gives logits (b, ≥22)
    in the order of `heads()`, of which the first 22 are kept, and token vectors (b, l, d). `samples` are the
    tokens (l,) of real texts, special ones included: `int8` is fitted to them, and what is returned is
    measured on them. Raises `models.DataError` if the file does not do as the network does.
    """
    samples = list(samples) or [np.arange(3, 19, dtype=np.int64)]
    whole = _Whole(module)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(target.name + ".part")
    with tempfile.TemporaryDirectory() as folder, _Answering(whole):
        traced = Path(folder) / "traced.onnx"
        _trace(whole, traced)
        graph = fused(traced, int(whole.config.num_attention_heads), int(whole.config.hidden_size))
        made = graph.finished() if kind == "fp32" else quantise(graph, samples)
        onnx.checker.check_model(made)
        onnx.save(made, unfinished)
        errors = _errors(whole, unfinished, samples)
    if not errors.max() <= _TOLERANCE[kind]:  # not a number is no tolerance either
        unfinished.unlink()
        raise models.DataError(
            f"{target.name}: lệch so với mạng đã huấn luyện tới {errors.max():.3g} logit; không ghi."
        )
    unfinished.replace(target)
    return Exported(target.stat().st_size, float(errors.max()), float(errors.mean()))


class _Whole(nn.Module):
    """The network with the outputs that serving knows, and where its encoder ends."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        encoder: Any = module.encoder
        self.config = encoder.config

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        encoder: Any = self.module.encoder
        ends: list[Tensor] = []
        handle = encoder.register_forward_hook(lambda _module, _given, found: ends.append(found[0]))
        try:
            logits, hidden = self.module(ids, mask)
        finally:
            handle.remove()
        return logits[:, : len(heads())].float(), hidden.float(), ends[0]


class _Answering:
    """Has a network answer, not learn, and compute attention step by step, as the patterns that are joined
    afterwards expect; leaves it as it was."""

    def __init__(self, whole: _Whole) -> None:
        self._whole = whole
        self._config: Any = whole.config

    def __enter__(self) -> None:
        self._learning = self._whole.module.training
        self._whole.eval()
        self._before = self._config._attn_implementation
        self._config._attn_implementation = "eager"

    def __exit__(self, *_: object) -> None:
        self._config._attn_implementation = self._before
        self._whole.train(self._learning)


def _trace(whole: nn.Module, file: Path) -> None:
    # The two lengths differ, so that nothing in the traced graph takes one for the other.
    ids = torch.arange(3, 3 + 2 * 17).reshape(2, 17) % 64
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of each shape that it reads
        torch.onnx.export(
            whole,
            (ids, mask),
            str(file),
            input_names=[IDS, MASK],
            output_names=["logits", "hidden", ENCODED],
            dynamic_axes={
                IDS: {0: "b", 1: "l"},
                MASK: {0: "b", 1: "l"},
                "logits": {0: "b"},
                "hidden": {0: "b", 1: "l"},
                ENCODED: {0: "b", 1: "l"},
            },
            opset_version=_OPSET,
            dynamo=False,
        )


def _errors(whole: nn.Module, file: Path, samples: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
    runner = OnnxRunner.open(file, threads=1)
    found = []
    with torch.no_grad():
        for ids in samples[:64]:
            row = ids[None]
            logits, *_ = whole(torch.from_numpy(row), torch.ones(row.shape, dtype=torch.int64))
            found.append(np.abs(runner.run(row, np.ones_like(row))[0] - logits.numpy()))
    return np.asarray(found, np.float32)
