"""The gazetteer: every province, district and ward, before and after July 2025, by its folded name."""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import models
from classifier.places import words
from store.text import fold, place_tones

Kind = Literal["province", "district", "ward"]
WORD = re.compile(r"[^\W_]+")
# People leave the level out of these five, and of the sixth they would name a man.
_CITY = "TP. Hồ Chí Minh"
_HCMC = "79"
_TITLE = re.compile(r"^(?:tinh|thanh pho|tp) (?=\S)")


@dataclass(frozen=True, slots=True)
class Unit:
    """One administrative unit.

    `code` is that of the General Statistics Office, with `old-` before it for units that ended on 30 June
    2025, whose codes today's units use again. `province` is today's province, `home` the former one
    (both two digits; `home` is "" where the parts of a unit come from several). `said` are the names it
    has, lower case, tones in one place, words joined by one space; `level` is "" for provinces.
    """

    code: str
    name: str
    kind: Kind
    level: str
    province: str
    home: str
    district: str
    said: frozenset[str]

    @property
    def today(self) -> bool:
        return not self.code.startswith("old-")


@dataclass(frozen=True)
class Gazetteer:
    """All units. The three indexes lead from a folded name to the units that have it.

    `alone` leads from the first word of what may be named without a level word to its second ("" for none),
    and to how many words such names have at most. `tags` are provinces written as a hashtag, in one word;
    `nothing` holds what begins like a place and is none.
    """

    provinces: dict[str, Unit]
    former: dict[str, Unit]
    province_names: dict[str, tuple[Unit, ...]]
    district_names: dict[str, tuple[Unit, ...]]
    ward_names: dict[str, tuple[Unit, ...]]
    alone: dict[str, dict[str, int]]
    tags: dict[str, tuple[Unit, ...]]
    nothing: frozenset[str]


def spoken(name: str) -> str:
    """Return a name as it is compared: lower case, tones in one place, words joined by one space."""
    return " ".join(WORD.findall(place_tones(name.lower())))


def folded(name: str) -> str:
    """Return a name lower case, without dấu, words joined by one space."""
    return " ".join(WORD.findall(fold(name)))


@cache
def gazetteer() -> Gazetteer:
    """Return the shipped gazetteer, read when it is first asked for; raises `models.DataError`."""
    try:
        kept = json.loads(gzip.decompress(models.path("places.json.gz").read_bytes()))
        return _made(kept)
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise models.DataError(f"Không đọc được places.json.gz: {error}. Cài lại Kiểm Tin.") from error


def _made(kept: dict[str, list[list[str]]]) -> Gazetteer:
    provinces, former = _provinces(kept)
    homes = {code: unit.province for code, unit in former.items()}
    districts = _districts(kept, homes)
    wards = _wards(kept, {unit.code: unit for unit in districts}, homes)
    province_names = _by_name(
        {**former, **{f"now-{code}": unit for code, unit in provinces.items()}}.values()
    )
    district_names = _by_name(districts)
    heads: defaultdict[str, dict[str, int]] = defaultdict(dict)
    alone = [
        *province_names,
        *(name for name in district_names if " " in name or name in words.CAPITALS_ONLY),
    ]
    for name in (*alone, *words.NOT_PLACES):
        first, second, *_ = [*name.split(" "), ""]
        heads[first][second] = max(heads[first].get(second, 0), name.count(" ") + 1)
    return Gazetteer(
        provinces=provinces,
        former=former,
        province_names=province_names,
        district_names=district_names,
        ward_names=_by_name(wards),
        alone=dict(heads),
        tags={
            name.replace(" ", ""): units
            for name, units in province_names.items()
            if " " in name and name not in words.VERY_COMMON | words.NEVER_ALONE
        },
        nothing=frozenset(words.NOT_PLACES),
    )


def _provinces(kept: dict[str, list[list[str]]]) -> tuple[dict[str, Unit], dict[str, Unit]]:
    """Return the provinces of today by code, and the former ones; one whose name goes on is of today."""
    names = {name: code for code, name in kept["provinces"]}
    olds = [*kept["former_provinces"], *(list(row) for row in words.GONE_PROVINCES)]
    home = {names[name]: code for code, name, _ in olds if name in names}
    provinces = {code: _province(code, name, code, home.get(code, "")) for code, name in kept["provinces"]}
    former = {
        code: provinces[now] if name in names else _province(f"old-{code}", name, now, code)
        for code, name, now in olds
    }
    return provinces, former


def _province(code: str, name: str, province: str, home: str) -> Unit:
    named = [name, *words.PROVINCE_NAMES.get(home, ())]
    return Unit(code, _CITY if code == _HCMC else name, "province", "", province, home, "", _said(named))


def _districts(kept: dict[str, list[list[str]]], homes: dict[str, str]) -> list[Unit]:
    rows = {code: (level, name, home) for code, level, name, home in kept["districts"]}
    gone = [(level, name, code, rows[code][2]) for level, name, code in words.GONE_DISTRICTS]
    every = [(level, name, code, home) for code, (level, name, home) in rows.items()] + gone
    return [
        Unit(
            f"old-{code}", f"{level} {name}", "district", level, homes[home], home, code,
            _said([name, *(words.DISTRICT_NAMES.get(code, ()) if rows[code][1] == name else ())]),
        )
        for level, name, code, home in every
    ]  # fmt: skip


def _wards(kept: dict[str, list[list[str]]], districts: dict[str, Unit], homes: dict[str, str]) -> list[Unit]:
    made = []
    for code, level, name, district in kept["former_wards"]:
        within = districts[f"old-{district}"]
        unit = Unit(
            f"old-{code}",
            f"{level} {name}",
            "ward",
            level,
            within.province,
            within.home,
            district,
            _said([name]),
        )
        made.append(unit)
    for code, level, name, province, home in kept["wards"]:
        made.append(Unit(code, f"{level} {name}", "ward", level, province, home, "", _said([name])))
    return made


def _said(names: Iterable[str]) -> frozenset[str]:
    return frozenset(spoken(name) for name in names)


def _by_name(units: Iterable[Unit]) -> dict[str, tuple[Unit, ...]]:
    found: defaultdict[str, dict[int, Unit]] = defaultdict(dict)
    for unit in units:
        for name in unit.said:
            found[fold(name)][id(unit)] = unit
    return {name: tuple(same.values()) for name, same in found.items()}


def province_of(said: str) -> str | None:
    """Return the code of today's province that a code or a name stands for, former names too; or None.

    Two digits are a code of today: "79" is TP. Hồ Chí Minh, "Bình Dương" too.
    """
    places = gazetteer()
    if said.strip() in places.provinces:
        return said.strip()
    name = _TITLE.sub("", folded(said))
    found = {unit.province for unit in places.province_names.get(name, ())}
    return found.pop() if len(found) == 1 else None


def provinces() -> dict[str, str]:
    """Return the names of today's provinces by code."""
    return {code: unit.name for code, unit in gazetteer().provinces.items()}
