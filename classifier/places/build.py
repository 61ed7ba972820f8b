"""Builds `models/places.json.gz`, from which the gazetteer is read: `python -m classifier.places.build`.

The names, codes and mergers are those of the National Statistics Office, as the MIT-licensed package
`vietnamadminunits` carries them. Its wheel is only read, never installed, and must be exactly the one that
is pinned here; its coordinates are left out.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import sqlite3
import subprocess
import sys
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import models

PACKAGE = "vietnamadminunits==1.0.4"
WHEEL = "vietnamadminunits-1.0.4-py3-none-any.whl"
SHA256 = "737ee3662e877290386c1c45ed4d71f2e5fae34ab6fb9c64bfb4cb74b216ea35"
TARGET = "places.json.gz"
# Of the two times: until 30 June 2025, and from 1 July 2025.
EFFECTIVE = "2025-07-01"
_NUMBERED = re.compile(r"(Phường|Quận) (\d+)")
_LICENCE = "vietnamadminunits-1.0.4.dist-info/licenses/LICENSE"
_DATA = "vietnamadminunits/data/"


class BuildError(Exception):
    """The file cannot be built; the message says why."""


def fetched(folder: Path) -> Path:
    """Download the pinned wheel into `folder`; raises `BuildError`."""
    line = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(folder), PACKAGE]
    if subprocess.run(line, check=False).returncode:  # noqa: S603 our own interpreter
        raise BuildError(f"Không tải được {PACKAGE}.")
    return folder / WHEEL


def gazetteer(wheel: Path) -> dict[str, Any]:
    """Return what the file holds, from the pinned wheel; raises `BuildError` for any other.

    Codes are those of the General Statistics Office: two digits a province, three a district, five a ward.
    """
    try:
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    except OSError as error:
        raise BuildError(f"Tệp {wheel} không đọc được: {error.strerror}.") from error
    if found != SHA256:
        raise BuildError(f"{wheel.name} không phải bản đã chọn: SHA-256 {found}, cần {SHA256}.")
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as folder:
        licence = archive.read(_LICENCE).decode()
        converter = json.loads(archive.read(_DATA + "converter_2025.json"))
        records = sqlite3.connect(archive.extract(_DATA + "dataset.db", folder))
        try:
            return {
                "about": "Đơn vị hành chính Việt Nam trước và sau ngày 1/7/2025 (tên, mã, sáp nhập)",
                "source": f"Cục Thống kê, theo gói {PACKAGE} (PyPI, sha256 {SHA256})",
                "licence": licence,
                "effective": EFFECTIVE,
                **_units(records, converter),
            }
        finally:
            records.close()


def packed(gazetteer: dict[str, Any]) -> bytes:
    """Return the bytes of the file; the same on every run with one version of zlib."""
    text = json.dumps(gazetteer, ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode(), 9, mtime=0)


def _units(records: sqlite3.Connection, converter: dict[str, Any]) -> dict[str, Any]:
    today = dict(records.execute("SELECT DISTINCT provinceKey, provinceCode FROM admin_units"))
    before = dict(records.execute("SELECT DISTINCT provinceKey, provinceCode FROM admin_units_legacy"))
    merged = {old: new for new, olds in converter["DICT_PROVINCE"].items() for old in olds}
    homes = _homes(converter)
    return {
        "provinces": _sorted(records.execute("SELECT DISTINCT provinceCode, provinceShort FROM admin_units")),
        "former_provinces": _sorted(
            [code, name, today[merged[key]]]
            for code, name, key in records.execute(
                "SELECT DISTINCT provinceCode, provinceShort, provinceKey FROM admin_units_legacy"
            )
        ),
        "districts": _sorted(
            [code, *_named(level, name), province]
            for code, level, name, province in records.execute(
                "SELECT DISTINCT districtCode, districtType, districtShort, provinceCode"
                " FROM admin_units_legacy"
            )
        ),
        "former_wards": _sorted(
            [code, *_named(level, name), district]
            for code, level, name, district in records.execute(
                "SELECT wardCode, wardType, wardShort, districtCode FROM admin_units_legacy"
                " WHERE wardCode IS NOT NULL"
            )
        ),
        # The last field: the province that all of it lay in before, "" where that were several.
        "wards": _sorted(
            [code, *_named(level, name), province, before[home.pop()] if len(home) == 1 else ""]
            for code, level, name, province, home in (
                (row[0], row[1], row[2], row[3], set(homes[row[4], row[5]]))
                for row in records.execute(
                    "SELECT wardCode, wardType, wardShort, provinceCode, provinceKey, wardKey"
                    " FROM admin_units"
                )
            )
        ),
    }


def _homes(converter: dict[str, Any]) -> dict[tuple[str, str], set[str]]:
    """Return, by province and ward of today, the former provinces that its parts come from."""
    homes: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for province, wards in converter["DICT_PROVINCE_WARD_NO_DIVIDED"].items():
        for ward, parts in wards.items():
            homes[province, ward] |= {part.split("_")[0] for part in parts}
    for province, parts in converter["DICT_PROVINCE_WARD_DIVIDED"].items():
        for part, wards in parts.items():
            for ward in wards:
                homes[province, ward["newWardKey"]].add(part.split("_")[0])
    return homes


def _named(level: str, name: str) -> tuple[str, str]:
    """Return level and name apart: a number has its level before it, a name that comes twice behind it."""
    if numbered := _NUMBERED.fullmatch(name):
        return numbered.group(1), str(int(numbered.group(2)))
    return level.capitalize(), name.removesuffix(f" ({level})")


def _sorted(rows: Iterable[Any]) -> list[list[str]]:
    return sorted([" ".join(str(value).split()) for value in row] for row in rows)


def main(arguments: list[str]) -> None:
    """Write the file; a wheel that is there already may be named, else it is downloaded."""
    target = models.path("") / TARGET
    with tempfile.TemporaryDirectory() as folder:
        made = gazetteer(Path(arguments[0]) if arguments else fetched(Path(folder)))
    target.write_bytes(packed(made))
    counts = ", ".join(f"{name} {len(made[name])}" for name in made if isinstance(made[name], list))
    sys.stdout.write(f"{target}: {target.stat().st_size} byte; {counts}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
