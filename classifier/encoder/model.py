"""The reader: an encoder fused with the linear model, which also spares it what is off topic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import models
from classifier.calibration import Calibrator
from classifier.encoder import folder as folders
from classifier.encoder.encode import Encoder
from classifier.encoder.folder import TREES, About
from classifier.encoder.runtime import Serving
from classifier.encoder.trees import Trees
from classifier.model import Floats, Pieces, Scores, Span
from classifier.tfidf import TfidfModel, heads, to_scores

_ACTS = slice(1, 1 + len(models.labels().acts))
_HARMS = slice(_ACTS.stop, -1)
_UNREAD = Pieces(np.zeros((0, 2), np.int32), np.zeros((0, 0), np.float32))
_SENTENCES = 16


class ReaderModel:
    """See `classifier.model.Model`; the folder is described in `classifier.encoder.folder`."""

    def __init__(
        self, about: About, encoder: Encoder, linear: TfidfModel | None, trees: Trees | None = None
    ) -> None:
        self._about, self._encoder, self._linear, self._trees = about, encoder, linear, trees
        self._mix = np.array([about.fusion[head] for head in heads()])
        found = about.calibrators()
        self._calibrators = [found.get(head, Calibrator("platt")) for head in heads()]

    @classmethod
    def load(cls, folder: Path, serving: Serving | None = None) -> ReaderModel:
        """Load a folder; raises `models.DataError` when a file is missing, changed or does not fit."""
        serving = serving or Serving()
        about = folders.read(folder, serving.backend)
        counted = "tfidf/model.json" in about.files
        if not counted and (about.first_stage or any(b for _, b, _ in about.fusion.values())):
            raise models.DataError(f"Mô hình {folder} cần tfidf/ (first_stage, fusion) mà không có.")
        linear = TfidfModel.load(folder / "tfidf") if counted else None
        trees = Trees.load(folder / TREES, len(heads())) if TREES in about.files else None
        return cls(about, Encoder.open(folder, about.shape, serving), linear, trees)

    @property
    def name(self) -> str:
        return self._about.name

    def score(self, texts: Sequence[str]) -> Scores:
        """Score normalised texts. `pieces` has none for a text that the encoder did not read."""
        linear = np.zeros((len(texts), len(heads()))) if self._linear is None else self._linear.logits(texts)
        read = ~self._skipped(linear)
        reading = self._encoder.read([text for text, yes in zip(texts, read, strict=True) if yes])
        probabilities = np.zeros((len(texts), len(heads())))
        probabilities[read] = self._fused(reading.logits, linear[read])
        if self._linear is not None:
            probabilities[~read] = _stacked(to_scores(linear[~read], self._linear.calibration))
        if self._trees is not None and len(texts):
            probabilities[:, -1] = self._trees.harmful(probabilities)
        pieces = iter(reading.pieces)
        return Scores(
            about=probabilities[:, 0],
            acts=probabilities[:, _ACTS],
            harms=probabilities[:, _HARMS],
            harmful=probabilities[:, -1],
            pieces=tuple(next(pieces) if yes else _UNREAD for yes in read),
        )

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the meaning of each normalised text, (n, d), of length 1; every text is read."""
        return self._encoder.read(texts).vectors if texts else np.zeros((0, 0), np.float32)

    def spans(self, text: str, limit: int = 8) -> tuple[Span, ...]:
        """Return what moved the linear part of the score up most; without one, the sentences without which
        `harmful` would be lowest."""
        return self._linear.spans(text, limit) if self._linear is not None else self._left_out(text, limit)

    def _skipped(self, linear: Floats) -> NDArray[np.bool_]:
        stage = self._about.first_stage
        if stage is None or self._linear is None:
            return np.zeros(len(linear), bool)
        said = to_scores(linear, self._linear.calibration)
        return np.asarray((said.about < stage.about) & (said.harmful < stage.harmful))

    def _fused(self, encoder: Floats, linear: Floats) -> Floats:
        """Return probabilities (n, 22) for the logits of both, each (n, 22)."""
        logits = self._mix[:, 0] * encoder + self._mix[:, 1] * linear + self._mix[:, 2]
        columns = zip(self._calibrators, logits.T, strict=True)
        probabilities = np.stack([calibrator.apply(column) for calibrator, column in columns], axis=1)
        acts = probabilities[:, _ACTS]
        if self._about.acts == "softmax":
            acts = logits[:, _ACTS] - logits[:, _ACTS].max(axis=1, keepdims=True)
            acts = np.exp(acts)
        probabilities[:, _ACTS] = acts / np.maximum(acts.sum(axis=1, keepdims=True), 1e-300)
        return np.asarray(probabilities, np.float64)

    def _left_out(self, text: str, limit: int) -> tuple[Span, ...]:
        places = self._encoder.read([text]).pieces[0].spans[1 : 1 + _SENTENCES].tolist()
        if not places:
            return ()
        without = [text[:a] + text[b:] for a, b in places]
        logits = self._encoder.read([text, *without]).logits * self._mix[:, 0]
        gained = logits[0] - logits[1:]
        top = float(gained[:, -1].max())
        best = sorted(range(len(places)), key=lambda i: -gained[i, -1])[:limit]
        return tuple(
            Span(
                places[i][0],
                places[i][1],
                models.labels().harms[int(np.argmax(gained[i, _HARMS]))],
                round(weight, 3),
            )
            for i in sorted(best)
            if top > 0 and (weight := float(gained[i, -1]) / top) >= 0.3
        )


def _stacked(scores: Scores) -> Floats:
    return np.column_stack([scores.about, scores.acts, scores.harms, scores.harmful])
