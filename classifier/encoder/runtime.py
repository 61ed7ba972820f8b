"""What runs the network: ONNX Runtime on a processor, or torch (see `torch_backend`)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

import models
from classifier.tfidf import heads

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Backend = Literal["onnx", "torch"]

BACKENDS: tuple[Backend, ...] = get_args(Backend)
# The most tokens that go through at once. What a layer computes then still fits the caches: more is slower.
_TOKENS = 1024


@dataclass(frozen=True)
class Serving:
    """How a model is run. `threads` 0 is as many as there are cores for this process; `device` is torch's."""

    threads: int = 0
    backend: Backend = "onnx"
    device: str = "cpu"

    @property
    def cores(self) -> int:
        """The threads that compute."""
        return self.threads or len(os.sched_getaffinity(0))


class Runner(Protocol):
    """Runs rows of token ids.

    With `padded` False all rows given at once have the same length and none is padded, so that a row's
    results do not depend on the others; else shorter rows are filled with `pad` and masked. `tokens` is how
    many should be given at once, `workers` from how many threads.
    """

    @property
    def padded(self) -> bool: ...
    @property
    def pad(self) -> int: ...
    @property
    def tokens(self) -> int: ...
    @property
    def workers(self) -> int: ...

    def run(self, ids: Ints, mask: Ints) -> tuple[Floats, Floats]:
        """Return logits (b, 22) and token vectors (b, l, d) for ids and mask, each (b, l)."""


@dataclass(frozen=True)
class OnnxRunner:
    """An `encoder.onnx` in ONNX Runtime.

    Each run takes one thread, and several run at a time: a batch is small, and threads that share one would
    wait for each other some 500 times in it.
    """

    session: Any
    workers: int
    padded: bool = False
    pad: int = 0
    tokens: int = _TOKENS

    @classmethod
    def open(cls, file: Path, threads: int) -> OnnxRunner:
        """Load a file; raises `models.DataError` when it is no encoder of this product."""
        import onnxruntime  # late: a tenth of a second, which the linear model need not wait for

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Lengths change from run to run, so patterns of memory are no help. The arena grows to what a batch
        # needs for each worker, and the weights lie outside it.
        options.enable_mem_pattern = False
        options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
        # What can be fused was fused when the file was made; the fusions of higher levels would put slower
        # kernels in (see `classifier.training.graph`).
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        try:
            session = onnxruntime.InferenceSession(str(file), options, ["CPUExecutionProvider"])
        except Exception as error:
            # ONNX Runtime's errors have no class of their own in common.
            raise models.DataError(f"Không nạp được bộ mã hóa {file}: {error}") from error
        found = {one.name: one.shape for one in session.get_outputs()}
        wanted = len(heads())
        if [one.name for one in session.get_inputs()] != ["input_ids"] or {*found} != {"logits", "hidden"}:
            raise models.DataError(f"{file} không phải bộ mã hóa của Kiểm Tin: đầu vào hay đầu ra lạ.")
        if found["logits"][-1] != wanted:
            raise models.DataError(f"{file} cho {found['logits'][-1]} điểm, labels.yaml có {wanted} nhãn.")
        return cls(session, threads)

    def run(self, ids: Ints, mask: Ints) -> tuple[Floats, Floats]:
        """Return logits and token vectors; the rows must be full."""
        if not mask.all():
            raise ValueError("encoder.onnx takes full rows only: put texts of one length together")
        logits, hidden = self.session.run(["logits", "hidden"], {"input_ids": ids})
        return logits, hidden


def open_runner(folder: Path, serving: Serving) -> Runner:
    """Return what runs the encoder of a model folder; raises `models.DataError`."""
    if serving.backend == "onnx":
        return OnnxRunner.open(folder / "encoder.onnx", serving.cores)
    try:
        from classifier.encoder.torch_backend import TorchRunner
    except ImportError as error:
        raise models.DataError(
            f"KIEMTIN_MODEL_BACKEND=torch cần torch và transformers: pip install 'kiemtin[train]' ({error})"
        ) from error
    return TorchRunner.open(folder / "torch", serving.device, serving.cores)
