"""Decides which places a text names. Reads the text and nothing else; what stays in doubt is left out."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from classifier.places.gazetteer import Kind, Unit, gazetteer
from classifier.places.mentions import Finder, How, Mention

MOST = 64
# As far as an address reaches: a ward and its district stand closer than this.
_NEAR = 60
# What stands before counts as if it stood so much further away: an address goes from small to large.
_BEHIND = 25
# How many places around and in all of the text are compared with one doubtful name.
_LOOKED_AT = 6
_WHOLE = 50
_BETWEEN = " ,;/&-–()\u00a0\n"


@dataclass(frozen=True, slots=True)
class Place:
    """A place that a text names, at characters `start` to `end`: the name alone, without its level word.

    `code` is the unit's (see `classifier.places.gazetteer.Unit`), `province` the two digits of the
    province that it belongs to today, `province_name` its name. `former` is the province it lay in until
    June 2025, None where that had the same name or is not known.
    """

    code: str
    name: str
    kind: Kind
    province: str
    province_name: str
    former: str | None
    start: int
    end: int
    how: How


def named(text: str) -> tuple[tuple[str, str, str], ...]:
    """Return what is kept of the places of a text: code, name and today's province of each, in order, once.

    At most `MOST`: a text that names more is a list of the country.
    """
    found: dict[str, tuple[str, str, str]] = {}
    for place in places_of(text):
        found.setdefault(place.code, (place.code, place.name, place.province))
    return tuple(found.values())[:MOST]


def places_of(text: str) -> tuple[Place, ...]:
    """Return the places that a text names, in order of the text, each time they are named.

    Spans are characters of the NFC form of `text`; no two overlap. Linear in the length of the text.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    mentions = Finder(text).mentions()
    if not mentions:
        return ()
    _settle_provinces(text, mentions)
    _settle_districts(text, mentions)
    _settle_wards(text, mentions)
    return tuple(_place(one, one.units[0], one.how) for one in mentions if one.how is not None)


def _settle_provinces(text: str, mentions: Sequence[Mention]) -> None:
    """Let a doubtful province count where it stands in a list with a place that counts, on either side."""
    pairs = list(pairwise(mentions))
    for left, right in pairs:
        if _vouches(left, right) and _listed(text, left, right):
            right.how = How.NEARBY
    for left, right in reversed(pairs):
        if _vouches(right, left) and _listed(text, left, right):
            left.how = How.NEARBY


def _vouches(other: Mention, one: Mention) -> bool:
    if one.kind != "province" or one.how is not None:
        return False
    if other.kind == "district" and other.leveled:
        # "Hòa Bình (quận 10)" is no province: a district stands beside its own.
        return any(unit.home == one.units[0].home for unit in other.units)
    return other.kind == "province" and other.how is not None


def _settle_districts(text: str, mentions: Sequence[Mention]) -> None:
    anchors = _Anchors(text, (one for one in mentions if one.how is not None and one.kind == "province"))
    for at, one in enumerate(mentions):
        if one.kind != "district":
            continue
        if not one.leveled and at + 1 < len(mentions) and _smaller(text, one, mentions[at + 1]):
            one.how = None
        elif one.how is not None or (one.leveled and _one_place(one.units)):
            one.units, one.how = (_best(one.units),), one.how or How.LEVEL
        elif (unit := anchors.settle(one)) is not None:
            one.units, one.how = (unit,), How.NEARBY
        elif one.vouched and _one_place(one.units):
            one.units, one.how = (_best(one.units),), How.PLACE_WORD
    for left, right in pairwise(mentions):
        if right.kind == "district" and right.how is None and _listed(text, left, right):
            same = _beside(left, right)
            if same and _one_place(same):
                right.units, right.how = (_best(same),), How.NEARBY


def _beside(left: Mention, right: Mention) -> list[Unit]:
    """Return which units a district may be behind another ("ở Gò Vấp, Bình Thạnh") or behind its ward."""
    if left.kind == "district" and left.how is not None:
        return [unit for unit in right.units if unit.home == left.units[0].home]
    if left.kind == "ward":
        over = {unit.district for unit in left.units if unit.district}
        return [unit for unit in right.units if unit.district in over]
    return []


def _smaller(text: str, one: Mention, other: Mention) -> bool:
    """Say whether a district elsewhere follows with its level: then this is a village of that one."""
    elsewhere = not {unit.home for unit in one.units} & {unit.home for unit in other.units}
    return elsewhere and other.kind == "district" and other.leveled and _listed(text, one, other)


def _settle_wards(text: str, mentions: Sequence[Mention]) -> None:
    """Settle wards by the district or the province beside them; a ward never counts by its name alone.

    Where an address tells which ward a name means, the name means it in all of the text.
    """
    anchors = _Anchors(text, (one for one in mentions if one.how is not None))
    wards = [one for one in mentions if one.kind == "ward"]
    addressed: defaultdict[str, set[Unit | None]] = defaultdict(set)
    for one in wards:
        if anchors.follows(one):
            addressed[one.units[0].code].add(anchors.settle(one))
    for one in wards:
        told = addressed.get(one.units[0].code)
        if told is None or anchors.follows(one):
            unit, how = anchors.settle(one), How.NEARBY
        else:
            unit, how = next(iter(told)) if len(told) == 1 else None, How.NEARBY
        if unit is None and told is None and not one.loose and _only(one.units):
            # Only one place of the country has such a ward, of whatever level.
            unit, how = _only(one.likely) or _only(one.units), How.LEVEL
        if unit is not None:
            one.units, one.how = (unit,), how


class _Anchors:
    """Places that count, in order of the text. Answers are kept: any length of text takes linear time."""

    def __init__(self, text: str, found: Iterable[Mention]) -> None:
        self._text = text
        self._found = list(found)
        self._starts = [one.start for one in self._found]
        whole = {one.units[0].code: one.units[0] for one in self._found}
        self._whole = list(whole.values())[:_WHOLE]
        self._fits: dict[tuple[str, str], Unit | None] = {}
        self._settled: dict[str, Unit | None] = {}

    def follows(self, one: Mention) -> Mention | None:
        """Return the larger place that the address goes on with, if it does."""
        at = bisect_left(self._starts, one.end)
        if at == len(self._found) or self._found[at].kind == "ward":
            return None
        return self._found[at] if _listed(self._text, one, self._found[at]) else None

    def settle(self, one: Mention) -> Unit | None:
        """Return the unit that the address, the nearest place or all places of the text settle, or None."""
        name = f"{self._text[one.start : one.end].lower()} {one.kind} {len(one.likely)}"
        if (over := self.follows(one)) is not None:
            return self._fitting(name, one, over.units[0])
        at = bisect_left(self._starts, one.start)
        around = self._found[max(0, at - _LOOKED_AT) : at + _LOOKED_AT]
        near = [other for other in around if other is not one and _distance(one, other) <= _NEAR]
        for other in sorted(near, key=lambda other: _distance(one, other)):
            if (unit := self._fitting(name, one, other.units[0])) is not None:
                return unit
        if one.loose:
            return None
        if name not in self._settled:
            fits = [self._fitting(name, one, area) for area in self._whole]
            units = {unit.code: unit for unit in fits if unit is not None}
            self._settled[name] = next(iter(units.values())) if len(units) == 1 else None
        return self._settled[name]

    def _fitting(self, name: str, one: Mention, area: Unit) -> Unit | None:
        key = name, area.code
        if key not in self._fits:
            self._fits[key] = _within(one.likely, area) or _within(one.units, area)
        return self._fits[key]


def _distance(one: Mention, other: Mention) -> int:
    if other.start >= one.end:
        return other.start - one.end
    return one.start - other.end + _BEHIND


def _within(units: Sequence[Unit], area: Unit) -> Unit | None:
    """Return the one of `units` that lies in `area`, a district or a province; None for none or many."""
    if area.kind == "ward":
        return None
    if area.kind == "district":
        inside = [unit for unit in units if unit.district == area.district and unit.kind == "ward"]
        # Wards of today have no district, but they lie in the province.
        return _only(inside) if inside else _only([u for u in units if u.home == area.home and u.today])
    former = [unit for unit in units if area.home and unit.home == area.home]
    today = [unit for unit in units if unit.province == area.province]
    return _only(former) or (_only(today) if area.today else None)


def _only(units: Sequence[Unit]) -> Unit | None:
    """Return the unit when there is one, or one of today that took the name over from others there."""
    if len(units) == 1:
        return units[0]
    if not units or len({unit.province for unit in units}) > 1:
        return None
    if units[0].kind == "district":
        return _best(units)
    now = [unit for unit in units if unit.today]
    return now[0] if len(now) == 1 else None


def _one_place(units: Sequence[Unit]) -> bool:
    return len({unit.home for unit in units}) == 1


_RANK = {"Thành phố": 0, "Thị xã": 1, "Quận": 2, "Huyện": 3}


def _best(units: Sequence[Unit]) -> Unit:
    return min(units, key=lambda unit: (_RANK.get(unit.level, 4), unit.code))


def _listed(text: str, left: Mention, right: Mention) -> bool:
    """Say whether two places stand in a list: nothing but commas, dashes, brackets and "và" between them."""
    if right.start - left.end > 16:
        return False
    between = text[left.end : right.start]
    if not between.strip(" \u00a0"):
        return True
    words = between.strip(_BETWEEN).lower()
    return words in _AND


_AND = frozenset(
    {
        "", "q", "q.", "quận", "h", "h.", "huyện", "tx", "tx.", "thị xã", "tp", "tp.", "thành phố", "tỉnh",
        "thuộc", "thuộc huyện", "thuộc tỉnh", "của", "và", "va", "hay", "hoặc", "đến", "tới", "và tỉnh",
        "và tp", "và huyện", "tinh", "huyen", "quan", "thanh pho", "thi xa",
    }
)  # fmt: skip


def _place(one: Mention, unit: Unit, how: How) -> Place:
    found = gazetteer()
    province = found.provinces[unit.province].name
    home = found.former.get(unit.home)
    former = home.name if home is not None and home.name != province else None
    return Place(unit.code, unit.name, unit.kind, unit.province, province, former, one.start, one.end, how)
