"""Splits what was typed into terms, and finds them again in a text to highlight them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from store.text import fold, place_tones

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
    wanted = [(term.folded, term.prefix) for term in terms if not term.excluded]
    if not wanted:
        return
    found = [(match.start(), match.end(), fold(match.group())) for match in _WORD.finditer(text)]
    index = 0
    while index < len(found):
        ahead = tuple(word for _, _, word in found[index : index + max(len(w) for w, _ in wanted)])
        length = max((len(w) for w, prefix in wanted if _stands(w, ahead, prefix)), default=0)
        if length:
            yield found[index][0], found[index + length - 1][1]
        index += max(length, 1)


def _stands(wanted: tuple[str, ...], ahead: tuple[str, ...], prefix: bool) -> bool:
    return ahead[0].startswith(wanted[0]) if prefix else ahead[: len(wanted)] == wanted


def _densest(ranges: Sequence[tuple[int, int]]) -> int:
    best, start = 0, 0
    for i, (begin, _) in enumerate(ranges):
        covered = sum(1 for _, end in ranges[i:] if end - begin <= SNIPPET - 60)
        if covered > best:
            best, start = covered, begin
    return start
