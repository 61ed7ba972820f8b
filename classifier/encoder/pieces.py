"""Where the sentences of a text are."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

Place = tuple[int, int]

_END = re.compile(r"(?<=[.!?…;])\s+|\n+")
_LEAST_WORDS = 4
_LONG = 40
_PART = 28
MOST = 64


def sentences(text: str, regions: list[Place]) -> list[Place]:
    """Return the places of the sentences within `regions` of a text, in order; at most `MOST`.

    A sentence of fewer than four words belongs to the one before it. One longer than 40 words, as posts
    without punctuation have, is cut into parts of at most 28. Where there are too many, neighbours join.
    """
    found = [place for region in regions for place in _within(text, *region)]
    while len(found) > MOST:
        found = [(found[i][0], found[min(i + 1, len(found) - 1)][1]) for i in range(0, len(found), 2)]
    return found


def _within(text: str, start: int, end: int) -> list[Place]:
    joined: list[Place] = []
    for a, b in _split(text, start, end):
        few = len(text[a:b].split(maxsplit=_LEAST_WORDS)) < _LEAST_WORDS
        if joined and (few or len(text[slice(*joined[-1])].split(maxsplit=_LEAST_WORDS)) < _LEAST_WORDS):
            joined[-1] = (joined[-1][0], b)
        else:
            joined.append((a, b))
    return [part for place in joined for part in _parts(text, *place)]


def _split(text: str, start: int, end: int) -> Iterator[Place]:
    at = start
    for gap in _END.finditer(text, start, end):
        yield from _stripped(text, at, gap.start())
        at = gap.end()
    yield from _stripped(text, at, end)


def _stripped(text: str, start: int, end: int) -> Iterator[Place]:
    inner = text[start:end]
    if inner.strip():
        yield start + len(inner) - len(inner.lstrip()), start + len(inner.rstrip())


def _parts(text: str, start: int, end: int) -> list[Place]:
    said = [(start + m.start(), start + m.end()) for m in re.finditer(r"\S+", text[start:end])]
    if len(said) <= _LONG:
        return [(start, end)]
    number = -(-len(said) // _PART)
    edges = [len(said) * i // number for i in range(number + 1)]
    return [(said[a][0], said[b - 1][1]) for a, b in itertools.pairwise(edges)]
