"""Written tests of behaviour: for each function and topic, is harm caught and speech left alone?"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from classifier.evaluate.ranking import Bits
from classifier.evaluate.resample import Figure, Resampler
from classifier.evaluate.rows import Rows
from classifier.evaluate.seen import Judged
from classifier.model import Scores
from classifier.policy import Thresholds

# What the functions of the shipped sets are; a function of another name is shown by its name.
NAMES = {
    "F1": "tin sai nói thẳng",
    "F2": "tin sai không dấu",
    "F3": "tin sai viết tắt kiểu chat",
    "F4": "tin sai dạng chuyền tay",
    "F5": "tin sai nói nước đôi",
    "F6": "bác bỏ",
    "F7": "hỏi",
    "F8": "báo chí đính chính",
    "F9": "châm biếm",
    "F10": "lời kể",
    "F11": "phê bình",
    "F12": "lời khuyên đúng",
    "F13": "hợp pháp mà trông giống",
    "F14": "ngoài đề",
    "F15": "trích lại để bác",
    "F16": "tin sai kể như chuyện nhà",
}


@dataclass(frozen=True)
class Function:
    """The rows of one function: the share of harmful ones flagged, and of the others left alone."""

    key: str
    label: str
    rows: int
    harmful: int
    caught: Figure
    spared: Figure
    uncertain: Figure
    mean: float
    """The mean P(harmful)."""


@dataclass(frozen=True)
class Cell:
    """The rows of one function on one topic: how many, how many judged rightly, and their mean P(harmful)."""

    rows: int
    right: int
    mean: float


@dataclass(frozen=True)
class Behaviour:
    """The two totals, what is left (neither harmful nor protected), and their parts.

    `topics` are (name, harmful caught, others spared); `cells` is topics x functions, None where there is no
    row.
    """

    caught: Figure
    spared: Figure
    others: Figure
    functions: tuple[Function, ...]
    topics: tuple[tuple[str, Figure, Figure], ...]
    cells: tuple[tuple[Cell | None, ...], ...]


def behaviour(rows: Rows, scores: Scores, limits: Thresholds, sample: Resampler) -> Behaviour | None:
    """Return how the rows that name a function are judged; None where no row names one."""
    functions, topics = np.array(rows.functions), np.array(rows.topics)
    written = functions != ""
    if not written.any():
        return None
    judged = Judged.of(scores, limits)
    harmful, flagged = rows.harmful, judged.flagged
    right = flagged == harmful

    def caught(where: Bits) -> Figure:
        return sample.share(flagged & harmful & where, harmful & where)

    def spared(where: Bits) -> Figure:
        return sample.share(~flagged & ~harmful & where, ~harmful & where)

    keys = sorted({*rows.functions} - {""}, key=_natural)
    names = sorted({*topics[written].tolist()} - {""})

    def cell(where: Bits) -> Cell | None:
        number = int(where.sum())
        return Cell(number, int(right[where].sum()), float(scores.harmful[where].mean())) if number else None

    return Behaviour(
        caught(written),
        spared(written & rows.protected),
        spared(written & ~rows.protected),
        tuple(
            Function(
                key,
                NAMES.get(key, ""),
                int(here.sum()),
                int((here & harmful).sum()),
                caught(here),
                spared(here),
                sample.share(judged.uncertain & here, here),
                float(scores.harmful[here].mean()),
            )
            for key in keys
            for here in [functions == key]
        ),
        tuple((name, caught(here), spared(here)) for name in names for here in [written & (topics == name)]),
        tuple(tuple(cell((topics == name) & (functions == key)) for key in keys) for name in names),
    )


def _natural(key: str) -> tuple[tuple[int, str], ...]:
    """Order F2 before F10."""
    parts = re.findall(r"\d+|\D+", key)
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts)
