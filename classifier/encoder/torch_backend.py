"""The other backend: torch, on a processor or a GPU, with a Hugging Face checkpoint of any encoder.

The folder holds what `save` writes: the encoder as transformers keeps it (`config.json`, `model.safetensors`)
and `heads.safetensors` with what stands on it. This is the one module outside training that imports torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

import models
from classifier.encoder.runtime import Floats, Ints
from classifier.tfidf import heads
from classifier.training.net import Reader

_TOKENS = 1024
_TOKENS_ON_GPU = 32_768


class TorchRunner:
    """A network in torch, in float32; see `classifier.encoder.runtime.Runner`."""

    def __init__(self, reader: Reader, device: str, threads: int) -> None:
        try:
            self._device = torch.device(device)
            self._reader = reader.to(self._device, torch.float32).eval()
        except (RuntimeError, AssertionError) as error:
            raise models.DataError(
                f"Không dùng được thiết bị {device} (KIEMTIN_MODEL_DEVICE): {error}"
            ) from error
        if self._device.type == "cpu":
            torch.set_num_threads(threads)
        config: Any = reader.encoder.config
        self.pad = int(config.pad_token_id or 0)
        # A GPU wants large batches; a processor wants no padding.
        self.padded = self._device.type != "cpu"
        self.tokens = _TOKENS_ON_GPU if self.padded else _TOKENS
        self.workers = 1  # torch shares each batch among its threads

    @classmethod
    def open(cls, folder: Path, device: str, threads: int) -> TorchRunner:
        """Load a checkpoint; raises `models.DataError`."""
        return cls(load(folder), device, threads)

    def run(self, ids: Ints, mask: Ints) -> tuple[Floats, Floats]:
        """Return logits and token vectors; the vectors of masked places mean nothing."""
        with torch.inference_mode():
            logits, hidden = self._reader(
                torch.from_numpy(ids).to(self._device), torch.from_numpy(mask).to(self._device)
            )
            return logits[:, : len(heads())].float().cpu().numpy(), hidden.float().cpu().numpy()


def save(reader: Reader, folder: Path) -> None:
    """Write a network as `load` reads it."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    encoder: Any = reader.encoder
    encoder.save_pretrained(folder)
    rest = {
        name: t.contiguous() for name, t in reader.state_dict().items() if not name.startswith("encoder.")
    }
    save_file(rest, str(folder / "heads.safetensors"))


def load(folder: Path) -> Reader:
    """Read a network; raises `models.DataError` naming what is missing or does not fit."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file
    from transformers import AutoModel

    try:
        if not folder.is_dir():
            raise OSError("không có thư mục này; nó có cả bộ mã hóa Hugging Face lẫn heads.safetensors")
        reader = Reader(AutoModel.from_pretrained(folder, dtype=torch.float32, local_files_only=True))
        rest = load_file(str(folder / "heads.safetensors"))
        missing, unknown = reader.load_state_dict(rest, strict=False)
        wrong = [*unknown, *(name for name in missing if not name.startswith("encoder."))]
        if wrong:
            raise ValueError(f"heads.safetensors không khớp: {', '.join(wrong)}")
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise models.DataError(f"Không nạp được bộ mã hóa {folder}: {error}") from error
    return reader
