"""Evidence bundles: building and verifying, against a plain ZIP of the same files with one SHA-256 each.

The reference does what an archiver without a promise does: it packs the captures and hashes them.
Without a picture of the page, as the goal says. A referral is of one post, so 20 posts are 20 bundles.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

from bench.measure import Measure
from evidence import report
from evidence.build import Confirmed, Tools, build
from evidence.gathered import Gathered, Kept
from evidence.sign import Signer, read_certificates
from evidence.verify import Anchors, State, verify
from kiemtin.demo_authority import authority
from store.archive import Archive
from store.archived import Exchange

_AT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
_POSTS = (1, 20, 200)
_PAGE, _RESOURCES = 120_000, 12


def run() -> Iterable[Measure]:
    """Measure seconds for 1, 20 and 200 posts, and memory for a page of a hundred times the size."""
    with tempfile.TemporaryDirectory() as aside:
        folder = Path(aside)
        given, tools = _material(folder, _PAGE)
        root = read_certificates(folder / "ca/root.pem")
        for posts in _POSTS:
            with _reporting() as spent:
                ours = _seconds(posts, lambda n: _build(given, tools, folder / f"{n}.zip"))
            plain = _seconds(posts, lambda n: _plain(given, tools.archive, folder / f"plain-{n}.zip"))
            yield Measure(
                "bundle",
                f"build, {posts} posts, against zip and SHA-256",
                ours,
                plain,
                "≤ 2 × reference",
                ours <= 2 * plain,
                "s",
            )
            yield Measure(
                "bundle", f"of it report.pdf, which the reference has not, {posts} posts",
                round(sum(spent), 3), None, "told", True, "s",
            )  # fmt: skip
            checked = _seconds(posts, lambda n: _verify(folder / f"{n}.zip", Anchors(root, root)))
            read = _seconds(posts, lambda n: _read(folder / f"plain-{n}.zip"))
            yield Measure(
                "bundle",
                f"verify, {posts} posts, against reading that zip",
                checked,
                read,
                "≤ 2 × reference",
                checked <= 2 * read,
                "s",
            )
        small, large = (_peak(folder / str(size), size) for size in (_PAGE, 100 * _PAGE))
        yield Measure(
            "bundle",
            "memory, 30 records of a page 100 times larger",
            large,
            small,
            "≤ 4 pages more",
            large - small <= 4 * 100 * _PAGE / 1e6,
            "MB",
        )


@contextmanager
def _reporting() -> Iterator[list[float]]:
    """Give the seconds that each report takes meanwhile."""
    write, spent = report.write, list[float]()

    def timed(about: report.Report, target: Path) -> None:
        began = time.perf_counter()
        write(about, target)
        spent.append(time.perf_counter() - began)

    with patch.object(report, "write", timed):
        yield spent


def _material(folder: Path, size: int) -> tuple[Gathered, Tools]:
    """Keep a page of `size` bytes with its resources, and say of it what the records would."""
    own = authority(folder / "ca")
    archive = Archive(folder / "archive")
    page = b"<html lang=vi><p>" + hashlib.shake_128(b"bai").hexdigest(size // 2).encode() + b"</p></html>"
    records, before = [], _AT
    with archive:
        for number in range(_RESOURCES + 1):
            kind = "text/html" if number == 0 else "application/octet-stream"
            body = page if number == 0 else hashlib.shake_128(bytes([number])).digest(size // 2)
            url = f"http://trang.example/{number}"
            stored = archive.exchange([Exchange(before, url, 200, (("Content-Type", kind),), body)])
            records.append(
                Kept(
                    "version" if number == 0 else "resource",
                    url,
                    _AT.isoformat(),
                    stored.warc,
                    stored.offset,
                    stored.length,
                    True,
                    kind,
                    {"sha256": hashlib.sha256(body).hexdigest()},
                )
            )
    post = {
        "id": 1,
        "version": 1,
        "kind": "article",
        "url": records[0].url,
        "title": "Bài",
        "text": "Lời của bài. " * 60,
        "quotes": [],
        "published_at": _AT.isoformat(),
        "content_sha256": "0" * 64,
        "source": {},
    }
    said = {"act": "ad", "detail": {"harms": {"scam": 0.9}, "found": ["scam"]}, "model": "m", "policy": "p"}
    referral = {
        "id": 1,
        "legal_basis": "điều",
        "why_not_milder": "vì",
        "proposer": "Hoa",
        "approver": "Tâm",
        "proposed_at": _AT.isoformat(),
        "evidence_sha256": "0" * 64,
    }
    step = {
        "at": _AT.isoformat(),
        "what": "viewed",
        "who": "Hoa",
        "subject": "case:1",
        "action": "case.leased",
    }
    evidence = {"post": post, "assessment": said, "captures": [], "rendering": None}
    given = Gathered(
        referral,
        evidence,
        {"name": "Nguồn", "legal_basis": "công khai"},
        None,
        [],
        tuple(records),
        None,
        None,
        [],
        [step] * 20,
        None,
        "Lan",
    )
    signer = Signer.load(own.of("department.pem"), str(own.of("department.key")))
    return given, Tools(archive, signer, lambda sealed: "")


def _build(given: Gathered, tools: Tools, target: Path) -> None:
    build(given, Confirmed([], [], True, "", "Lan", _AT.isoformat()), tools, target, _AT)


def _plain(given: Gathered, archive: Archive, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        hashes = {}
        for number, one in enumerate(given.records):
            body = archive.read(one.warc, one.offset).body
            hashes[str(number)] = hashlib.sha256(body).hexdigest()
            file.writestr(str(number), body)
        file.writestr("post.json", json.dumps(given.evidence))
        file.writestr("hashes.json", json.dumps(hashes))


def _verify(path: Path, anchors: Anchors) -> None:
    if verify(path, anchors).state == State.BROKEN:
        raise SystemExit(f"{path} does not verify")


def _read(path: Path) -> None:
    with zipfile.ZipFile(path) as file:
        hashes = json.loads(file.read("hashes.json"))
        if any(hashlib.sha256(file.read(name)).hexdigest() != digest for name, digest in hashes.items()):
            raise SystemExit(f"{path} does not verify")


def _seconds(posts: int, work: Callable[[int], object]) -> float:
    began = time.perf_counter()
    for number in range(posts):
        work(number)
    return round(time.perf_counter() - began, 3)


def _peak(folder: Path, size: int) -> float:
    """Return the most memory (MB) that a build took whose 30 records are of a page of `size` bytes."""
    folder.mkdir()
    given, tools = _material(folder, size)
    records = tuple(replace(one, url=f"{one.url}#{turn}") for turn in range(3) for one in given.records[1:11])
    tracemalloc.start()
    _build(replace(given, records=(given.records[0], *records)), tools, folder / "g.zip")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    shutil.rmtree(folder)
    return round(peak / 1e6, 1)
