"""Word sequences, written as people read them, compared without dấu, found in one walk over the words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from models import DataError
from store.text import fold

# The words of a folded text. A percentage is one word, "1tr2" is three; the end of a sentence is a word of
# its own, and so is a comma, which a phrase passes only in a gap.
WORD = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)*%?|[\n!?…]|[.,;](?=\s)")
ENDS = frozenset("\n!?….")
NUMBER, PERCENT = "<số>", "<%>"
_GAP_WORDS = {"..": 3, "...": 6, "....": 12}

_SPLIT = re.compile(r"[()\[\]|]|<[^>]+>|\.{2,4}|[^\s()\[\]|<]+")
_MAX_SEQUENCES = 5_000
_UNLESS = "neu"  # "nếu không gửi mã OTP" asks for it

Sequences = list[tuple[str | int, ...]]
Found = dict[str, tuple[int, int]]


@dataclass(slots=True)
class _Node:
    """A place in the tree: what ends here, what word may follow, and what after a gap of so many words."""

    names: list[str] = field(default_factory=list)
    words: dict[str, _Node] = field(default_factory=dict)
    gaps: list[tuple[int, _Node]] = field(default_factory=list)


class Phrases:
    """Phrases by name, in one tree of words; `find` takes time linear in the text.

    Each word starts at most one walk, whose steps are bounded by the phrases and their gaps: no text is slow.
    """

    def __init__(
        self,
        phrases: Mapping[str, Sequence[str]],
        lists: Mapping[str, Sequence[str]] | None = None,
        denied: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Build from `phrases` (notation of models/signals/phrases.yaml); raises `models.DataError`."""
        read = {
            name: [sequence for text in texts for sequence in _sequences(text, {})]
            for name, texts in (lists or {}).items()
        }
        root = _Node()
        self._denied = {
            name: frozenset(tuple(WORD.findall(fold(word))) for word in words)
            for name, words in (denied or {}).items()
        }
        for name, texts in phrases.items():
            for text in texts:
                _add(root, name, _segments(text), read)
        self._root = root.words

    def find(self, words: Sequence[str]) -> Found:
        """Return where each name is found first: the index of its first word and of the word after it."""
        found: Found = {}
        root = self._root
        for start, word in enumerate(words):
            if (node := root.get(word)) is not None:
                self._walk(node, words, start + 1, start, found)
            if "0" <= word < ":" and (node := root.get(_kind(word))) is not None:
                self._walk(node, words, start + 1, start, found)
        return found

    def _walk(self, node: _Node, words: Sequence[str], at: int, start: int, found: Found) -> None:
        for name in node.names:
            if name not in found and not self._is_denied(name, words, start):
                found[name] = (start, at)
        if at >= len(words):
            return
        word = words[at]
        if (after := node.words.get(word)) is not None:
            self._walk(after, words, at + 1, start, found)
        if "0" <= word < ":" and (after := node.words.get(_kind(word))) is not None:
            self._walk(after, words, at + 1, start, found)
        for gap, beyond in node.gaps:
            following = beyond.words
            for place in range(at, min(at + gap + 1, len(words))):
                word = words[place]
                if (after := following.get(word)) is not None:
                    self._walk(after, words, place + 1, start, found)
                if "0" <= word < ":" and (after := following.get(_kind(word))) is not None:
                    self._walk(after, words, place + 1, start, found)
                if word in ENDS:
                    break

    def _is_denied(self, name: str, words: Sequence[str], start: int) -> bool:
        denied = self._denied.get(name)
        if not denied:
            return False
        for place in range(start - 1, max(start - 4, -1), -1):
            if words[place] in ENDS:
                return False
            if (words[place],) in denied or (words[place], words[place + 1]) in denied:
                return place == 0 or words[place - 1] != _UNLESS
        return False


def places(words_of: str, found: Found) -> dict[str, tuple[int, int]]:
    """Return the characters of a folded text that each of `found` takes."""
    if not found:
        return {}
    last = max(end for _, end in found.values())
    spans = [match.span() for match, _ in zip(WORD.finditer(words_of), range(last), strict=False)]
    return {name: (spans[start][0], spans[end - 1][1]) for name, (start, end) in found.items()}


def _kind(word: str) -> str:
    return PERCENT if word[-1] == "%" else NUMBER


def _add(root: _Node, name: str, segments: list[str | int], lists: Mapping[str, Sequences]) -> None:
    """Add one phrase to the tree. What follows a gap is one tree, shared by all that may stand before it."""
    first, *rest = segments
    after: tuple[int, _Node] | None = None
    if rest:
        gap, *following = rest
        after = (int(gap), _Node())
        _add(after[1], name, following, lists)
    for sequence in _sequences(str(first), lists):
        node = root
        for element in sequence:
            if isinstance(element, int):
                node.gaps.append((element, node := _Node()))
            else:
                node = node.words.setdefault(element, _Node())
        if after is not None:
            node.gaps.append(after)
        elif name not in node.names:
            node.names.append(name)


def _segments(text: str) -> list[str | int]:
    """Split a phrase at the gaps outside brackets: text, words of the gap, text, ..."""
    found: list[str | int] = [""]
    depth = 0
    for part in _SPLIT.findall(text):
        depth += (part in "([") - (part in ")]")
        if depth == 0 and part in _GAP_WORDS:
            found += [_GAP_WORDS[part], ""]
        else:
            found[-1] = f"{found[-1]} {part}"
    if any(part == "" for part in found) or (len(found) > 1 and depth):
        raise DataError(f"Cụm từ của dấu hiệu phải bắt đầu và kết thúc bằng một từ: {text}")
    return found


def _sequences(text: str, lists: Mapping[str, Sequences]) -> Sequences:
    """Return all word sequences that a segment stands for, each beginning and ending with a word."""
    found = _Reader(text, lists).sequences()
    if len(found) > _MAX_SEQUENCES:
        raise DataError(f"Cụm từ mở ra {len(found)} dãy, nhiều nhất là {_MAX_SEQUENCES}: {text}")
    for sequence in found:
        if not sequence or isinstance(sequence[0], int) or isinstance(sequence[-1], int):
            raise DataError(f"Cụm từ của dấu hiệu phải bắt đầu và kết thúc bằng một từ: {text}")
    return found


class _Reader:
    """Reads one phrase of the notation into all the word sequences that it stands for."""

    def __init__(self, text: str, lists: Mapping[str, Sequences]) -> None:
        self._text, self._lists = text, lists
        self._parts = _SPLIT.findall(text)
        self._at = 0

    def sequences(self) -> Sequences:
        found = self._choice()
        if self._at < len(self._parts):
            raise self._wrong(f"thừa {self._parts[self._at]}")
        return found

    def _choice(self) -> Sequences:
        found = self._sequence()
        while self._peek() == "|":
            self._at += 1
            found = found + self._sequence()
        return found

    def _sequence(self) -> Sequences:
        items = list(self._items())
        return [tuple(element for part in parts for element in part) for parts in product(*items)]

    def _items(self) -> Iterator[Sequences]:
        while (part := self._peek()) not in ("", "|", ")", "]"):
            self._at += 1
            if part in "([":
                inner = self._choice()
                if self._peek() != {"(": ")", "[": "]"}[part]:
                    raise self._wrong(f"{part} không được đóng")
                self._at += 1
                yield inner if part == "(" else [(), *inner]
            elif part in _GAP_WORDS:
                yield [(_GAP_WORDS[part],)]
            elif part in (NUMBER, PERCENT):
                yield [(part,)]
            elif part.startswith("<"):
                if part[1:-1] not in self._lists:
                    raise self._wrong(f"không có danh sách {part}")
                yield self._lists[part[1:-1]]
            else:
                yield [tuple(WORD.findall(fold(part)))]

    def _peek(self) -> str:
        return self._parts[self._at] if self._at < len(self._parts) else ""

    def _wrong(self, why: str) -> DataError:
        return DataError(f"Cụm từ của dấu hiệu viết sai ({why}): {self._text}")
