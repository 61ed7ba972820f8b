"""Whether a pinned library has a known weakness: advisories of a file, without a network (`make audit`).

The file is the OSV project's export for PyPI: a zip of JSON records by the OSV schema, whose rule of what is
affected is followed here. Without a file `pip-audit` is asked to do it, where it is installed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).parent.parent
# What runs; and what only extras, tests and the image have.
LOCKS = (ROOT / "requirements.run.lock", ROOT / "requirements.lock")
WITHOUT = (
    "No advisories: on a machine with a network fetch the OSV project's export for PyPI (all.zip), bring it"
    " here and say `make audit ADVISORIES=all.zip`; or install pip-audit where there is a network."
)
# The largest record there is has some 2 MB; a file that swells beyond is none.
LARGEST = 20_000_000
# By the schema nothing comes before it.
_FIRST = "0"
# Where two events name one version: what was mended may break again there, and the last affected is affected.
_ORDER = ("fixed", "introduced", "last_affected")
_ANY = Version("0")

Pins = dict[str, dict[Version, str]]


class BadRecord(ValueError):
    """A record cannot be read, so that nothing can be said by it."""


class BadFile(ValueError):
    """A file is not what it should be, and nothing of it was looked at."""


@dataclass(frozen=True)
class Finding:
    """A pinned version that a record says is affected; `fixed` are later versions that are not, in order."""

    name: str
    version: Version
    file: str
    names: tuple[str, ...]
    summary: str = ""
    fixed: tuple[Version, ...] = ()

    def __str__(self) -> str:
        to = f"mended in {self.fixed[0]}" if self.fixed else "not mended"
        names = " = ".join(self.names)
        return f"{self.name} {self.version} ({self.file}): {names}, {to}. {self.summary}".strip()


@dataclass
class Audit:
    """What was found: weaknesses, what could not be read and why, how many records, how new the newest is."""

    findings: list[Finding] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    records: int = 0
    newest: str = ""

    @property
    def status(self) -> int:
        """0: nothing; 1: a weakness; 2: none was found, but something could not be read."""
        return 1 if self.findings else 2 if self.broken else 0


def pinned(paths: Iterable[Path]) -> Pins:
    """Return the versions that lock files pin, by canonical name, each with the first file that does.

    Raises `BadFile`, also for a line that pins nothing: it would be passed over unseen.
    """
    found: Pins = {}
    for path in paths:
        for line in path.read_text().splitlines():
            said = line.partition(" #")[0].rstrip("\\").strip()
            if not said or said.startswith(("#", "--hash")):
                continue
            try:
                need = Requirement(said)
                (one,) = need.specifier
                version = Version(one.version)
                if one.operator not in {"==", "==="}:
                    raise ValueError(one.operator)
            except (InvalidRequirement, InvalidVersion, ValueError) as error:
                raise BadFile(f"{path.name}: {said!r} pins nothing") from error
            found.setdefault(canonicalize_name(need.name), {}).setdefault(version, path.name)
    return found


def audit(pins: Pins, file: Path) -> Audit:
    """Hold pinned versions against every record of an export; raises `BadFile`.

    A record that cannot be read is told and the others are gone through.
    """
    result = Audit()
    for name, read in _members(file):
        try:
            record = _parsed(read())
            if _of_pypi(record):
                result.records += 1
                result.newest = max(result.newest, str(record.get("modified", "")))
            result.findings += affected(pins, record)
        except (BadRecord, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            result.broken.append(f"{name}: {error}")
    if not result.records and not result.broken:
        raise BadFile(f"{file.name} holds no advisory for PyPI: is it the OSV project's export for PyPI?")
    result.findings = _told_once(result.findings)
    return result


def affected(pins: Pins, record: dict[str, Any]) -> list[Finding]:
    """Return what a record says of pinned versions; nothing if it was withdrawn. Raises `BadRecord`."""
    if record.get("withdrawn"):
        return []
    names = (_text(record, "id"), *_texts(record, "aliases"))
    found = []
    for part in _objects(record, "affected"):
        package = part.get("package")
        # A record of a repository alone names no package.
        if package is None:
            continue
        if not isinstance(package, dict):
            raise BadRecord("package is no object")
        if _ecosystem(package) != "PyPI":
            continue
        name = canonicalize_name(_text(package, "name"))
        for version, file in pins.get(name, {}).items():
            ranges = [one for one in _objects(part, "ranges") if _text(one, "type") != "GIT"]
            if _listed(version, _texts(part, "versions")) or any(_within(version, one) for one in ranges):
                fixed = {
                    _version(e["fixed"]) for one in ranges for e in _objects(one, "events") if "fixed" in e
                }
                later = tuple(sorted(one for one in fixed if isinstance(one, Version) and one > version))
                found.append(Finding(name, version, file, names, str(record.get("summary", "")), later))
    return found


def _within(version: Version, one: dict[str, Any]) -> bool:
    """Say whether a version is in a range, by the algorithm of the schema; raises `BadRecord`."""
    events, limits = [], []
    for event in _objects(one, "events"):
        if len(event) != 1:
            raise BadRecord(f"an event says {sorted(event)} at once")
        ((kind, at),) = event.items()
        if kind == "limit":
            limits.append(None if at == "*" else _version(at))
        elif kind in _ORDER:
            events.append((_version(at), kind))
        else:
            raise BadRecord(f"an event is {kind!r}")
    if not any(kind == "introduced" for _, kind in events):
        raise BadRecord("a range begins nowhere")
    # A build of one's own (2.0+cpu) is the version it was built of.
    asked = Version(version.public)
    if limits and not any(limit is None or asked < limit for limit in limits):
        return False
    inside = False
    for at, kind in sorted(events, key=_in_order):
        if kind == "introduced" and (at is None or asked >= at):
            inside = True
        elif at is not None and (
            (kind == "fixed" and asked >= at) or (kind == "last_affected" and asked > at)
        ):
            inside = False
    return inside


def _in_order(event: tuple[Version | None, str]) -> tuple[bool, Version, int]:
    at, kind = event
    return at is not None, at or _ANY, _ORDER.index(kind)


def _listed(version: Version, versions: Iterable[str]) -> bool:
    for one in versions:
        try:
            if Version(one) in {version, Version(version.public)}:
                return True
        except InvalidVersion:
            # Names of before PEP 440, which no library is pinned to.
            continue
    return False


def _version(said: object) -> Version | None:
    """Return a version, None for the one that all come after; raises `BadRecord`."""
    if said == _FIRST:
        return None
    try:
        return Version(said) if isinstance(said, str) else _no("version", said)
    except InvalidVersion as error:
        raise BadRecord(f"{said!r} is no version") from error


def _told_once(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in order, those of one weakness (by an alias) as one."""
    kept: list[Finding] = []
    for one in sorted(findings, key=lambda f: (f.name, f.version, f.names)):
        for place, other in enumerate(kept):
            if (one.name, one.version) == (other.name, other.version) and set(one.names) & set(other.names):
                names = tuple(dict.fromkeys((*other.names, *one.names)))
                fixed = tuple(sorted({*other.fixed, *one.fixed}))
                kept[place] = Finding(
                    other.name, other.version, other.file, names, other.summary or one.summary, fixed
                )
                break
        else:
            kept.append(one)
    return kept


def _members(file: Path) -> Iterator[tuple[str, Any]]:
    try:
        whole = zipfile.ZipFile(file)
    except (OSError, zipfile.BadZipFile) as error:
        raise BadFile(f"{file} is no zip: {error}") from error
    with whole:
        for info in whole.infolist():
            if info.filename.endswith(".json"):

                def read(info: zipfile.ZipInfo = info) -> bytes:
                    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                        raise BadRecord("is packed otherwise than an export is")
                    with whole.open(info) as part:
                        body = part.read(LARGEST + 1)
                    if len(body) > LARGEST:
                        raise BadRecord(f"is over {LARGEST} bytes")
                    return body

                yield info.filename, read


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        record = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRecord(f"is no JSON: {error}") from error
    return record if isinstance(record, dict) else _no("object", record)


def _of_pypi(record: dict[str, Any]) -> bool:
    packages = [part.get("package") for part in _objects(record, "affected")]
    return any(_ecosystem(one) == "PyPI" for one in packages if isinstance(one, dict))


def _ecosystem(package: dict[str, Any]) -> str:
    # What follows a colon is a release of a distribution, or another index.
    return _text(package, "ecosystem").partition(":")[0]


def _text(where: dict[str, Any], name: str) -> str:
    found = where.get(name)
    return found if isinstance(found, str) and found else _no(f"text {name!r}", found)


def _texts(where: dict[str, Any], name: str) -> list[str]:
    found = where.get(name) or []
    sound = isinstance(found, list) and all(isinstance(one, str) for one in found)
    return found if sound else _no(f"list of texts {name!r}", found)


def _objects(where: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = where.get(name) or []
    sound = isinstance(found, list) and all(isinstance(one, dict) for one in found)
    return found if sound else _no(f"list of objects {name!r}", found)


def _no(what: str, found: object) -> Any:
    raise BadRecord(f"has no {what}, but {str(found)[:60]!r}")


def main(given: list[str]) -> int:
    """Tell what is known of the lock files, by the file `given` or by pip-audit; return the exit status."""
    if not given:
        beside = Path(sys.executable).with_name("pip-audit")
        tool = str(beside) if beside.exists() else shutil.which("pip-audit")
        if tool is None:
            print(WITHOUT, file=sys.stderr)
            return 2
        asked = [tool, "--disable-pip", "--require-hashes", "-r", str(LOCKS[0])]
        return subprocess.run(asked, check=False).returncode
    try:
        result = audit(pinned(LOCKS), Path(given[0]))
    except BadFile as error:
        print(error, file=sys.stderr)
        return 2
    for one in result.findings:
        print(one)
    for why in result.broken:
        print(f"not read: {why}", file=sys.stderr)
    print(
        f"{len(result.findings)} weaknesses known of what is pinned; {result.records} records for PyPI, the"
        f" newest of {result.newest[:10] or 'no day'}; {len(result.broken)} not read."
    )
    return result.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
