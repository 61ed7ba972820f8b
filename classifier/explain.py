"""Why a text scores as it does: the words without which the model would have said something else.

Occlusion (Zeiler and Fergus, ECCV 2014; for text Li, Monroe and Jurafsky, arXiv 1612.08220): the text is
scored with a piece left out, and the piece moved the score by the difference in log-odds. It asks nothing of
a model but `score`. Of a short text every word is left out once; of a longer one first its sentences, then
the words of those that matter, so that 48 variants do for a normal post.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import models
from classifier.calibration import log_odds
from classifier.model import Model, Scores, Span

VARIANTS = 48
# Only a very long post is looked into once more: there the pieces of the second look are still many words.
MORE_VARIANTS = 24
_PARTS = 12
_SPLIT_FROM = 10
# A group of at most so many words is as good as a word to who reads it.
_FINE = 3
# Beyond this only the stretch of a text that scores highest is taken apart.
LONGEST = 6_000
_STRETCH, _STEP, _MOST_STRETCHES = 4_000, 3_000, 60
# What moves a score by less than a quarter of the strongest, or by 0.05 in log-odds, is left out.
_LEAST_SHARE, _LEAST = 0.25, 0.05
_SHOWN = 6

_TOKEN = re.compile(r"\S+")
_EDGES = re.compile(r"^\W+|\W+$")
_SENTENCE_END = re.compile(r"[.!?…\n]\W*$")

Piece = tuple[int, int]
Effects = NDArray[np.float64]


@dataclass(frozen=True)
class Moved:
    """What moved one score of a text. `head` is "harmful", "harm" or "protected".

    `label` is that score's own name: "harmful", the likeliest harm, or the likeliest protected act (whose
    `probability` is that of all protected acts together, as the policy asks it). `up` and `down` are in order
    of place; a weight is 1 for the strongest of both.
    """

    head: str
    label: str
    probability: float
    up: tuple[Span, ...]
    down: tuple[Span, ...]


@dataclass(frozen=True)
class Explanation:
    """Why a text scores as it does; of a long one, why its characters `start` to `end` do."""

    model: str
    start: int
    end: int
    variants: int
    heads: tuple[Moved, ...]


def explain(text: str, model: Model) -> Explanation:
    """Take the scores of a normalised text apart. The same text and model give the same answer."""
    start, end = _stretch(text, model)
    looking = _Looking(text[start:end], model)
    pieces, effects = looking.through()
    spans = [_spans(looking.text, pieces, effects[:, head], start) for head in range(len(looking.labels))]
    heads = tuple(
        Moved(name, label, round(float(p), 6), *_named(found, label))
        for (name, label), p, found in zip(looking.labels, looking.probabilities, spans, strict=True)
    )
    return Explanation(model.name, start, end, looking.variants, heads)


def _stretch(text: str, model: Model) -> Piece:
    """Return the part of a text to take apart: all of it, or the stretch of a long one that harms most."""
    if len(text) <= LONGEST:
        return 0, len(text)
    starts = list(range(0, len(text) - _STEP, _STEP))[:_MOST_STRETCHES]
    pieces = [_whole_words(text, start, start + _STRETCH) for start in starts]
    harmful = model.score([text[a:b] for a, b in pieces]).harmful
    return pieces[int(np.argmax(harmful))]


def _whole_words(text: str, start: int, end: int) -> Piece:
    if start and not text[start - 1].isspace():
        start = next((m.end() for m in re.finditer(r"\s+", text[start : start + 200])), 0) + start
    if end < len(text):
        blank = max(text.rfind(" ", end - 200, end), text.rfind("\n", end - 200, end))
        end = blank if blank > start else end
    return start, min(end, len(text))


class _Looking:
    """One text being taken apart, with what the whole of it scores."""

    def __init__(self, text: str, model: Model) -> None:
        scheme = models.labels()
        self.text, self.model, self.variants = text, model, 1
        scores = model.score([text])
        self._harm = int(np.argmax(scores.harms[0]))
        self._protected = [i for i, act in enumerate(scheme.acts) if act in scheme.protected]
        act = max(self._protected, key=lambda i: float(scores.acts[0, i]))
        self.labels = (
            ("harmful", "harmful"),
            ("harm", scheme.harms[self._harm]),
            ("protected", scheme.acts[act]),
        )
        self.probabilities = self._heads(scores)[0]
        self._whole = log_odds(self.probabilities)

    def through(self) -> tuple[list[Piece], Effects]:
        """Return pieces that do not overlap, and what each adds to each score, (pieces, 3)."""
        words = list(_words(self.text))
        if len(words) < VARIANTS:
            pieces = words
            return pieces, self._effects(pieces)
        parts = _parts(self.text, words)
        effects = self._effects([_piece(part) for part in parts])
        left = VARIANTS - self.variants
        chosen = _that_matter(parts, effects, 2 * left)
        groups = _grouped([parts[i] for i in chosen], left)
        pieces, effects = [_piece(group) for group in groups], self._effects([_piece(g) for g in groups])
        coarse = [i for i in _ranked(effects) if len(groups[i]) > _FINE][: MORE_VARIANTS // _PARTS]
        if not coarse:
            return pieces, effects
        finer = _grouped([groups[i] for i in coarse], MORE_VARIANTS)
        kept = [i for i in range(len(pieces)) if i not in coarse]
        found = self._effects([_piece(group) for group in finer])
        return [pieces[i] for i in kept] + [_piece(g) for g in finer], np.vstack([effects[kept], found])

    def _effects(self, pieces: Sequence[Piece]) -> Effects:
        """Return what each piece adds to each score, in log-odds; one batch."""
        if not pieces:
            return np.zeros((0, len(self.labels)))
        self.variants += len(pieces)
        scores = self.model.score([self.text[:a] + self.text[b:] for a, b in pieces])
        return self._whole - log_odds(self._heads(scores))

    def _heads(self, scores: Scores) -> Effects:
        protected = scores.acts[:, self._protected].sum(axis=1)
        return np.stack([scores.harmful, scores.harms[:, self._harm], protected], axis=1)


def _words(text: str) -> Iterator[Piece]:
    """Yield the words of a text without the signs around them; signs alone, an emoji say, are a word too."""
    for token in _TOKEN.finditer(text):
        said = token.group()
        before = _EDGES.match(said)
        after = _EDGES.search(said, before.end() if before else 0)
        start = token.start() + (before.end() if before else 0)
        end = token.start() + (after.start() if after else len(said))
        yield (start, end) if start < end else token.span()


def _parts(text: str, words: Sequence[Piece]) -> list[list[Piece]]:
    """Return the words by sentence, sentences joined or split until there are about twelve parts."""
    parts: list[list[Piece]] = [[]]
    for word, following in zip(words, [*words[1:], (len(text), len(text))], strict=True):
        parts[-1].append(word)
        if _SENTENCE_END.search(text, word[0], following[0]):
            parts.append([])
    parts = [part for part in parts if part]
    while len(parts) > _PARTS:
        _join_least(parts)
    while len(parts) < _PARTS and _split_longest(parts):
        pass
    # A long sentence among many short ones is looked into as closely as a long text of even ones.
    for _ in range(_PARTS):
        if max(len(part) for part in parts) <= 2 * -(-len(words) // _PARTS):
            break
        _join_least(parts)
        _split_longest(parts)
    return parts


def _join_least(parts: list[list[Piece]]) -> None:
    least = min(range(len(parts) - 1), key=lambda i: len(parts[i]) + len(parts[i + 1]))
    parts[least : least + 2] = [parts[least] + parts[least + 1]]


def _split_longest(parts: list[list[Piece]]) -> bool:
    longest = max(range(len(parts)), key=lambda i: len(parts[i]))
    part = parts[longest]
    if len(part) < _SPLIT_FROM:
        return False
    parts[longest : longest + 1] = [part[: len(part) // 2], part[len(part) // 2 :]]
    return True


def _ranked(effects: Effects) -> list[int]:
    """Return the pieces, those first that move one of the scores most, by that score's own scale."""
    scaled = np.abs(effects) / (np.abs(effects).max(axis=0) + 1e-9)
    return [int(i) for i in np.lexsort((-scaled[:, 0], -scaled.max(axis=1)))]


def _that_matter(parts: Sequence[Sequence[Piece]], effects: Effects, most: int) -> list[int]:
    """Return the parts to look into, in order of place: the first by rank that hold `most` words or fewer."""
    chosen: list[int] = []
    held = 0
    for index in _ranked(effects):
        if not chosen or held + len(parts[index]) <= most:
            chosen.append(index)
            held += len(parts[index])
    return sorted(chosen)


def _grouped(parts: Sequence[Sequence[Piece]], most: int) -> list[list[Piece]]:
    """Cut parts into groups of as few words as give at most `most` groups."""
    size = 1
    while sum(-(-len(part) // size) for part in parts) > most:
        size += 1
    return [list(part[i : i + size]) for part in parts for i in range(0, len(part), size)]


def _piece(group: Sequence[Piece]) -> Piece:
    return group[0][0], group[-1][1]


Run = tuple[float, int, int]


def _spans(text: str, pieces: Sequence[Piece], effects: Effects, offset: int) -> tuple[list[Run], list[Run]]:
    """Return runs (effect, start, end) that moved a score up and down, in order of place."""
    top = float(np.abs(effects).max(initial=0.0))
    least = max(_LEAST, _LEAST_SHARE * top)
    runs: list[Run] = []
    for (a, b), value in sorted(zip(pieces, effects.tolist(), strict=True)):
        if abs(value) < least:
            continue
        last = runs[-1] if runs else None
        # Words side by side that pull the same way are one span.
        if last is not None and (last[0] > 0) == (value > 0) and not text[last[2] : a].strip():
            runs[-1] = (last[0] + value, last[1], b)
        else:
            runs.append((value, a, b))
    strongest = sorted(runs, key=lambda run: (-abs(run[0]), run[1]))
    sides = ([run for run in strongest if (run[0] > 0) is up][:_SHOWN] for up in (True, False))
    up, down = (
        [(v, a + offset, b + offset) for v, a, b in sorted(side, key=lambda r: r[1])] for side in sides
    )
    return up, down


def _named(found: tuple[list[Run], list[Run]], label: str) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    top = max((abs(value) for side in found for value, _, _ in side), default=1.0)
    up, down = (
        tuple(Span(a, b, label, round(abs(value) / top, 3)) for value, a, b in side) for side in found
    )
    return up, down
