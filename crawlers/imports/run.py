"""Imports a file of rows: it goes into the archive once, its rows into the records; resumable at any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from sqlalchemy.orm import Session

from crawlers.imports import job, rows
from crawlers.imports.job import ImportConflict, Job, Outcome, Progress, write_errors
from crawlers.imports.mapping import Mapping, RowRefused
from store import audit, ingest
from store.archive import Archive
from store.archived import Torn
from store.ingest import Incoming
from store.keys import Keys
from store.records import Records
from store.tables import Capture, Run
from store.vocabulary import PostKind, RunState, SourceKind

__all__ = ["ImportConflict", "Outcome", "Plan", "Preview", "preview", "run", "write_errors"]

BATCH = 200


@dataclass(frozen=True)
class Plan:
    """What to import: a file, how its columns map, and the source its posts belong to.

    `url` is the address that the file has in the archive, where it is not that of its place on the disk.
    """

    path: Path
    mapping: Mapping
    source: str
    legal_basis: str
    source_kind: SourceKind = SourceKind.IMPORT
    post_kind: PostKind = PostKind.SOCIAL
    language: str = "vi"
    url: str = ""

    def job(self, sha256: str) -> Job:
        """Return the import of this file: the same file, source and mapping are the same import."""
        columns = sorted(self.mapping.columns.items())
        identity = job.identity_of(sha256, self.source, self.post_kind, self.language, columns)
        return Job(
            self.path.name, sha256, identity, self.source, self.source_kind, self.legal_basis, self.language
        )


@dataclass(frozen=True)
class Preview:
    """What a dry run found: how many rows would land, and each that would not, with its reason."""

    rows: int
    sample: tuple[Incoming, ...]
    refused: tuple[tuple[int, str], ...]


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
    wanted = plan.job(job.sha256_of(plan.path))
    torn: tuple[Torn, ...] = ()
    found = job.find(records, wanted)
    if found is None:
        capture, torn = _archived(archive, plan, wanted.sha256)
        found = job.begin(records, wanted, capture)
        with records.write() as session:
            audit.note_torn(session, torn)
    resumed_at = found.next_row
    if found.state == RunState.DONE:
        return Outcome(found.id, dict(found.counters), _rejected(found), resumed_at, True, torn)
    progress(resumed_at, total)
    at = resumed_at
    for batch in _batches(rows.read(plan.path), skip=resumed_at):
        with records.write() as session:
            at = _take(session, found.id, plan, keys, batch, at)
        progress(at, total)
    ended = job.end(records, found.id, at)
    return Outcome(ended.id, dict(ended.counters), _rejected(ended), resumed_at, False, torn)


def _archived(archive: Archive, plan: Plan, sha256: str) -> tuple[Capture, tuple[Torn, ...]]:
    now = datetime.now(UTC)
    url = plan.url or plan.path.resolve().as_uri()
    media_type = f"application/x-{plan.path.suffix.lower().lstrip('.')}"
    with archive, plan.path.open("rb") as file:
        stored = archive.resource(url, now, media_type, file)
        torn = tuple(archive.torn)
    if stored.sha256 != sha256:
        raise ImportConflict(f"{plan.path.name} đang bị sửa trong khi nhập. Đợi ghi xong rồi chạy lại.")
    capture = Capture(
        url=url,
        at=now,
        media_type=media_type,
        sha256=sha256,
        warc=stored.warc,
        offset=stored.offset,
        length=stored.length,
    )
    return capture, torn


def _take(session: Session, run_id: int, plan: Plan, keys: Keys, batch: list[rows.Row], expected: int) -> int:
    current = job.held(session, run_id, expected)
    posts = []
    counters = Counter(current.counters)
    for row in batch:
        try:
            posts.append(
                plan.mapping.post(row, plan.source, plan.post_kind, plan.language, current.capture_id or 0)
            )
        except RowRefused as error:
            job.refuse(session, run_id, row.number, str(error), row.raw)
            counters["row/refused"] += 1
    counters.update(ingest.tally(ingest.accept(session, current.source_id, posts, keys)))
    current.counters = dict(counters)
    current.next_row = batch[-1].number
    return current.next_row


def _rejected(found: Run) -> int:
    return int(found.counters.get("row/refused", 0))


def _batches(source: Iterator[rows.Row], skip: int) -> Iterator[list[rows.Row]]:
    remaining = (row for row in source if row.number > skip)
    while batch := list(islice(remaining, BATCH)):
        yield batch
