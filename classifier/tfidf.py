"""The linear model: TF-IDF and logistic regression, small and quick; its scores can be taken apart."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

import models
from classifier.features import Vocabulary, grams
from classifier.model import Floats, Scores, Span

_BATCH = 256


def heads() -> tuple[str, ...]:
    """Return the names of the model's outputs, in the order of its weights."""
    scheme = models.labels()
    return ("about", *scheme.acts, *scheme.harms, "harmful")


@dataclass(frozen=True)
class TfidfModel:
    """Weights (f, 22) and intercepts (22,) over the features of its vocabulary.

    `calibration` (22, 2) is a slope and an offset for each head (Platt, 1999), fitted out of fold, so
    that a probability means what it says on posts like those it was fitted on.
    """

    name: str
    vocabulary: Vocabulary = field(repr=False)
    weights: NDArray[np.float32] = field(repr=False)
    intercepts: NDArray[np.float32] = field(repr=False)
    calibration: NDArray[np.float32] = field(repr=False)

    @classmethod
    def load(cls, folder: Path) -> TfidfModel:
        """Read a model from `folder`; raises `models.DataError` when a file is missing or does not fit."""
        try:
            about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            with np.load(folder / "weights.npz", allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            if tuple(about["heads"]) != heads():
                raise models.DataError(f"Mô hình {folder}: nhãn không khớp labels.yaml; huấn luyện lại.")
            hashes, weights = arrays["hashes"], arrays["weights"].astype(np.float32)
            if weights.shape != (len(hashes), len(heads())) or len(arrays["idf"]) != len(hashes):
                raise models.DataError(f"Mô hình {folder}: số đặc trưng và số trọng số không khớp.")
            vocabulary = Vocabulary(hashes, arrays["kinds"], arrays["idf"].astype(np.float32))
            intercepts, calibration = arrays["intercepts"], arrays["calibration"]
            if intercepts.shape != (len(heads()),) or calibration.shape != (len(heads()), 2):
                raise models.DataError(f"Mô hình {folder}: hiệu chỉnh không khớp số nhãn.")
            if not all(np.isfinite(part).all() for part in (weights, intercepts, calibration)):
                raise models.DataError(f"Mô hình {folder}: có trọng số không phải là số.")
            return cls(about["name"], vocabulary, weights, intercepts, calibration)
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, zlib.error) as error:
            raise models.DataError(f"Không đọc được mô hình {folder}: {error}") from error

    def save(self, folder: Path) -> None:
        """Write the model to `folder` as JSON and arrays, weights in float16: nothing that runs when read."""
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            folder / "weights.npz",
            hashes=self.vocabulary.hashes,
            kinds=self.vocabulary.kinds,
            idf=self.vocabulary.idf.astype(np.float16),
            weights=self.weights.astype(np.float16),
            intercepts=self.intercepts,
            calibration=self.calibration,
        )
        about = {"kind": "tfidf", "name": self.name, "heads": heads()}
        (folder / "model.json").write_text(
            json.dumps(about, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )

    def logits(self, texts: Sequence[str]) -> Floats:
        """Return the uncalibrated scores, (n, 22)."""
        parts = [
            self.vocabulary.transform(texts[i : i + _BATCH]) @ self.weights
            for i in range(0, len(texts), _BATCH)
        ]
        found = np.vstack(parts) if parts else np.zeros((0, len(heads())))
        return np.asarray(found + self.intercepts, np.float64)

    def score(self, texts: Sequence[str]) -> Scores:
        return to_scores(self.logits(texts), self.calibration)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n, 0): counted words have no place among meanings."""
        return np.zeros((len(texts), 0), np.float32)

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
        found = grams([text])
        at = self.vocabulary.places(found)
        known = np.flatnonzero(at >= 0)
        at, start, end = at[known], found.start[known], found.end[known]
        row = self.vocabulary.transform([text])
        worth = np.zeros(len(self.vocabulary))
        worth[row.indices] = row.data
        often = np.bincount(at, minlength=len(self.vocabulary))
        # A feature's part of the score is shared by its occurrences, and of each by its characters.
        each = self.weights[at] * (worth[at] / often[at] / np.maximum(1, end - start))[:, None]
        edges = np.zeros((len(text) + 1, self.weights.shape[1]))
        np.add.at(edges, start, each)
        np.add.at(edges, end, -each)
        return np.cumsum(edges, axis=0)[:-1]


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
