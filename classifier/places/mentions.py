"""Finds what may be a place in a text: a name of the gazetteer, with what is written around it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from classifier.places import words
from classifier.places.gazetteer import Kind, Unit
from classifier.places.reading import WITHIN, Reading

_AFTER_LEVEL = frozenset({"", " ", "  ", "\u00a0", ".", ". ", ": "})
_LIST = frozenset(
    {",", ", ", "/", " / ", "; ", " & ", " và ", " va ", ", và ", " hay ", " hoặc ", " - ", "-", " – "}
)
_YEAR = re.compile(r"[\s/.-]{0,3}(?:năm\s)?(?:19|20)\d\d")
_LONGEST = 6
_CITIES = frozenset({"Thành phố", "Thị xã"})
_CENTRAL = frozenset({"ha noi", "hai phong", "da nang", "hue", "can tho", "ho chi minh", "hcm", "sai gon"})


class How(StrEnum):
    """What settled a name: it names nothing else, its capitals, a level word, a place word, other places."""

    NAME = "name"
    CAPITALS = "capitals"
    LEVEL = "level"
    PLACE_WORD = "place_word"
    NEARBY = "nearby"


@dataclass(slots=True)
class Mention:
    """A name at characters `start` to `end`. It counts when `how` is set; till then it is in doubt.

    `units` are those that it may name, `likely` those of them of the level that is written before it.
    `leveled` says that there is one, `vouched` that a place word stands before it, `loose` that it is
    written in small letters.
    """

    start: int
    end: int
    units: tuple[Unit, ...]
    how: How | None
    kind: Kind
    leveled: bool = False
    vouched: bool = False
    loose: bool = False
    likely: tuple[Unit, ...] = ()


@dataclass(frozen=True, slots=True)
class Level:
    """A word that says what follows: its spellings, the kinds and the level that it stands for."""

    spelled: frozenset[str]
    kinds: tuple[Kind, ...]
    level: str
    short: bool


def _level(spelled: str, level: str, *kinds: Kind, short: bool = False) -> Level:
    return Level(frozenset(spelled.split("|")), kinds, level, short)


LEVELS: dict[str, Level] = {
    "tinh": _level("tỉnh|tinh", "", "province"),
    "thanh pho": _level("thành phố|thanh pho", "Thành phố", "province", "district"),
    "tp": _level("tp", "Thành phố", "province", "district", short=True),
    "quan": _level("quận|quan", "Quận", "district"),
    "q": _level("q", "Quận", "district", short=True),
    "huyen": _level("huyện|huyen", "Huyện", "district"),
    "h": _level("h", "Huyện", "district", short=True),
    "thi xa": _level("thị xã|thi xa", "Thị xã", "district"),
    "tx": _level("tx", "Thị xã", "district", short=True),
    "phuong": _level("phường|phuong", "Phường", "ward"),
    "p": _level("p", "Phường", "ward", short=True),
    "xa": _level("xã|xa", "Xã", "ward"),
    "x": _level("x", "Xã", "ward", short=True),
    "thi tran": _level("thị trấn|thi tran", "Thị trấn", "ward"),
    "tt": _level("tt", "Thị trấn", "ward", short=True),
    "dac khu": _level("đặc khu|dac khu", "Đặc khu", "ward"),
}

_Read = tuple[Mention, int]


class Finder(Reading):
    """Reads one text from left to right. A reading is a mention and the word after it."""

    def mentions(self) -> list[Mention]:
        """Return what may be a place, in order, none over another."""
        found: list[Mention] = []
        alone, tags, total = self.places.alone, self.places.tags, len(self.words)
        many = [*self.words, ""]
        at = 0
        chain: Mention | None = None
        while at < total:
            word = many[at]
            seconds = alone.get(word)
            read: _Read | None = None
            if word in words.LEVEL_BEGINNINGS:
                read = self._leveled(at)
            elif word[0] in "pq" and len(word) < 4 and word[1:].isdigit():
                read = self._numbered(at, word[0], int(word[1:]), self.spans[at][0] + 1)
            elif word in tags:
                read = self._tagged(at)
            if read is None and chain is not None:
                read = self._listed(at, chain)
            if read is None and seconds is not None and (many[at + 1] in seconds or "" in seconds):
                read = self._alone(at, seconds.get(many[at + 1], 1))
            if read is None:
                at += 1
                continue
            mention, at = read
            if mention.units:
                found.append(mention)
                chain = mention if mention.leveled and mention.kind == "district" else None
        return found

    # ── names behind a level word ────────────────────────────────────────────────────────────────

    def _leveled(self, at: int) -> _Read | None:
        word, after = self.words[at], at + 1
        if after < len(self.words) and self.gap(at, after) in WITHIN:
            pair = f"{word} {self.words[after]}"
            word, after = (pair, after + 1) if pair in LEVELS else (word, after)
        level = LEVELS.get(word)
        if level is None or after >= len(self.words) or self.gap(after - 1, after) not in _AFTER_LEVEL:
            return None
        spelled = " ".join(self.text[start:end].lower() for start, end in self.spans[at:after])
        if spelled not in level.spelled or (spelled == word and not level.short and not self.plain):
            return None
        number = self.words[after]
        if number.isdigit() and len(number) < 3:
            return self._numbered(after, level.level[:1].lower(), int(number), self.spans[after][0])
        for name, end in self.joined(after, _LONGEST):
            if units := self._at_level(name, after, end, level):
                return self._behind(level, name, after, end, units)
        return None

    def _behind(self, level: Level, name: str, at: int, after: int, units: tuple[Unit, ...]) -> _Read | None:
        kind = units[0].kind
        one = Mention(self.spans[at][0], self.spans[after - 1][1], units, None, kind, leveled=True)
        if kind == "province":
            one.how = How.LEVEL
            self._doubt_abroad(one, name)
        elif self.goes_on(after, with_any=after - at == 1):
            return None
        one.loose = not self.plain and not self.titled(at, after)
        one.likely = tuple(unit for unit in units if unit.level == level.level)
        return one, after

    def _at_level(self, name: str, at: int, after: int, level: Level) -> tuple[Unit, ...]:
        places = self.places
        if "province" in level.kinds:
            provinces = self.spelled(places.province_names.get(name, ()), at, after)
            # The capital of a province may have its name: "thành phố Bắc Ninh" is the city.
            if not level.level or (provinces and name in _CENTRAL):
                return provinces
            districts = self.spelled(places.district_names.get(name, ()), at, after)
            return tuple(unit for unit in districts if unit.level in _CITIES) or districts or provinces
        ward = level.kinds == ("ward",)
        units = self.spelled((places.ward_names if ward else places.district_names).get(name, ()), at, after)
        if not units or (level.short and not self.titled(at, after)):
            return ()
        # A single small word is no name ("xã giao"), nor one letter behind an abbreviation ("P. V.").
        if after - at == 1 and (not self.titled(at, after) or (level.short and len(name) == 1)):
            return ()
        # Wards keep the others in mind: many became phường since.
        return units if ward else tuple(unit for unit in units if unit.level == level.level) or units

    def _numbered(self, at: int, level: str, number: int, start: int) -> _Read | None:
        names = {"q": self.places.district_names, "p": self.places.ward_names}.get(level, {})
        units = names.get(str(number), ())
        if not units:
            return None
        end = self.spans[at][1]
        one = Mention(start, end, units, None, units[0].kind, leveled=True)
        if level == "q" and start > self.spans[at][0] and number <= 4:
            # Q1 to Q4 are quarters of a year too.
            before = self.before(at)
            if before == "quý" or _YEAR.match(self.text, end):
                return None
            one.leveled = False
            one.vouched = before in words.PLACE_WORDS or before in words.PLACE_WORDS_PLAIN
        return one, at + 1

    # ── names in a list behind a district, in a hashtag, and alone ──────────────────────────────────

    def _listed(self, at: int, chain: Mention) -> _Read | None:
        start, end = self.spans[at]
        if start - chain.end > 6 or self.text[chain.end : start] not in _LIST:
            return None
        word = self.words[at]
        if word.isdigit() and len(word) < 3 and chain.units[0].level == "Quận":
            ends = self.text[end : end + 3]
            numbered = not ends or ends[0] in ",.;)\n" or ends in {" và", " va"}
            return self._numbered(at, "q", int(word), start) if numbered else None
        for name, after in self.joined(at, _LONGEST):
            if name in self.places.province_names or name in self.places.nothing:
                return None
            units = self.spelled(self.places.district_names.get(name, ()), at, after)
            if units and " " in name and self.titled(at, after):
                return Mention(start, self.spans[after - 1][1], units, None, "district", leveled=True), after
        return None

    def _tagged(self, at: int) -> _Read | None:
        start, end = self.spans[at]
        if self.text[start - 1 : start] != "#":
            return None
        said = self.said(at, at + 1)
        units = tuple(
            unit
            for unit in self.places.tags[self.words[at]]
            if said == self.words[at] or any(said == name.replace(" ", "") for name in unit.said)
        )
        return (Mention(start, end, units, How.NAME, "province"), at + 1) if units else None

    def _alone(self, at: int, most: int) -> _Read | None:
        places = self.places
        for name, after in self.joined(at, most):
            if name in places.nothing and not self._parted(name, after):
                return Mention(0, 0, (), None, "province"), after
            units = places.province_names.get(name) or places.district_names.get(name, ())
            units = self.spelled(units, at, after)
            if units and not self._otherwise(name, at, after, units[0].kind):
                return self._weighed(name, at, after, units), after
        return None

    def _parted(self, name: str, after: int) -> bool:
        """Say whether the last word goes with what follows: "Thái Bình dương tính"."""
        return name == "thai binh duong" and self.words[after : after + 1] == ["tinh"]

    def _weighed(self, name: str, at: int, after: int, units: tuple[Unit, ...]) -> Mention:
        kind, before = units[0].kind, self.before(at)
        one = Mention(self.spans[at][0], self.spans[after - 1][1], units, None, kind)
        if name not in words.VERY_COMMON:
            one.vouched = before in words.PLACE_WORDS or (self.plain and before in words.PLACE_WORDS_PLAIN)
        elif self.plain or self.titled(at, after):
            one.vouched = before in words.STAYING and self.before(at, 2) not in words.LASTING
        if name in words.CAPITALS_ONLY:
            one.how = How.CAPITALS if self.written(at, after).isupper() else None
            one.units = units if one.how else ()
        elif kind == "province":
            one.how = self._as_province(name, at, after, units) or (How.PLACE_WORD if one.vouched else None)
            self._doubt_abroad(one, name)
        else:
            one.how = self._as_city(name, at, after, units)
            one.vouched = one.vouched or before in words.LANDMARKS
            if one.how is None and not self.titled(at, after):
                one.units = ()
        return one

    def _as_province(self, name: str, at: int, after: int, units: tuple[Unit, ...]) -> How | None:
        if name in words.SURE_WITHOUT_MARKS:
            return How.NAME
        if name in words.NEVER_ALONE:
            return None
        said = self.said(at, after)
        if said != name and name not in words.COMMON:
            return How.NAME
        exact = any(said in unit.said for unit in units)
        return How.CAPITALS if (exact or self.plain) and self.telling(at, after) else None

    def _as_city(self, name: str, at: int, after: int, units: tuple[Unit, ...]) -> How | None:
        """Say whether a district's name alone is enough: a city that is named like nothing else."""
        if len({unit.province for unit in units}) > 1 or name in words.NOT_SURE_ALONE:
            return None
        if name in words.SURE_WITHOUT_MARKS:
            return How.NAME
        said = self.said(at, after)
        exact = self.plain or any(said in unit.said for unit in units)
        city = any(unit.level in _CITIES for unit in units)
        return How.CAPITALS if city and exact and self.telling(at, after) else None

    # ── what looks like a place and is none ──────────────────────────────────────────────────────────

    def _otherwise(self, name: str, at: int, after: int, kind: Kind) -> bool:
        """Say whether the words around make it a person, a street, a hamlet or a part of a longer name."""
        before = self.before(at)
        if before in words.STREETS or self._somebody(name, at, kind):
            return True
        if kind == "province":
            return name in words.VERY_COMMON and before in words.THINGS
        going = name not in words.SURE_WITHOUT_MARKS and self.goes_on(after, with_any=True)
        return going or before in words.HAMLETS

    def _somebody(self, name: str, at: int, kind: Kind) -> bool:
        if kind == "province" and name not in words.PERSONAL:
            return False
        before = self.before(at)
        if before in words.TITLES:
            return True
        if before == "sĩ":
            return self.before(at, 2) in words.ARTISTS
        capital = bool(before) and self.text[self.spans[at - 1][0]].isupper()
        return capital and (
            before in words.FAMILY_NAMES or (kind == "district" and before in words.MIDDLE_NAMES)
        )

    def _doubt_abroad(self, one: Mention, name: str) -> None:
        reach = words.ABROAD.get(name)
        if reach is None or not one.units:
            return
        near = self.folded[max(0, one.start - reach) : one.end + reach]
        if any(re.search(rf"\b{word}\b", near) for word in words.ABROAD_WORDS):
            one.units = ()
