"""Reads texts: windows through the network in batches of one length, their results joined for each text."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import models
from classifier.encoder.pieces import Place, sentences
from classifier.encoder.runtime import Runner, Serving, open_runner
from classifier.encoder.tokens import Shape, Tokens, Window
from classifier.model import Floats, Pieces
from classifier.tfidf import heads

# Texts that are cut into windows at once, so that memory does not grow with how many are given.
_TEXTS = 512


@dataclass(frozen=True)
class Reading:
    """What the encoder says of n texts: `logits` (n, 22), and for each text its pieces."""

    logits: Floats
    pieces: tuple[Pieces, ...]

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The meaning of each whole text, (n, d), of length 1."""
        return np.stack([one.vectors[0] for one in self.pieces])


@dataclass
class _Text:
    """A text while its windows are read: sums over windows, `count` of tokens, and the sentences to come."""

    windows: list[Window]
    places: list[Place]
    highest: Floats = field(init=False)
    total: Floats = field(init=False)
    whole: NDArray[np.float32] | float = 0.0
    sums: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    count: int = 0

    def __post_init__(self) -> None:
        self.highest = np.full(len(heads()), -np.inf)
        self.total = np.zeros(len(heads()))

    def add(self, window: Window, logits: NDArray[np.float32], hidden: NDArray[np.float32]) -> None:
        """Take what the network gave for a window: logits (22,) and token vectors (l, d)."""
        tokens = len(window.ids)
        self.highest = np.maximum(self.highest, logits)
        self.total += logits.astype(np.float64) * tokens
        self.whole = self.whole + hidden.sum(axis=0)
        self.count += tokens
        first, last = window.owned
        if last <= first or len(self.places) < 2:
            return
        # A token belongs to the sentence in which it ends (some start with the blank before it). Ends rise,
        # so the tokens of a sentence are a run.
        starts = [start for start, _ in self.places]
        limits = np.searchsorted(window.ends[first:last], starts, side="right") + first
        for number, (a, b) in enumerate(zip(limits, [*limits[1:], last], strict=True)):
            if b > a:
                self.sums[number] = self.sums.get(number, 0.0) + hidden[a:b].sum(axis=0)

    def logits(self) -> Floats:
        """Return the logits of the text, (22,)."""
        first_harm = 1 + len(models.labels().acts)
        mean = self.total / self.count
        return np.concatenate([mean[:first_harm], self.highest[first_harm:]])

    def pieces(self, length: int) -> Pieces:
        """Return the whole text and those sentences of which a token was read."""
        numbers = sorted(self.sums)
        vectors = np.stack([np.asarray(self.whole), *(self.sums[i] for i in numbers)])
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        spans = [(0, length), *(self.places[i] for i in numbers)]
        return Pieces(np.array(spans, np.int32).reshape(-1, 2), vectors.astype(np.float32))


_Batch = list[tuple[_Text, Window]]
_Found = tuple[NDArray[np.float32], NDArray[np.float32]]


class Encoder:
    """A tokeniser with the network that reads its tokens."""

    def __init__(self, tokens: Tokens, runner: Runner) -> None:
        self._tokens, self._runner = tokens, runner

    @classmethod
    def open(cls, folder: Path, shape: Shape, serving: Serving | None = None) -> Encoder:
        """Load `tokenizer.json` and the network from a model folder; raises `models.DataError`."""
        return cls(Tokens(folder / "tokenizer.json", shape), open_runner(folder, serving or Serving()))

    def read(self, texts: Sequence[str]) -> Reading:
        """Read normalised texts; what is said of one does not depend on the others.

        Of a text of several windows, harms and `harmful` are the highest of its windows (one sentence can do
        harm), `about` and the acts their mean by tokens (they are said of the whole). The first piece is the
        whole text, as the mean of its token vectors; the others are its sentences, each the mean of its
        tokens' vectors as the network read them within the text.
        """
        parts = [self._read(texts[i : i + _TEXTS]) for i in range(0, len(texts), _TEXTS)]
        if not parts:
            return Reading(np.zeros((0, len(heads()))), ())
        return Reading(
            np.concatenate([part.logits for part in parts]),
            tuple(piece for part in parts for piece in part.pieces),
        )

    def _read(self, texts: Sequence[str]) -> Reading:
        found = []
        for text in texts:
            windows = self._tokens.windows(text)
            found.append(_Text(windows, sentences(text, _regions(windows))))
        order = [(one, window) for one in found for window in one.windows]
        order.sort(key=lambda pair: -len(pair[1].ids))  # the longest first: no thread is left with one
        for batch, (logits, hidden) in self._runs(self._batches(order)):
            for row, (one, window) in enumerate(batch):
                one.add(window, logits[row], hidden[row, : len(window.ids)])
        pieces = tuple(one.pieces(len(text)) for one, text in zip(found, texts, strict=True))
        return Reading(np.stack([one.logits() for one in found]), pieces)

    def _runs(self, batches: Iterator[_Batch]) -> Iterator[tuple[_Batch, _Found]]:
        """Yield batches, in order, with what the network gives; no more are under way than there are workers,
        so that memory stays the same."""
        with ThreadPoolExecutor(self._runner.workers) as pool:
            under_way: deque[tuple[_Batch, Future[_Found]]] = deque()
            for batch in batches:
                under_way.append((batch, pool.submit(self._run, batch)))
                if len(under_way) > self._runner.workers:
                    first, found = under_way.popleft()
                    yield first, found.result()
            for first, found in under_way:
                yield first, found.result()

    def _run(self, batch: _Batch) -> _Found:
        longest = max(len(window.ids) for _, window in batch)
        ids = np.full((len(batch), longest), self._runner.pad, np.int64)
        mask = np.zeros_like(ids)
        for row, (_, window) in enumerate(batch):
            ids[row, : len(window.ids)] = window.ids
            mask[row, : len(window.ids)] = 1
        return self._runner.run(ids, mask)

    def _batches(self, order: Sequence[tuple[_Text, Window]]) -> Iterator[_Batch]:
        """Yield runs of windows, sorted by length, that go through the network together."""
        batch: _Batch = []
        for pair in order:
            length = len(pair[1].ids)
            full = (len(batch) + 1) * len((batch or [pair])[0][1].ids) > self._runner.tokens
            if batch and (full or (not self._runner.padded and len(batch[0][1].ids) != length)):
                yield batch
                batch = []
            batch.append(pair)
        if batch:
            yield batch


def _regions(windows: Sequence[Window]) -> list[Place]:
    """Return the parts of the text that the windows cover, those side by side joined."""
    regions: list[Place] = []
    for window in windows:
        start, end = window.characters
        if end <= start:
            continue
        if regions and start <= regions[-1][1] + 1:
            regions[-1] = (regions[-1][0], max(end, regions[-1][1]))
        else:
            regions.append((start, end))
    return regions
