"""How far the posts of a week are from those before: their scores, and their words.

Measures of scores: the population stability index over ten bins of equal share in the reference (Siddiqi,
Credit Risk Scorecards, 2006, whose 0.1 and 0.25 are the usual bounds), and the Jensen-Shannon divergence in
bits (Lin, IEEE Trans. Inf. Theory, 1991). Both are above nought between two samples of one source, so each is
given with what chance alone would make of samples of that size.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, rel_entr

from store.masking import mask
from store.text import fold_aligned

WATCH, CHANGED = 0.1, 0.25
BINS = 10
# Fewer texts say nothing of a distribution: by chance alone they pass the first bound.
LEAST = 100
# A word is shown only where so many different texts have it: it is then nobody's own.
SHARED_BY = 5
SHOWN = 12
_FLOOR = 1e-4
_SHUFFLES = 20

Floats = NDArray[np.float64]
Token = tuple[str, str]


class Level(StrEnum):
    STABLE = "stable"
    WATCH = "watch"
    CHANGED = "changed"


@dataclass(frozen=True)
class ScoreShift:
    """Two samples of scores compared. `psi_by_chance` is what 95 % of samples of one source stay below."""

    psi: float
    psi_by_chance: float
    js: float
    level: Level


def score_shift(scores: Sequence[float], reference: Sequence[float]) -> ScoreShift:
    """Compare probabilities with those of a reference; raises `ValueError` when either has none."""
    if not len(scores) or not len(reference):
        raise ValueError("no scores to compare")
    inner = np.unique(np.quantile(reference, np.linspace(0, 1, BINS + 1)[1:-1]))
    ours, theirs = (_counts(np.asarray(values, np.float64), inner) for values in (scores, reference))
    index, chance = psi(ours, theirs), psi_by_chance(len(scores), len(reference), len(ours))
    return ScoreShift(index, chance, jensen_shannon(ours, theirs), level(index, chance))


def _counts(values: Floats, inner: Floats) -> Floats:
    return np.bincount(np.searchsorted(inner, values, side="right"), minlength=len(inner) + 1).astype(float)


def psi(counts: Floats, reference: Floats) -> float:
    """Return the population stability index of two histograms over the same bins, (b,) each; 0 and more.

    An empty bin counts as a share of 0.0001.
    """
    ours, theirs = (np.maximum(c / c.sum(), _FLOOR) for c in (counts, reference))
    return float(np.sum((ours - theirs) * np.log(ours / theirs)))


def psi_by_chance(n: int, m: int, bins: int) -> float:
    """Return the 95th percentile of the index between two samples, of n and m, of one source.

    It is distributed as chi-squared with `bins` - 1 degrees times 1/n + 1/m (Yurdakul and Naranjo,
    J. Risk Model Validation, 2020). Copies of one text in a sample would break this: count them once.
    """
    return float((1 / n + 1 / m) * chdtri(max(1, bins - 1), 0.05))


def level(index: float, chance: float) -> Level:
    """Return the word for an index; what chance explains is stable."""
    if index < max(WATCH, chance):
        return Level.STABLE
    return Level.WATCH if index < max(CHANGED, chance) else Level.CHANGED


def jensen_shannon(counts: Floats, reference: Floats) -> float:
    """Return the divergence of two histograms over the same bins, (b,) each, in bits: 0 to 1, symmetric."""
    ours, theirs = counts / counts.sum(), reference / reference.sum()
    middle = (ours + theirs) / 2
    bits = (rel_entr(ours, middle).sum() + rel_entr(theirs, middle).sum()) / (2 * np.log(2))
    return float(min(1.0, max(0.0, bits)))


def training_scores(folder: Path) -> Floats | None:
    """Return P(harmful) of training posts, out of fold, (n,), from `oof.npz` of a model's folder.

    None where the folder has none; raises `models.DataError` for one that cannot be read.
    """
    from classifier.evaluate.seen import HELD_OUT, HeldOut

    return HeldOut.load(folder).scores.harmful if (folder / HELD_OUT).exists() else None


# ── words ───────────────────────────────────────────────────────────────────

# With a letter in it: what is all digits is no word.
# One search starts per run of word characters: a text of digits alone is gone through once.
_WORD = re.compile(r"(?<!\w)[\d_]*+[^\W\d_]\w*")
_TAG = re.compile(r"<[A-Z]+>|\bhttps?://\S+")


@dataclass(frozen=True)
class Risen:
    """A word with its share of all words, now and in the reference."""

    word: str
    share: float
    before: float


@dataclass(frozen=True)
class WordShift:
    """Two samples of texts compared by words. `unknown` is the share of words that the reference lacks.

    What ends in `_by_chance` is the 95th percentile when the same texts are parted at random.
    """

    js: float
    js_by_chance: float
    unknown: float
    unknown_by_chance: float
    rose: tuple[Risen, ...]

    @property
    def beyond_chance(self) -> bool:
        return self.js > self.js_by_chance


def tokens(text: str) -> list[Token]:
    """Return the words of a text, folded and as written in lower case.

    Links and whatever reaches a person are left out, as are numbers.
    """
    left = _TAG.sub(" ", mask(text))
    folded, small = fold_aligned(left), left.lower()
    if len(small) != len(folded):
        small = "".join(one if len(one := c.lower()) == 1 else c for c in left)
    return [(folded[a:b], small[a:b]) for a, b in (found.span() for found in _WORD.finditer(folded))]


def word_shift(
    week: Sequence[Sequence[Token]], reference: Sequence[Sequence[Token]], seed: int = 0
) -> WordShift | None:
    """Compare the words of texts (one of a cluster) with those of a reference; None when either has none.

    Words that fewer than five texts have are one word for the divergence, and are never shown.
    """
    texts = [*week, *reference]
    numbers: dict[str, int] = {}
    ids = np.array([numbers.setdefault(word, len(numbers)) for word, _ in chain(*texts)], np.int64)
    whose = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    of_week = np.arange(len(texts)) < len(week)
    if not np.any(of_week[whose]) or np.all(of_week[whose]):
        return None
    often = np.bincount(_distinct(ids, whose, len(numbers)), minlength=len(numbers)) >= SHARED_BY

    def measured(mine: NDArray[np.bool_]) -> tuple[float, float]:
        ours, theirs = (
            np.bincount(ids[side], minlength=len(numbers)) for side in (mine[whose], ~mine[whose])
        )
        if not ours.sum() or not theirs.sum():
            return 0.0, 0.0
        joined = (np.append(counts[often], counts[~often].sum()).astype(float) for counts in (ours, theirs))
        return jensen_shannon(*joined), float(ours[theirs == 0].sum() / ours.sum())

    rng = np.random.default_rng(seed)
    chance = np.quantile([measured(rng.permutation(of_week)) for _ in range(_SHUFFLES)], 0.95, axis=0)
    js, unknown = measured(of_week)
    return WordShift(js, float(chance[0]), unknown, float(chance[1]), _rose(week, reference))


def _distinct(ids: NDArray[np.int64], whose: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return the word of every different (text, word)."""
    return np.unique(whose * size + ids) % size


def _rose(week: Sequence[Sequence[Token]], reference: Sequence[Sequence[Token]]) -> tuple[Risen, ...]:
    """Return the words that add most to the divergence by having become more frequent."""
    ours, theirs = (Counter(word for word, _ in chain(*texts)) for texts in (week, reference))
    texts_with = Counter(word for text in week for word in {word for word, _ in text})
    n, m = ours.total(), theirs.total()
    gains: list[tuple[float, str]] = []
    for word, number in ours.items():
        p, q = number / n, theirs[word] / m
        if p > q and texts_with[word] >= SHARED_BY:
            gains.append((p * np.log2(2 * p / (p + q)) + (q * np.log2(2 * q / (p + q)) if q else 0.0), word))
    top = [word for _, word in sorted(gains, key=lambda gain: (-gain[0], gain[1]))[:SHOWN]]
    written = _as_written(chain(*week), {*top})
    return tuple(Risen(written[word], ours[word] / n, theirs[word] / m) for word in top)


def _as_written(said: Iterable[Token], wanted: set[str]) -> dict[str, str]:
    """Return for each folded word the form in which it is written most."""
    forms: dict[str, Counter[str]] = {word: Counter() for word in wanted}
    for word, form in said:
        if word in wanted:
            forms[word][form] += 1
    return {word: min(counted, key=lambda form: (-counted[form], form)) for word, counted in forms.items()}
