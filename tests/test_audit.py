"""Pinned libraries against advisories of a file: each shape that a record of OSV may have, and broken ones."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "docs"))
import audit

FIXED = [{"introduced": "0"}, {"fixed": "2.0"}]


def record(*events: dict[str, str], name: str = "thing", **more: Any) -> dict[str, Any]:
    """Return a record with one range of `events`; `more` replaces what is in it."""
    part: dict[str, Any] = {"package": {"ecosystem": "PyPI", "name": name}}
    if events:
        part["ranges"] = [{"type": "ECOSYSTEM", "events": list(events)}]
    part |= {key: more.pop(key) for key in ("versions", "ranges", "package") if key in more}
    return {"id": "PYSEC-2026-1", "modified": "2026-11-20T00:00:00Z", "affected": [part], **more}


def export(folder: Path, *records: object) -> Path:
    """Write an export; bytes go in as they are."""
    path = folder / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for number, one in enumerate(records):
            file.writestr(f"{number}.json", one if isinstance(one, bytes) else json.dumps(one))
    return path


def pins(version: str, name: str = "thing") -> audit.Pins:
    return {name: {Version(version): "a.lock"}}


@pytest.mark.parametrize(
    ("events", "affected", "sound"),
    [
        (FIXED, ["0.1", "1.9", "2.0rc1", "2.0.dev3", "1.0+cpu"], ["2.0", "2.0.post1", "2.1", "2.0+cpu"]),
        ([{"introduced": "0"}], ["0.dev0", "0", "99"], []),
        ([{"introduced": "1.0"}], ["1.0", "1.0.0", "3"], ["0.9", "1.0a1"]),
        ([{"introduced": "1.0"}, {"last_affected": "2.0"}], ["1.0", "2.0", "2.0+cpu"], ["2.0.post1", "2.1"]),
        ([{"introduced": "1.0"}, {"last_affected": "1.0"}], ["1.0"], ["0.9", "1.1"]),
        # Two stretches in one range, written in whatever order.
        (
            [{"fixed": "4.2"}, {"introduced": "4.0"}, {"fixed": "3.5"}, {"introduced": "3.0"}],
            ["3.0", "3.4", "4.0", "4.1"],
            ["2.9", "3.5", "3.9", "4.2"],
        ),
        ([{"introduced": "1.0"}, {"introduced": "2.0"}, {"fixed": "2.0"}], ["1.5", "2.0"], ["0.5"]),
        ([{"introduced": "1!0.1"}, {"fixed": "1!2"}], ["1!1.0"], ["5.0", "1!2"]),
        ([{"introduced": "0"}, {"limit": "2.0"}], ["1.9"], ["2.0", "3"]),
        ([{"introduced": "0"}, {"limit": "*"}], ["9"], []),
    ],
)
def test_a_version_is_affected_as_the_events_of_a_range_say(
    events: list[dict[str, str]], affected: list[str], sound: list[str]
) -> None:
    for version in (*affected, *sound):
        found = audit.affected(pins(version), record(*events))
        assert bool(found) == (version in affected), version


def test_any_of_several_ranges_or_a_listed_version_is_enough() -> None:
    ranges = [
        {"type": "GIT", "repo": "https://example.vn/x", "events": [{"introduced": "0"}, {"fixed": "a" * 40}]},
        {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2"}]},
        {"type": "SEMVER", "events": [{"introduced": "2.0.0"}, {"fixed": "2.3.0"}]},
    ]
    one = record(ranges=ranges, versions=["1.7", "2004d", "1.8.0"])
    hit = {v for v in ("1.1", "1.2", "1.7.0", "1.8", "1.9", "2.2", "2.3") if audit.affected(pins(v), one)}
    assert hit == {"1.1", "1.7.0", "1.8", "2.2"}
    (found,) = audit.affected(pins("1.1"), one)
    assert found.fixed == (Version("1.2"), Version("2.3.0"))
    assert audit.affected(pins("9.0"), record(versions=["9.0"]))[0].fixed == ()


def test_names_are_compared_as_the_index_does_and_others_are_left() -> None:
    held = pins("1.0", "a-thing")
    for name in ("a-thing", "A_Thing", "a.thing", "A--thing"):
        assert audit.affected(held, record(*FIXED, name=name)), name
    assert not audit.affected(held, record(*FIXED, name="athing"))
    assert not audit.affected(held, record(*FIXED, package={"ecosystem": "npm", "name": "a-thing"}))
    assert not audit.affected(held, record(*FIXED, package=None))
    assert not audit.affected(held, {"id": "X", "modified": "2026"})


def test_what_was_withdrawn_counts_no_more() -> None:
    assert audit.affected(pins("1.0"), record(*FIXED))
    assert not audit.affected(pins("1.0"), record(*FIXED, withdrawn="2026-01-01T00:00:00Z"))


BROKEN = [
    b"{",
    b"[" * 100_000,
    b"\xff\xfe",
    [],
    {"affected": [], "id": 7},
    record(*FIXED) | {"affected": "thing"},
    record(*FIXED, id=None),
    record({"introduced": "vô hạn"}),
    record({"introduced": "0", "fixed": "2.0"}),
    record({"mended": "2.0"}, {"introduced": "0"}),
    record({"fixed": "2.0"}),
    record({"introduced": 1}),  # type: ignore[dict-item]
    record(ranges=[{"events": FIXED}]),
    record(versions=[1]),
    record(*FIXED, package="thing"),
    record(*FIXED, package={"ecosystem": "PyPI"}),
    b'{"id": "X", "details": "' + b" " * 20_000_001 + b'"}',
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_record_is_told_and_the_others_are_gone_through(tmp_path: Path, broken: Any) -> None:
    found = audit.audit(pins("1.0"), export(tmp_path, broken, record(*FIXED, id="PYSEC-2026-2")))
    assert [one.names for one in found.findings] == [("PYSEC-2026-2",)]
    assert [why.partition(":")[0] for why in found.broken] == ["0.json"]
    assert len(found.broken[0]) < 300
    assert found.status == 1
    alone = audit.audit(pins("9.0"), export(tmp_path, broken, record(*FIXED)))
    assert alone.status == 2


def test_a_changed_byte_is_told_as_its_record(tmp_path: Path) -> None:
    path = export(tmp_path, record(*FIXED, details="x" * 3000), record(*FIXED, id="PYSEC-2026-2"))
    body = bytearray(path.read_bytes())
    body[60] ^= 0xFF
    path.write_bytes(body)
    found = audit.audit(pins("1.0"), path)
    assert [one.names for one in found.findings] == [("PYSEC-2026-2",)]
    assert len(found.broken) == 1


def test_one_weakness_under_several_names_is_told_once(tmp_path: Path) -> None:
    path = export(
        tmp_path,
        record(*FIXED, id="PYSEC-2026-9", aliases=["CVE-2026-1", "GHSA-1"]),
        record({"introduced": "0"}, {"fixed": "1.5"}, id="GHSA-1", aliases=["CVE-2026-1"], summary="Đọc quá"),
        record(*FIXED, id="PYSEC-2026-10"),
    )
    found = audit.audit(pins("1.0"), path)
    assert [str(one) for one in found.findings] == [
        "thing 1.0 (a.lock): GHSA-1 = CVE-2026-1 = PYSEC-2026-9, mended in 1.5. Đọc quá",
        "thing 1.0 (a.lock): PYSEC-2026-10, mended in 2.0.",
    ]
    assert (found.records, found.newest, found.status) == (3, "2026-11-20T00:00:00Z", 1)
    assert audit.audit(pins("2.0"), path).status == 0


def test_what_is_no_export_is_no_clean_bill(tmp_path: Path) -> None:
    with pytest.raises(audit.BadFile, match="is no zip"):
        audit.audit(pins("1.0"), tmp_path / "all.zip")
    (tmp_path / "page.zip").write_text("<html>")
    with pytest.raises(audit.BadFile, match="is no zip"):
        audit.audit(pins("1.0"), tmp_path / "page.zip")
    other = export(tmp_path, record(*FIXED, package={"ecosystem": "npm", "name": "thing"}))
    with pytest.raises(audit.BadFile, match="no advisory for PyPI"):
        audit.audit(pins("1.0"), other)


def test_every_line_of_the_lock_files_is_looked_at(tmp_path: Path) -> None:
    found = audit.pinned(audit.LOCKS)
    entries = {
        line.partition("==")[0].lower().replace("_", "-").replace(".", "-")
        for path in audit.LOCKS
        for line in path.read_text().splitlines()
        if "==" in line.partition(";")[0]
    }
    assert set(found) == entries
    assert found["fastapi"].popitem()[1] == "requirements.run.lock"
    (tmp_path / "x.lock").write_text("thing>=2.0\n")
    with pytest.raises(audit.BadFile, match=r"thing>=2\.0"):
        audit.pinned([tmp_path / "x.lock"])


def test_the_command_says_what_it_found_and_ends_with_it(tmp_path: Path) -> None:
    name, version = "fastapi", next(iter(audit.pinned(audit.LOCKS)["fastapi"]))

    def asked(*given: str) -> tuple[int, str]:
        line = [sys.executable, str(ROOT / "docs" / "audit.py"), *given]
        environment = {"PATH": str(tmp_path)}
        done = subprocess.run(line, capture_output=True, text=True, check=False, env=environment)
        return done.returncode, done.stdout + done.stderr

    status, said = asked(str(export(tmp_path, record(name=name, versions=[str(version)]), b"{")))
    assert status == 1
    assert f"{name} {version} (requirements.run.lock): PYSEC-2026-1, not mended" in said
    assert "not read: 1.json: is no JSON" in said
    assert (
        "1 weaknesses known of what is pinned; 1 records for PyPI, the newest of 2026-11-20; 1 not read"
        in said
    )
    assert asked(str(export(tmp_path, record(*FIXED))))[0] == 0
    assert asked(str(tmp_path / "nothing.zip"))[0] == 2
    if not Path(sys.executable).with_name("pip-audit").exists():
        assert asked() == (2, f"{audit.WITHOUT}\n")
