"""Chooses how evidence is weighed, and from when it is shown or confirmed, for one model.

Claims and posts about them are those of the written sets (`classifier.claims.written`); real posts about
something else say how often a match would be false. Thresholds are chosen out of fold: no topic and no post
is judged by weights that were fitted on it. The wordings of the shipped claims are not used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from classifier.claims.base import ClaimBase, Known
from classifier.claims.evidence import Evidence, Finder, Read, read
from classifier.claims.fitting import Terms, fit_odds, fit_rank, least
from classifier.claims.lexical import Lexical
from classifier.claims.match import is_firm
from classifier.claims.meaning import Meaning
from classifier.claims.weights import FEATURES, TERMS, Ranking, Weights
from classifier.claims.written import SLOTS, Written
from classifier.model import Pieces, Scores
from classifier.vectors import Kept

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]
Progress = Callable[[int, int], None]

_FOLDS = 5
_ANY_DAY = date(2022, 1, 1)
_READ_AT_ONCE = 64
# Of the posts about a claim, so many may rank it below the floor.
_BELOW_FLOOR = 0.01

# How often a post about something else may be confirmed and suggested, and how often one about a claim that
# is not known may be confirmed as another, on what this is chosen on.
FALSE_CONFIRMED = 0.002
FALSE_SUGGESTED = 0.01
MISTAKEN = 0.05


class Reader(Protocol):
    """A model, as this room needs it."""

    @property
    def name(self) -> str: ...
    def score(self, texts: Sequence[str]) -> Scores: ...
    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Chosen:
    """Weights and thresholds, and what they give out of fold on what they were chosen on."""

    weights: Weights
    suggest: float
    confirm: float
    told: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Setting:
    """One set of known claims and the texts that are asked of it, with the claim each is about, or -1.

    `kind` is "about", "look-alike", "absent" (about a claim that is not known here) or "unrelated".
    """

    base: ClaimBase
    texts: list[int]
    claims: list[int]
    kinds: list[str]
    folds: list[int]


def calibrate(
    written: Written,
    unrelated: Sequence[str],
    model: Reader,
    kept: Kept | None = None,
    progress: Progress = lambda done, total: None,
) -> Chosen:
    """Choose for `model`, and for words alone; `unrelated` are normalised posts about other things."""
    kept = kept or Kept(model)
    texts = [*(question.text for question in written.questions), *unrelated]
    pieces = read_pieces(model, texts, progress) if kept.width else []
    settings = _settings(written, len(texts))
    told: dict[str, Any] = {
        "claims": len(written.claims), "questions": len(written.questions), "unrelated": len(unrelated),
    }  # fmt: skip
    words, limits, told["words"] = _choose(settings, texts, [], None)
    both = words
    if pieces:
        by_words = limits
        both, limits, told["both"] = _choose(settings, texts, pieces, kept)
        # One threshold serves both: from it on, words alone show as few false claims as both together do.
        shift = float(logit(limits[0]) - logit(by_words[0]))
        words = words.model_copy(update={"intercept": round(words.intercept + shift, 4)})
    return Chosen(Weights(encoder=model.name, both=both, words=words), *limits, told)


def read_pieces(
    model: Reader, texts: Sequence[str], progress: Progress = lambda done, total: None
) -> list[Pieces]:
    """Return the pieces of some texts as `model` reads them."""
    found: list[Pieces] = []
    for start in range(0, len(texts), _READ_AT_ONCE):
        found += model.score(texts[start : start + _READ_AT_ONCE]).pieces
        progress(min(start + _READ_AT_ONCE, len(texts)), len(texts))
    return found


def _settings(written: Written, number: int) -> list[_Setting]:
    asked = list(enumerate(written.questions))
    made = []
    # Each wording is asked where its claim lacks it; what is no wording, where all are known.
    for slot in (*range(SLOTS), -1):
        those = [(i, q) for i, q in asked if q.wording == slot]
        kinds = ["about" if q.claim >= 0 else "look-alike" for _, q in those]
        folds = [(q.claim if q.claim >= 0 else q.topic) % _FOLDS for _, q in those]
        made.append(
            _Setting(written.base(slot), [i for i, _ in those], [q.claim for _, q in those], kinds, folds)
        )
    # Posts about something else are asked of the claims that ship: those are the ones they must not match.
    others = list(range(len(asked), number))
    made.append(
        _Setting(
            ClaimBase.shipped(), others, [-1] * len(others), ["unrelated"] * len(others),
            [i % _FOLDS for i in others],
        )
    )  # fmt: skip
    for fold in range(_FOLDS):
        known = tuple(Known(one) for i, one in enumerate(written.claims) if i % _FOLDS != fold)
        those = [(i, q) for i, q in asked if q.claim >= 0 and q.claim % _FOLDS == fold and q.wording <= 0]
        texts = [i for i, _ in those]
        made.append(
            _Setting(ClaimBase(known), texts, [-1] * len(texts), ["absent"] * len(texts), [fold] * len(texts))
        )
    return made


@dataclass(frozen=True)
class _Asked:
    """A setting with its texts taken apart and compared."""

    setting: _Setting
    lexical: Lexical
    meaning: Meaning | None
    parted: list[Read]

    def terms(self, i: int) -> Terms:
        """Return how alike the pieces of a text are to all claims, (k, n, TERMS)."""
        one = self.parted[i]
        words = [(one.words @ index.T).toarray() for index in (self.lexical.claims, self.lexical.corrections)]
        meant = [np.zeros_like(words[0])] * 2
        if self.meaning is not None and one.vectors is not None:
            by = (self.meaning.claims, self.meaning.corrections)
            meant = [one.vectors @ index.T / self.meaning.scale.spread for index in by]
        return np.stack([*meant, *words], axis=2).astype(np.float32)

    def find(self, ranking: Ranking) -> list[list[Evidence]]:
        finder = Finder(self.setting.base, ranking, self.lexical, self.meaning)
        return finder.find(self.parted, [_ANY_DAY] * len(self.parted))


def _choose(
    settings: Sequence[_Setting], texts: Sequence[str], pieces: Sequence[Pieces], kept: Kept | None
) -> tuple[Ranking, tuple[float, float], dict[str, float]]:
    asked = []
    cohort = ClaimBase.shipped().known
    for setting in settings:
        lexical = Lexical.of(setting.base.known, cohort)
        meaning = Meaning.of(setting.base.known, kept, cohort) if kept else None
        mine = [pieces[i] for i in setting.texts] if pieces else []
        asked.append(
            _Asked(setting, lexical, meaning, read([texts[i] for i in setting.texts], mine, lexical, meaning))
        )
    ranking = _rank(asked, meant=bool(pieces))
    return _odds(asked, ranking, meant=bool(pieces))


def _rank(asked: Sequence[_Asked], *, meant: bool) -> Ranking:
    """Return the order of claims, with a floor below which a hundredth of those asked for fall."""
    given = [
        (one.terms(i), claim) for one in asked for i, claim in enumerate(one.setting.claims) if claim >= 0
    ]
    terms, claims = [one for one, _ in given], [claim for _, claim in given]
    weights = fit_rank(terms, claims, np.array([meant, meant, True, True]))
    right = [float((one[:, claim] @ weights).max()) for one, claim in given]
    rank = {name: round(float(w), 4) for name, w in zip(TERMS, weights, strict=True) if w}
    return Ranking(rank=rank, floor=round(float(np.quantile(right, _BELOW_FLOOR)), 4), verify={}, intercept=0)


@dataclass(frozen=True)
class _Rows:
    """All evidence that was found, a row each, and of which text; `truth` says whether it is of its claim."""

    features: Floats
    truth: Bits
    text: NDArray[np.int64]
    fold: NDArray[np.int64]
    first: Bits
    first_wrong: Bits

    @classmethod
    def of(cls, asked: Sequence[_Asked], ranking: Ranking) -> tuple[_Rows, list[str]]:
        """Return the rows, and the kind of each text."""
        rows: list[tuple[tuple[float, ...], bool, int, int, bool, bool]] = []
        kinds: list[str] = []
        for one in asked:
            setting = one.setting
            for claim, kind, fold, found in zip(
                setting.claims, setting.kinds, setting.folds, one.find(ranking), strict=True
            ):
                wrong = next((evidence for evidence in found if evidence.claim != claim), None)
                rows += [
                    (each.features, each.claim == claim, len(kinds), fold, each is found[0], each is wrong)
                    for each in found
                ]
                kinds.append(kind)
        return cls(*(np.array(column) for column in zip(*rows, strict=True))), kinds


def _odds(
    asked: Sequence[_Asked], ranking: Ranking, *, meant: bool
) -> tuple[Ranking, tuple[float, float], dict[str, float]]:
    """Return the ranking with its odds, the two thresholds, and what they give out of fold."""
    rows, kinds = _Rows.of(asked, ranking)
    counts = np.array([meant or not name.startswith("meaning") for name in FEATURES])
    # Of a text, its claim and the one most easily taken for it.
    learned = rows.truth | rows.first_wrong
    odds = np.zeros(len(rows.truth))
    for fold in range(_FOLDS):
        there = learned & (rows.fold != fold)
        intercept, slopes = fit_odds(rows.features[there], rows.truth[there], counts)
        judged = rows.fold == fold
        odds[judged] = intercept + rows.features[judged] @ slopes
    intercept, slopes = fit_odds(rows.features[learned], rows.truth[learned], counts)
    verify = {name: round(float(w), 4) for name, w in zip(FEATURES, slopes, strict=True) if w}
    probability = expit(odds)
    firm = np.array([meant or is_firm(one) for one in rows.features])
    limits, told = _limits(rows, probability, firm, np.array(kinds))
    made = ranking.model_copy(update={"verify": verify, "intercept": round(intercept, 4)})
    return made, limits, told


def _limits(
    rows: _Rows, probability: Floats, firm: Bits, kinds: NDArray[np.str_]
) -> tuple[tuple[float, float], dict[str, float]]:
    number = len(kinds)
    best, sure, right, right_sure, first = (np.zeros(number) for _ in range(5))
    first[rows.text[rows.first & rows.truth]] = 1
    np.maximum.at(best, rows.text, probability)
    np.maximum.at(sure, rows.text, probability * firm)
    np.maximum.at(right, rows.text, probability * rows.truth)
    np.maximum.at(right_sure, rows.text, probability * rows.truth * firm)
    about, absent, unrelated = (kinds == kind for kind in ("about", "absent", "unrelated"))
    # As if all evidence were firm: what is not makes confirming rarer still.
    confirm = max(least(best[unrelated], FALSE_CONFIRMED), least(best[absent], MISTAKEN))
    suggest = min(confirm, least(best[unrelated], FALSE_SUGGESTED))
    told = {
        "recall@1": first[about],
        "found": right[about] > 0,
        "suggested": right[about] >= suggest,
        "confirmed": right_sure[about] >= confirm,
        "another confirmed": (sure[about] >= confirm) & (sure[about] > right_sure[about]),
        "look-alikes confirmed": sure[kinds == "look-alike"] >= confirm,
        "about an unknown claim, confirmed": sure[absent] >= confirm,
        "unrelated, suggested": best[unrelated] >= suggest,
        "unrelated, confirmed": sure[unrelated] >= confirm,
    }
    shares = {name: round(float(held.mean()), 4) for name, held in told.items() if len(held)}
    return (suggest, confirm), {**shares, "suggest": suggest, "confirm": confirm}
