"""Upgrade and disaster: records of the release before (migration 0007) come forward; backup, loss, restore.

`python -m bench upgrade` makes 100,000 posts at the schema that release wrote, on SQLite and on PostgreSQL,
with assessments, a case for one in ten, an audit chain and a WARC file; it migrates them forward, backs the
installation up, removes all of it, restores it into an empty database of the same kind, and verifies what
came back: rows, texts, chain, captures. There is no reference: what the goals say is what an operator can
wait for.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command

import models
from bench.installation import empty_postgres
from bench.measure import Measure
from classifier.assess import assess
from classifier.load import load
from classifier.policy import load_policy
from store import audit, backup
from store.archive import Archive
from store.archived import Stored
from store.migrate import config, migrate, require_current
from store.records import Records
from store.tables import Capture, Case, Event, Post, Source
from store.vocabulary import PostKind

BEFORE = "0007"
_PAGE = 2000
_POSTS = 100_000

# Gives a database without any table, which is gone afterwards.
Fresh = Callable[[], AbstractContextManager[Records]]


@dataclass(frozen=True)
class Drilled:
    """Seconds that each step took, and the rows that were there after all."""

    migrated: float
    backed_up: float
    restored: float
    posts: int
    cases: int


def run() -> Iterable[Measure]:
    """Drill with 100,000 posts of real sentences, on each database."""
    from bench.corpus import texts

    with tempfile.TemporaryDirectory(prefix="kiemtin-upgrade-") as place:
        databases: dict[str, Fresh] = {
            "SQLite": lambda: empty_sqlite(Path(place) / "kiemtin.db"), "PostgreSQL": empty_postgres
        }  # fmt: skip
        for database, fresh in databases.items():
            found = drill(Path(place) / database, texts(_POSTS), fresh)
            for name, seconds, most in (
                (f"migrations {BEFORE} to head over {found.posts} posts", found.migrated, 120),
                ("backup, read again", found.backed_up, 120),
                ("restore, checked before and after", found.restored, 180),
            ):
                yield Measure(
                    "upgrade", f"{name}, {database}", round(seconds, 1), None, f"≤ {most} s",
                    seconds <= most, "s",
                )  # fmt: skip


@contextmanager
def empty_sqlite(path: Path) -> Iterator[Records]:
    """Give an SQLite database without any table at `path`; it is gone afterwards."""
    records = Records(f"sqlite:///{path}")
    try:
        yield records
    finally:
        records.close()
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink()


def drill(folder: Path, said: Iterable[str], fresh: Fresh) -> Drilled:
    """Do it all in `folder`, on two databases that `fresh` gives, one after the other.

    Raises `AssertionError` where anything is not as it was.
    """
    home = folder / "var"
    archive = Archive(home / "archive")
    with fresh() as records:
        with archive:
            stored = archive.resource(
                "https://a.example/", datetime.now(UTC), "text/plain", BytesIO(b"trang")
            )
        _at_before(records)
        _fill(records, said, stored)
        before = _digest(records)
        began = time.perf_counter()
        migrate(records)
        migrated = time.perf_counter() - began
        require_current(records)
        assert _digest(records) == before, "a text, case or event changed on the way"
        _go_on(records)
        began = time.perf_counter()
        place, manifest = backup.make(records, archive, folder / "copies", {})
        backed_up = time.perf_counter() - began
    shutil.rmtree(home)
    with fresh() as records:
        migrate(records)
        began = time.perf_counter()
        backup.restore(place, records, home / "archive", {})
        restored = time.perf_counter() - began
        assert _digest(records) == before, "a text, case or event changed by backup and restore"
        with records.read() as session:
            assert audit.verify(session, manifest.head).ok
            first = session.scalars(sa.select(Capture)).one()
            posts = session.scalar(sa.select(sa.func.count()).select_from(Post)) or 0
            cases = session.scalar(sa.select(sa.func.count()).select_from(Case)) or 0
        _go_on(records)
    assert archive.read(first.warc, first.offset).body == b"trang"
    return Drilled(migrated, backed_up, restored, posts, cases)


def _go_on(records: Records) -> None:
    """Write on: a row whose number the database gives, and an event that goes on from the last."""
    with records.write() as session:
        session.add(
            Source(name=f"{time.time()}", kind="import", legal_basis="thử", added_at=datetime.now(UTC))
        )
        audit.append(session, audit.SYSTEM, "thử", "x:2")
        session.flush()
        assert audit.verify(session).ok


def _at_before(records: Records) -> None:
    settings = config()
    with records.engine.execution_options(kiemtin_write=True).begin() as connection:
        settings.attributes["connection"] = connection
        command.upgrade(settings, BEFORE)


def _fill(records: Records, said: Iterable[str], stored: Stored) -> None:
    """Write rows as the release before did: by its tables, as they are found in the database."""
    tables = sa.MetaData()
    tables.reflect(records.engine)
    t = tables.tables
    now = datetime.now(UTC)
    with records.engine.execution_options(kiemtin_write=True).begin() as connection:
        connection.execute(t["source"].insert(), [{
            "id": 1, "name": "Nguồn", "kind": "import", "language": "vi", "legal_basis": "thử", "rate": 1.0,
            "enabled": True, "added_at": now,
        }])  # fmt: skip
        connection.execute(t["capture"].insert(), [{
            "id": 1, "source_id": 1, "url": "https://a.example/", "at": now, "media_type": "text/plain",
            "sha256": "0" * 64, "warc": stored.warc, "offset": stored.offset, "length": stored.length,
        }])  # fmt: skip
        detail = _detail()
        for page in _pages(said):
            _write(connection, t, page, detail, now)
        connection.execute(t["event"].insert(), _chain(200))
        if records.engine.dialect.name == "postgresql":
            _count_on(connection)


def _count_on(connection: sa.Connection) -> None:
    """Let the database number on from the rows that were written with their numbers."""
    for name in ("source", "capture", "cluster", "post", "assessment", "case", "event"):
        numbers = f"pg_get_serial_sequence('\"{name}\"', 'id')"
        connection.execute(sa.text(f'SELECT setval({numbers}, max(id)) FROM "{name}" HAVING count(*) > 0'))


def _write(
    connection: sa.Connection,
    t: Any,
    page: Sequence[tuple[int, str]],
    detail: dict[str, Any],
    now: datetime,
) -> None:
    connection.execute(
        t["cluster"].insert(), [{"id": i, "size": 1, "created_at": now} for i, _ in page]
    )  # fmt: skip
    connection.execute(t["post"].insert(), [{
        "id": i, "key": f"k{i}", "source_id": 1, "capture_id": 1, "kind": "social", "language": "vi",
        "title": "", "text": text,
        "quotes": [], "content_hash": hashlib.sha256(text.encode()).hexdigest(), "version": 1,
        "first_seen_at": now, "last_seen_at": now, "cluster_id": i, "assessment_id": i, "facts": {},
    } for i, text in page])  # fmt: skip
    connection.execute(t["assessment"].insert(), [{
        "id": i, "post_id": i, "post_version": 1, "model": "m", "policy": "p", "about": 0.9, "act": "claim",
        "harmful": 0.9 if i % 10 == 0 else 0.1, "flagged": i % 10 == 0, "protected": False,
        "uncertain": False, "referable": False, "priority": (i % 100) / 100, "detail": detail, "at": now,
    } for i, _ in page])  # fmt: skip
    connection.execute(
        t["searchable"].insert(), [{"post_id": i, "version": 1, "changed_at": now} for i, _ in page]
    )
    cases = [{
        "id": i, "cluster_id": i, "post_id": i, "content_hash": hashlib.sha256(text.encode()).hexdigest(),
        "state": "queued", "version": 1, "priority": (i % 100) / 100, "harm": "cure", "uncertain": False,
        "opened_at": now,
    } for i, text in page if i % 10 == 0]  # fmt: skip
    if cases:
        connection.execute(t["case"].insert(), cases)


def _pages(said: Iterable[str]) -> Iterator[Sequence[tuple[int, str]]]:
    page: list[tuple[int, str]] = []
    for one in enumerate(said, 1):
        page.append(one)
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page


def _detail() -> dict[str, Any]:
    at = datetime.now(UTC)
    post = Post(
        id=1,
        version=1,
        title="",
        url=None,
        kind=PostKind.SOCIAL,
        first_seen_at=at,
        text="Uống nước tỏi khỏi F0",
    )
    return assess([post], load(models.path("tfidf")), load_policy())[0].to_dict()


def _chain(number: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    previous = audit.GENESIS
    for i in range(1, number + 1):
        event = Event(
            id=i, at=datetime.now(UTC).isoformat(timespec="microseconds"), actor="system", action="thử",
            subject="x:1", detail="{}", previous=previous, hash="",
        )  # fmt: skip
        previous = audit.digest(event)
        rows.append({
            "id": i, "at": event.at, "actor": "system", "action": "thử", "subject": "x:1", "detail": "{}",
            "previous": event.previous, "hash": previous,
        })  # fmt: skip
    return rows


def _digest(records: Records) -> str:
    """Return what must never change, as one SHA-256: posts, who is flagged, cases, the chain."""
    asked = (
        "SELECT id, key, text, content_hash, version, cluster_id, assessment_id FROM post ORDER BY id",
        "SELECT id, post_id, harmful, flagged, protected, referable, detail FROM assessment ORDER BY id",
        'SELECT id, cluster_id, post_id, content_hash, state, version, harm FROM "case" ORDER BY id',
        "SELECT id, at, hash FROM event WHERE id <= 200 ORDER BY id",
    )
    digest = hashlib.sha256()
    with records.engine.connect() as connection:
        for one in asked:
            for row in connection.execute(sa.text(one)):
                digest.update(repr(tuple(row)).encode())
    return digest.hexdigest()
