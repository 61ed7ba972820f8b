"""Runs an import: the file goes into the archive once, its rows into the records, resumable at any row."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from crawlers.imports import rows
from crawlers.imports.mapping import Mapping, RowRefused
from store import audit, ingest
from store.archive import Archive
from store.archived import Torn
from store.ingest import Incoming
from store.keys import Keys
from store.records import Records
from store.tables import Capture, Rejection, Run, Source
from store.vocabulary import PostKind, RunKind, RunState, SourceKind

BATCH = 200
Progress = Callable[[int, int], None]


class ImportConflict(Exception):
    """Two processes import the same file, or it changed meanwhile; the message says which."""


@dataclass(frozen=True)
class Plan:
    """What to import: a file, how its columns map, and the source its posts belong to."""

    path: Path
    mapping: Mapping
    source: str
    legal_basis: str
    source_kind: SourceKind = SourceKind.IMPORT
    post_kind: PostKind = PostKind.SOCIAL
    language: str = "vi"

    def identity(self, file_sha256: str) -> str:
        """Return the name of this import: the same file, source and mapping are the same import."""
        parts = [
            file_sha256,
            self.source,
            self.post_kind,
            self.language,
            sorted(self.mapping.columns.items()),
        ]
        return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True)
class Preview:
    """What a dry run found: how many rows would land, and each that would not, with its reason."""

    rows: int
    sample: tuple[Incoming, ...]
    refused: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Outcome:
    """What an import did. `resumed_at` is the row it went on after; `done_before`: nothing was left to do."""

    run_id: int
    counters: dict[str, int]
    rejected: int
    resumed_at: int
    done_before: bool
    torn: tuple[Torn, ...]


def preview(plan: Plan) -> Preview:
    """Read the whole file and write nothing."""
    number = 0
    sample: list[Incoming] = []
    refused: list[tuple[int, str]] = []
    for row in rows.read(plan.path):
        number += 1
        try:
            post = plan.mapping.post(row, plan.source, plan.post_kind, plan.language, 0)
        except RowRefused as error:
            refused.append((row.number, str(error)))
        else:
            if len(sample) < 5:
                sample.append(post)
    return Preview(number, tuple(sample), tuple(refused))


def run(
    records: Records,
    archive: Archive,
    keys: Keys,
    plan: Plan,
    progress: Progress = lambda done, total: None,
) -> Outcome:
    """Import a file; a run that was killed goes on after its last whole batch.

    Each batch of 200 rows is one transaction: its posts, its refused rows, the work owed and the place
    reached are kept together. `progress` is told the rows done and the total. Raises `FileUnreadable`
    for a file that cannot be read at all and `ImportConflict`.
    """
    total = sum(1 for _ in rows.read(plan.path))
    sha256 = _sha256(plan.path)
    torn: tuple[Torn, ...] = ()
    with records.read() as session:
        found = session.scalar(select(Run).where(Run.identity == plan.identity(sha256)))
    if found is None:
        found, torn = _begin(records, archive, plan, sha256)
    resumed_at = found.next_row
    if found.state == RunState.DONE:
        return Outcome(found.id, dict(found.counters), _rejected(found), resumed_at, True, torn)
    progress(resumed_at, total)
    at = resumed_at
    for batch in _batches(rows.read(plan.path), skip=resumed_at):
        with records.write() as session:
            at = _take(session, found.id, plan, keys, batch, at)
        progress(at, total)
    with records.write() as session:
        ended = _end(session, found.id, at)
    return Outcome(ended.id, dict(ended.counters), _rejected(ended), resumed_at, False, torn)


def write_errors(session: Session, run_id: int, path: Path) -> int:
    """Write the refused rows of a run to `path` as JSON lines `{row, reason, raw}`; return how many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".part")
    count = 0
    with aside.open("w", encoding="utf-8") as file:
        for found in session.scalars(
            select(Rejection).where(Rejection.run_id == run_id).order_by(Rejection.row)
        ):
            line = {"row": found.row, "reason": found.reason, "raw": found.raw}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    return count


def _begin(records: Records, archive: Archive, plan: Plan, sha256: str) -> tuple[Run, tuple[Torn, ...]]:
    now = datetime.now(UTC)
    url = plan.path.resolve().as_uri()
    media_type = f"application/x-{plan.path.suffix.lower().lstrip('.')}"
    with archive, plan.path.open("rb") as file:
        stored = archive.resource(url, now, media_type, file)
        torn = tuple(archive.torn)
    if stored.sha256 != sha256:
        raise ImportConflict(f"{plan.path.name} đang bị sửa trong khi nhập. Đợi ghi xong rồi chạy lại.")
    with records.write() as session:
        source = _source(session, plan, now)
        capture = Capture(
            source_id=source.id,
            url=url,
            at=now,
            media_type=media_type,
            sha256=sha256,
            warc=stored.warc,
            offset=stored.offset,
            length=stored.length,
        )
        session.add(capture)
        session.flush()
        begun = Run(
            kind=RunKind.IMPORT,
            state=RunState.RUNNING,
            source_id=source.id,
            capture_id=capture.id,
            file_name=plan.path.name,
            identity=plan.identity(sha256),
            started_at=now,
            counters={},
            next_row=0,
        )
        session.add(begun)
        session.flush()
        audit.append(
            session,
            audit.SYSTEM,
            "import.started",
            f"run:{begun.id}",
            file=plan.path.name,
            sha256=sha256,
            source=source.id,
        )
        for tail in torn:
            audit.append(
                session,
                audit.SYSTEM,
                "archive.torn",
                f"warc:{tail.warc}",
                offset=tail.offset,
                cut=tail.length,
            )
    return begun, torn


def _source(session: Session, plan: Plan, now: datetime) -> Source:
    source = session.scalar(select(Source).where(Source.name == plan.source))
    if source is None:
        source = Source(
            name=plan.source,
            kind=plan.source_kind,
            language=plan.language,
            legal_basis=plan.legal_basis,
            added_at=now,
        )
        session.add(source)
        session.flush()
        audit.append(session, audit.SYSTEM, "source.added", f"source:{source.id}", name=source.name)
    return source


def _take(session: Session, run_id: int, plan: Plan, keys: Keys, batch: list[rows.Row], expected: int) -> int:
    current = session.get_one(Run, run_id, with_for_update=True)
    if current.next_row != expected or current.state != RunState.RUNNING:
        raise ImportConflict(f"{plan.path.name} đang được một tiến trình khác nhập. Đợi nó xong.")
    posts = []
    counters = Counter(current.counters)
    for row in batch:
        try:
            posts.append(
                plan.mapping.post(row, plan.source, plan.post_kind, plan.language, current.capture_id or 0)
            )
        except RowRefused as error:
            session.add(Rejection(run_id=run_id, row=row.number, reason=str(error), raw=row.raw[:20_000]))
            counters["row/refused"] += 1
    counters.update(ingest.tally(ingest.accept(session, current.source_id, posts, keys)))
    current.counters = dict(counters)
    current.next_row = batch[-1].number
    return current.next_row


def _end(session: Session, run_id: int, expected: int) -> Run:
    ended = session.get_one(Run, run_id, with_for_update=True)
    if ended.next_row != expected:
        raise ImportConflict(f"{ended.file_name} đang được một tiến trình khác nhập. Đợi nó xong.")
    if ended.state != RunState.DONE:
        ended.state = RunState.DONE
        ended.finished_at = datetime.now(UTC)
        audit.append(session, audit.SYSTEM, "import.finished", f"run:{run_id}", counters=ended.counters)
    return ended


def _rejected(found: Run) -> int:
    return int(found.counters.get("row/refused", 0))


def _batches(source: Iterator[rows.Row], skip: int) -> Iterator[list[rows.Row]]:
    remaining = (row for row in source if row.number > skip)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
