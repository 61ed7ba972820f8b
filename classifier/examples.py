"""Written examples, and this installation's own decided texts, that are nearest to a text.

The written ones ship (`models/examples.jsonl`): each shows one thing that a post may do with a rumour, so the
nearest of either kind show what the model should tell apart.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

import models
from classifier.model import Model
from classifier.vectors import Kept
from store.text import normalise, words

FILE = "examples.jsonl"
SETS = ("functional_a", *(f"contrast_{name}" for name in "cdefgh"))
NEAREST = 3
_LONGEST = 4_000


@dataclass(frozen=True)
class Example:
    """A labelled text. `function` says what a written one shows; `case` is the case of a decided one."""

    id: str
    text: str
    act: str
    harms: tuple[str, ...]
    function: str = ""
    case: int | None = None

    @property
    def harmful(self) -> bool:
        return bool(self.harms)


@dataclass(frozen=True)
class Near:
    """An example with its similarity to a text: a cosine, 0 to 1 for counted words."""

    example: Example
    similarity: float


# The texts that were decided here and agreed upon, newest first.
DecidedExamples = Callable[[], Iterable[Example]]


class Examples:
    """Finds the nearest examples: by meaning with a model that has an encoder, else by words.

    With an encoder, the vectors of examples are kept in `cache`, a folder, by the name of the model.
    """

    def __init__(self, examples: Sequence[Example], model: Model, cache: Path | None = None) -> None:
        self.examples = list(examples)
        self._model = model
        texts = [example.text for example in self.examples]
        self._meanings = Kept(model, cache, "examples").only(texts) if has_encoder(model) and texts else None
        if self._meanings is None and texts:
            # min_df 1: a word of one example is what tells it apart.
            self._counter = TfidfVectorizer(analyzer=_features, sublinear_tf=True, dtype=np.float32)
            self._counts = self._counter.fit_transform([text[:_LONGEST] for text in texts])

    @classmethod
    def of(cls, model: Model, decided: DecidedExamples = tuple, cache: Path | None = None) -> Examples:
        """Return the written examples and those decided here."""
        return cls([*written(), *decided()], model, cache)

    def nearest(self, text: str, without_case: int | None = None) -> tuple[list[Near], list[Near]]:
        """Return the three nearest harmful and the three nearest harmless examples, nearest first.

        Those of `without_case` are left out. By words, one that shares none is no example.
        """
        if not self.examples:
            return [], []
        similar = self._similarity(text)
        order = [int(i) for i in np.argsort(-similar, kind="stable") if similar[i] > 0]
        sides: tuple[list[Near], list[Near]] = [], []
        for index in order:
            example = self.examples[index]
            side = sides[0 if example.harmful else 1]
            if len(side) < NEAREST and (example.case is None or example.case != without_case):
                side.append(Near(example, round(float(min(1.0, similar[index])), 4)))
        return sides

    def _similarity(self, text: str) -> NDArray[np.float64]:
        if self._meanings is not None:
            return np.asarray(self._meanings @ self._model.embed([text])[0], np.float64)
        asked = self._counter.transform([text[:_LONGEST]])
        return np.asarray((self._counts @ asked.T).toarray()[:, 0], np.float64)


def _features(text: str) -> list[str]:
    said = words(text)
    return [*said, *(f"{a} {b}" for a, b in pairwise(said))]


def has_encoder(model: Model) -> bool:
    """Say whether a model places texts by meaning."""
    return bool(model.embed(["xin chào"]).shape[1])


@cache
def written() -> tuple[Example, ...]:
    """Return the shipped examples."""
    rows = (json.loads(line) for line in models.read_text(FILE).split("\n") if line)
    return tuple(Example(r["id"], r["text"], r["act"], tuple(r["harm"]), r["function"]) for r in rows)


def build(folder: Path) -> str:
    """Return the text of the shipped file, from the written sets in `folder`; raises `models.DataError`."""
    lines = []
    for name in SETS:
        file = folder / f"{name}.jsonl"
        try:
            for line in file.read_text(encoding="utf-8").rstrip("\n").split("\n"):
                row = json.loads(line)
                kept = {key: row[key] for key in ("id", "text", "act", "harm", "function")}
                lines.append(json.dumps(kept | {"text": normalise(row["text"])}, ensure_ascii=False))
        except (OSError, ValueError, KeyError) as error:
            raise models.DataError(f"Không đọc được {file}: {error}") from error
    return "\n".join(lines) + "\n"
