"""Multilingual-e5-small as it is, not trained for this: what a trained encoder is measured against.

A text is read once, its first 320 tokens; a piece of it is the mean of its tokens' vectors, as in the shipped
reader. Vectors are kept in a folder for temporary things: reading takes some 25 ms a text.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.corpus import SHARED
from classifier.encoder.pieces import sentences
from classifier.model import Pieces

_PREFIX = "query: "
_LONGEST = 320
_BATCH = 32


class Frozen:
    """Reads texts with a checkpoint that was not trained here."""

    name = "e5-vi, frozen"

    def __init__(self, folder: Path = SHARED / "models" / "e5-vi", cache: Path | None = None) -> None:
        self._folder = folder
        self._kept = cache or Path(tempfile.gettempdir()) / "kiemtin-frozen"
        self._kept.mkdir(parents=True, exist_ok=True)
        self._loaded: tuple[Any, Any, Any] | None = None

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors (n, 384) of length 1."""
        if not texts:
            return np.zeros((0, 384), np.float32)
        return np.stack([pieces.vectors[0] for pieces in self.pieces(texts)])

    def pieces(
        self, texts: Sequence[str], progress: Callable[[int, int], None] = lambda done, total: None
    ) -> list[Pieces]:
        """Return the pieces of each normalised text."""
        found = [self._kept_of(text) for text in texts]
        missing = sorted((i for i, one in enumerate(found) if one is None), key=lambda i: len(texts[i]))
        for start in range(0, len(missing), _BATCH):
            batch = missing[start : start + _BATCH]
            for i, one in zip(batch, self._read([texts[i] for i in batch]), strict=True):
                found[i] = one
                self._keep(texts[i], one)
            progress(start + len(batch), len(missing))
        return [one for one in found if one is not None]

    def _file(self, text: str) -> Path:
        digest = hashlib.sha256(json.dumps([self.name, text]).encode()).hexdigest()
        return self._kept / digest[:2] / f"{digest[2:34]}.npz"

    def _kept_of(self, text: str) -> Pieces | None:
        file = self._file(text)
        if not file.exists():
            return None
        with np.load(file) as kept:
            return Pieces(kept["spans"], kept["vectors"].astype(np.float32))

    def _keep(self, text: str, pieces: Pieces) -> None:
        file = self._file(text)
        file.parent.mkdir(exist_ok=True)
        unfinished = file.with_suffix(f".{os.getpid()}.part")
        with unfinished.open("wb") as out:
            np.savez(out, spans=pieces.spans, vectors=pieces.vectors.astype(np.float16))
        unfinished.replace(file)

    def _read(self, texts: Sequence[str]) -> list[Pieces]:
        if self._loaded is None:
            import torch
            from transformers import AutoModel, AutoTokenizer

            torch.set_num_threads(1)
            model = AutoModel.from_pretrained(self._folder, dtype=torch.float32, add_pooling_layer=False)
            self._loaded = torch, AutoTokenizer.from_pretrained(self._folder), model.eval()
        torch, tokenizer, model = self._loaded
        given = tokenizer(
            [_PREFIX + text for text in texts], truncation=True, max_length=_LONGEST, padding=True,
            return_tensors="pt", return_offsets_mapping=True,
        )  # fmt: skip
        offsets = given.pop("offset_mapping").numpy() - len(_PREFIX)
        with torch.inference_mode():
            hidden = model(**given).last_hidden_state.numpy()
        mask = given["attention_mask"].numpy().astype(bool)
        return [_pieces(*one) for one in zip(texts, offsets, hidden, mask, strict=True)]


def _pieces(
    text: str, places: NDArray[np.int64], hidden: NDArray[np.float32], real: NDArray[np.bool_]
) -> Pieces:
    spans, means = [(0, len(text))], [hidden[real].mean(0)]
    for start, end in sentences(text, [(0, len(text))]):
        inside = real & (places[:, 0] < end) & (places[:, 1] > start) & (places[:, 1] > places[:, 0])
        if inside.any():
            spans.append((start, end))
            means.append(hidden[inside].mean(0))
    vectors = np.stack(means)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Pieces(np.array(spans, np.int32), vectors.astype(np.float32))
