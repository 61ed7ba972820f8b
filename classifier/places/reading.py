"""A text as words: where each stands, how it is written, and what is written around it."""

from __future__ import annotations

import re

from classifier.places import words
from classifier.places.gazetteer import WORD, Gazetteer, Unit, gazetteer
from store.text import fold_aligned, place_tones

# Names in addresses of the web and of mail are not read as text.
_LINK = re.compile(r"://|www\.|@|\.(?:vn|com|net|org|info)\b")
_RUN = re.compile(r"\S+")
# What may stand between two words of one name.
WITHIN = frozenset({" ", "  ", "\u00a0", "-", " - ", "–", " – ", "—", " — ", "'", "’", "."})
# Where fewer letters than this have marks, their absence says nothing.
_FEW_MARKS = 0.04


class Reading:
    """One text as it is read, word by word. `text` is NFC; `plain` says that it is written without dấu."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.folded = fold_aligned(text)
        self.places: Gazetteer = gazetteer()
        spans = [match.span() for match in WORD.finditer(self.folded)]
        self.spans = _outside_links(text, spans) if _LINK.search(text) else spans
        folded = self.folded
        self.words = [folded[start:end] for start, end in self.spans]
        self.plain = len(text) - len(text.encode("ascii", "ignore")) < len(text) * _FEW_MARKS

    def gap(self, left: int, right: int) -> str:
        """Return what stands between two words."""
        return self.text[self.spans[left][1] : self.spans[right][0]]

    def joined(self, at: int, most: int) -> list[tuple[str, int]]:
        """Return the names that begin at a word, longest first, with the word after each."""
        name = self.words[at]
        names = [(name, at + 1)]
        for after in range(at + 1, min(at + most, len(self.words))):
            if self.gap(after - 1, after) not in WITHIN:
                break
            name = f"{name} {self.words[after]}"
            names.append((name, after + 1))
        return names[::-1]

    def written(self, at: int, after: int) -> str:
        """Return words exactly as they stand in the text."""
        return self.text[self.spans[at][0] : self.spans[after - 1][1]]

    def said(self, at: int, after: int) -> str:
        """Return words with their marks, as `gazetteer.spoken` gives names."""
        return " ".join(WORD.findall(place_tones(self.written(at, after).lower())))

    def spelled(self, units: tuple[Unit, ...], at: int, after: int) -> tuple[Unit, ...]:
        """Return the units whose name is written so: each word with its marks, or without any."""
        if not units:
            return ()
        said, plain = self.said(at, after), " ".join(self.words[at:after])
        if said == plain:
            return units
        return tuple(unit for unit in units if any(_same(said, plain, name) for name in unit.said))

    def before(self, at: int, back: int = 1) -> str:
        """Return the word that stands before in the same clause, in small letters; "" when there is none."""
        if at < back or (back == 1 and self.gap(at - 1, at).strip(" \u00a0\"'“(.")):
            return ""
        return self.text[slice(*self.spans[at - back])].lower()

    def titled(self, at: int, after: int) -> bool:
        """Say whether every word begins with a capital, or is a number."""
        return all(not self.text[start].islower() for start, _ in self.spans[at:after])

    def telling(self, at: int, after: int) -> bool:
        """Say whether capitals tell a name here: not where the words on both sides are written with them."""
        if not self.titled(at, after):
            return False
        sides = []
        if at and self.gap(at - 1, at).isspace():
            sides.append(self.text[slice(*self.spans[at - 1])])
        if after < len(self.spans) and self.gap(after - 1, after).isspace():
            sides.append(self.text[slice(*self.spans[after])])
        sides = [side for side in sides if side.isalpha()]
        if self.written(at, after).isupper():
            return any(not side.isupper() for side in sides)
        return len(sides) < 2 or any(side[0].islower() for side in sides)

    def goes_on(self, after: int, *, with_any: bool) -> bool:
        """Say whether a name goes on: with a word like "Đông", `with_any` with any capital but a place's."""
        if after >= len(self.words) or self.gap(after - 1, after) != " ":
            return False
        following = self.text[slice(*self.spans[after])]
        if not following[0].isupper() or (len(following) > 1 and following.isupper()):
            return False
        if following.lower() in words.GOING_ON:
            return True
        seconds = self.places.alone.get(self.words[after], {})
        place = "" in seconds or (after + 1 < len(self.words) and self.words[after + 1] in seconds)
        return with_any and not place and self.words[after] not in words.LEVEL_BEGINNINGS


def _outside_links(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the words that are in no address of the web or of mail."""
    links = [run.span() for run in _RUN.finditer(text) if _LINK.search(run.group())]
    links.append((len(text), len(text)))
    kept, at = [], 0
    for span in spans:
        while links[at][1] <= span[0] and at + 1 < len(links):
            at += 1
        if span[0] < links[at][0]:
            kept.append(span)
    return kept


def _same(said: str, plain: str, name: str) -> bool:
    """Say whether each word is the one of `name`, or that without its marks."""
    if said == name:
        return True
    theirs = name.split(" ")
    ours = list(zip(said.split(" "), plain.split(" "), strict=True))
    return len(ours) == len(theirs) and all(
        a in (plain_a, b) for (a, plain_a), b in zip(ours, theirs, strict=True)
    )
