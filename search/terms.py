"""Splits what was typed into terms, and finds them again in a text to highlight them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from store.text import fold, fold_aligned, place_tones

SNIPPET = 240
# Longer "words" are keys or junk; nobody types them, and engines limit terms.
LONGEST_WORD = 100
SHORTEST_PREFIX = 2
_TYPED = re.compile(r'(-?)(?:"([^"]*)"|(\S+))')
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Term:
    """A word, the beginning of one, or several that must stand in a row; as `words` gives them."""

    words: tuple[str, ...]
    excluded: bool = False
    prefix: bool = False

    @property
    def folded(self) -> tuple[str, ...]:
        return tuple(fold(word) for word in self.words)


def words(text: str) -> list[str]:
    """Return the words of `text` as they are indexed: lower case, NFC, tones in one place."""
    lowered = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
    return [word[:LONGEST_WORD] for word in _WORD.findall(place_tones(lowered))]


def parse(typed: str) -> list[Term]:
    """Return the terms of what was typed; anything odd is taken as words."""
    terms = []
    for minus, phrase, word in _TYPED.findall(typed):
        found = tuple(words(phrase or word))
        if found:
            begins = word.endswith("*") and len(found) == 1 and len(found[0]) >= SHORTEST_PREFIX
            terms.append(Term(found, bool(minus), begins))
    return terms


def excerpt(title: str, text: str, terms: Sequence[Term]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return what is shown of a post below its title: one paragraph, without the title that may open it."""
    said = " ".join(text.removeprefix(title).split())
    return highlight(said or text, terms)


def highlight(text: str, terms: Sequence[Term]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return the part of `text` where most terms stand close together, and their ranges in it."""
    ranges = list(_occurrences(text, terms))
    if len(text) <= SNIPPET:
        return text, tuple(ranges)
    start = _densest(ranges)
    # Begin at a word, a little before the first match.
    begin = text.rfind(" ", 0, max(0, start - 40)) + 1 if start > 40 else 0
    end = min(len(text), begin + SNIPPET)
    prefix, suffix = "…" if begin else "", "…" if end < len(text) else ""
    shift = len(prefix) - begin
    inside = tuple((a + shift, b + shift) for a, b in ranges if a >= begin and b <= end)
    return prefix + text[begin:end] + suffix, inside


def _occurrences(text: str, terms: Sequence[Term]) -> Iterator[tuple[int, int]]:
    pattern = _pattern(tuple(term for term in terms if not term.excluded))
    if pattern is not None:
        for match in pattern.finditer(fold_aligned(text)):
            yield match.span()


@lru_cache(maxsize=64)
def _pattern(terms: tuple[Term, ...]) -> re.Pattern[str] | None:
    # Where several begin at one word, the one of most words is marked.
    longest_first = sorted(terms, key=lambda term: -len(term.words))
    said = [r"\W+".join(term.folded) + (r"\w*" if term.prefix else "") for term in longest_first]
    return re.compile(rf"\b(?:{'|'.join(said)})\b") if said else None


def _densest(ranges: Sequence[tuple[int, int]]) -> int:
    best, start, first = 0, 0, 0
    for last, (_, end) in enumerate(ranges):
        while first < last and end - ranges[first][0] > SNIPPET - 60:
            first += 1
        if last - first + 1 > best:
            best, start = last - first + 1, ranges[first][0]
    return start
