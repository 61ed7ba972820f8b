"""The TF-IDF and logistic regression model: small, quick, and its weights can be read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit

import models
from classifier.features import Block, occurrences
from classifier.model import Floats, Scores, Span

_BATCH = 256


def heads() -> tuple[str, ...]:
    """Return the names of the model's outputs, in the order of its weights."""
    scheme = models.labels()
    return ("about", *scheme.acts, *scheme.harms, "harmful")


@dataclass(frozen=True)
class TfidfModel:
    """Weights (f, 22) and intercepts (22,) over the features of its blocks.

    `calibration` (22, 2) is a slope and an offset for each head (Platt, 1999), fitted out of fold, so
    that a probability means what it says on posts like those it was fitted on.
    """

    name: str
    blocks: tuple[Block, ...]
    weights: NDArray[np.float32] = field(repr=False)
    intercepts: NDArray[np.float32] = field(repr=False)
    calibration: NDArray[np.float32] = field(repr=False)

    @classmethod
    def load(cls, folder: Path) -> TfidfModel:
        """Read a model from `folder`; raises `models.DataError` when a file is missing or does not fit."""
        try:
            about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            with np.load(folder / "weights.npz", allow_pickle=False) as stored:
                arrays = {name: stored[name].astype(np.float32) for name in stored.files}
            if tuple(about["heads"]) != heads():
                raise models.DataError(f"Mô hình {folder}: nhãn không khớp labels.yaml; huấn luyện lại.")
            blocks = []
            for index, block in enumerate(about["blocks"]):
                terms = (folder / block["terms"]).read_text(encoding="utf-8").split("\n")
                blocks.append(Block(block["kind"], tuple(terms), arrays[f"idf_{index}"]))
            size = sum(len(block.terms) for block in blocks)
            if arrays["weights"].shape != (size, len(heads())):
                raise models.DataError(f"Mô hình {folder}: số đặc trưng và số trọng số không khớp.")
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise models.DataError(f"Không đọc được mô hình {folder}: {error}") from error
        return cls(
            about["name"], tuple(blocks), arrays["weights"], arrays["intercepts"], arrays["calibration"]
        )

    def save(self, folder: Path) -> None:
        """Write the model to `folder` as JSON, terms and float16 arrays: nothing that runs when read."""
        folder.mkdir(parents=True, exist_ok=True)
        described = []
        arrays: dict[str, Any] = {
            f"idf_{i}": block.idf.astype(np.float16) for i, block in enumerate(self.blocks)
        }
        for block in self.blocks:
            file = f"terms_{block.kind}.txt"
            (folder / file).write_text("\n".join(block.terms), encoding="utf-8")
            described.append({"kind": block.kind, "terms": file})
        np.savez_compressed(
            folder / "weights.npz",
            weights=self.weights.astype(np.float16),
            intercepts=self.intercepts,
            calibration=self.calibration,
            **arrays,
        )
        about = {"name": self.name, "heads": heads(), "blocks": described}
        (folder / "model.json").write_text(
            json.dumps(about, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )

    def logits(self, texts: Sequence[str]) -> Floats:
        """Return the uncalibrated scores, (n, 22)."""
        parts = [
            sparse.hstack([block.transform(texts[i : i + _BATCH]) for block in self.blocks]).tocsr()
            @ self.weights
            for i in range(0, len(texts), _BATCH)
        ]
        found = np.vstack(parts) if parts else np.zeros((0, len(heads())))
        return np.asarray(found + self.intercepts, np.float64)

    def score(self, texts: Sequence[str]) -> Scores:
        return to_scores(self.logits(texts), self.calibration)

    def spans(self, text: str, limit: int = 8) -> tuple[Span, ...]:
        gained = self._gains(text)
        harmful = gained[:, -1]
        places = _tokens(text)
        scored = [(float(harmful[a:b].sum()), a, b) for a, b in places]
        if not scored or max(s for s, _, _ in scored) <= 0:
            return ()
        top = max(s for s, _, _ in scored)
        runs: list[tuple[float, int, int]] = []
        for value, a, b in (one for one in scored if one[0] >= 0.3 * top):
            # Words side by side are one span.
            if runs and not text[runs[-1][2] : a].strip():
                runs[-1] = (runs[-1][0] + value, runs[-1][1], b)
            else:
                runs.append((value, a, b))
        best = sorted(runs, reverse=True)[:limit]
        strongest = best[0][0]
        harm_columns = slice(1 + len(models.labels().acts), -1)
        names = models.labels().harms
        return tuple(
            Span(
                a,
                b,
                names[int(np.argmax(gained[a:b, harm_columns].sum(axis=0)))],
                round(value / strongest, 3),
            )
            for value, a, b in sorted(best, key=lambda run: run[1])
        )

    def _gains(self, text: str) -> NDArray[np.float64]:
        """Return what each character added to each head, (len(text), 22): the linear model taken apart."""
        gains = np.zeros((len(text), self.weights.shape[1]))
        base = 0
        for block in self.blocks:
            row = block.transform([text])
            values = dict(zip(row.indices, row.data, strict=True))
            seen: dict[int, list[tuple[int, int]]] = {}
            for start, end, term in occurrences(block.kind, text):
                index = block.vocabulary.get(term)
                if index is not None and index in values:
                    seen.setdefault(index, []).append((start, end))
            for index, places in seen.items():
                each = values[index] * self.weights[base + index] / len(places)
                for start, end in places:
                    gains[start:end] += each / max(1, end - start)
            base += len(block.terms)
        return gains


def to_scores(logits: Floats, calibration: NDArray[np.float32]) -> Scores:
    """Return probabilities for logits (n, 22)."""
    scheme = models.labels()
    probabilities = expit(logits * calibration[:, 0] + calibration[:, 1])
    acts = probabilities[:, 1 : 1 + len(scheme.acts)]
    return Scores(
        about=probabilities[:, 0],
        acts=acts / acts.sum(axis=1, keepdims=True),
        harms=probabilities[:, 1 + len(scheme.acts) : -1],
        harmful=probabilities[:, -1],
    )


def _tokens(text: str) -> list[tuple[int, int]]:
    places, at = [], 0
    for token in text.split():
        at = text.index(token, at)
        places.append((at, at + len(token)))
        at += len(token)
    return places
