"""Figures of parts of a data set, and of the whole set written otherwise: where a model holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from classifier.evaluate import ranking
from classifier.evaluate.disturb import CHANGES
from classifier.evaluate.ranking import Bits
from classifier.evaluate.resample import Difference, Figure, Resampler
from classifier.evaluate.rows import Rows
from classifier.evaluate.seen import Judged, Seen
from classifier.model import Scores
from classifier.policy import Thresholds

LEAST = 10  # rows, below which a slice is not shown by itself
_LENGTHS = ((0, 15), (16, 30), (31, 60), (61, 150), (151, 400), (401, None))
_MARKED = 0.05
_CAPITALS = 0.5
_TEEN = 0.06
_WORD = re.compile(r"\w+")
# Shortenings of chat that are no other word, nor the initials of something.
_TEENCODE = frozenset(
    """
    k ko hok hem hông hog kg đc dc đk vs zới mn mng ngta ngừi nx ns nch cx cxg cg lm bt bít bik bjo
    bh hnay hqua hum j z dzậy zậy zị zì r rùi ròi gòi ntn vl vcl cmt ib sđt trc iu ny ck vk ak nhak
    thui lun wá wa qá mk mik mih ik thik thík bn bịnh ng nhg nhưg ms trùi ui úi tek thek nek đag dag
    cdc mún lém bùn zui zô dô cty tks okie
    """.split()  # noqa: SIM905 words are easier to read than a list of strings
)


@dataclass(frozen=True)
class Slice:
    """The figures of some rows. `kind` says by what the set was cut; `of` is this part of it.

    `recall_at` is that at 1 % protected flags, None with fewer than 100 protected rows, where 1 % is nothing.
    """

    kind: str
    of: str
    rows: int
    harmful: int
    protected: int
    roc_auc: Figure
    average_precision: Figure
    recall_at: Figure | None
    recall: Figure
    flagged: Figure
    """The share of protected rows that are flagged."""


@dataclass(frozen=True)
class Change:
    """The whole set with each text changed in one way, against the set as found."""

    name: str
    label: str
    slice: Slice
    roc_auc: Difference
    recall: Difference
    turned: Figure
    """The share of rows that are flagged in one writing and not in the other."""


def slices(rows: Rows, scores: Scores, limits: Thresholds, sample: Resampler) -> tuple[Slice, ...]:
    """Return the slices of a data set that have rows enough, by source, length and way of writing."""
    return tuple(
        _measured(kind, name, chosen, rows, scores, limits, sample)
        for kind, name, chosen in _cuts(rows)
        if LEAST <= chosen.sum() < len(rows)
    )


def changes(rows: Rows, seen: Seen, limits: Thresholds, sample: Resampler) -> tuple[Change, ...]:
    """Return what each change of the texts does to the figures."""
    everything = np.ones(len(rows), bool)
    before = Judged.of(seen.scores, limits)
    found = []
    for name, scores in seen.changed.items():
        after = Judged.of(scores, limits)
        label = CHANGES[name][0]
        found.append(
            Change(
                name,
                label,
                _measured("cách viết", label, everything, rows, scores, limits, sample),
                sample.compare(
                    ranking.auc(rows.harmful, scores.harmful),
                    ranking.auc(rows.harmful, seen.scores.harmful),
                ),
                sample.compare(
                    ranking.ratio(after.flagged & rows.harmful, rows.harmful),
                    ranking.ratio(before.flagged & rows.harmful, rows.harmful),
                ),
                sample.share(after.flagged != before.flagged, everything),
            )
        )
    return tuple(found)


def has_marks(text: str) -> bool:
    """Say whether more than 1 in 20 words carries a diacritic or đ: whether it is written with dấu."""
    found = _WORD.findall(text.lower())
    return sum(not word.isascii() for word in found) > _MARKED * len(found)


def is_teencode(text: str) -> bool:
    """Say whether at least two words, and 6 % of them, are shortenings of chat."""
    found = _WORD.findall(text.lower())
    short = sum(word in _TEENCODE for word in found)
    return short >= 2 and short >= _TEEN * len(found)


def is_loud(text: str) -> bool:
    """Say whether at least half of the letters are capitals."""
    letters = [c for c in text if c.isalpha()]
    return bool(letters) and sum(c.isupper() for c in letters) >= _CAPITALS * len(letters)


def _cuts(rows: Rows) -> Iterator[tuple[str, str, Bits]]:
    for kind, names in (
        ("nguồn", rows.sources),
        ("nhóm dữ liệu", [g.partition("/")[0] for g in rows.groups]),
    ):
        array = np.array(names)
        for name in sorted({*names} - {""}):
            yield kind, name, array == name
    lengths = np.array([len(text.split()) for text in rows.texts])
    for low, high in _LENGTHS:
        label = f"{low}–{high} từ" if low and high else f"đến {high} từ" if high else f"từ {low} từ"
        yield "độ dài", label, (lengths >= low) & (lengths <= (high or np.inf))
    for kind, yes, no, test in (
        ("dấu", "có dấu", "không dấu", has_marks),
        ("viết tắt", "viết tắt kiểu chat", "viết đủ chữ", is_teencode),
        ("chữ hoa", "phần lớn chữ hoa", "chữ thường", is_loud),
    ):
        holds = np.array([test(text) for text in rows.texts])
        yield kind, yes, holds
        yield kind, no, ~holds


def _measured(
    kind: str, of: str, chosen: Bits, rows: Rows, scores: Scores, limits: Thresholds, sample: Resampler
) -> Slice:
    harmful, protected = rows.harmful & chosen, rows.protected & chosen
    judged = Judged.of(scores, limits)
    truth, speaking, p = rows.harmful[chosen], rows.protected[chosen], scores.harmful[chosen]
    positives = int(truth.sum())

    def ranked(statistic: ranking.Statistic) -> Figure:
        return sample.figure(statistic, chosen, positives)

    return Slice(
        kind,
        of,
        int(chosen.sum()),
        positives,
        int(protected.sum()),
        ranked(ranking.auc(truth, p)),
        ranked(ranking.average_precision(truth, p)),
        ranked(ranking.recall_at(truth, speaking, p)) if speaking.sum() >= 1 / ranking.SHARE else None,
        sample.share(judged.flagged & harmful, harmful),
        sample.share(judged.flagged & protected, protected),
    )
