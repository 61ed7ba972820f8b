"""Imports a WARC file: its pages go into our own archive, their posts into the records; resumable at any."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crawlers.fetch import directives_of
from crawlers.imports import job, warc
from crawlers.imports.job import Job, Outcome, Progress
from crawlers.imports.rows import FileUnreadable
from crawlers.imports.warc import Entry, Page
from crawlers.intake import posts_of
from crawlers.kinds import read_any
from crawlers.reading.page import Item, Reading, Unreadable
from store import audit, ingest
from store.archive import Archive
from store.archived import Stored
from store.ingest import Incoming
from store.keys import Keys
from store.records import Records, lock
from store.tables import Capture, Post, Revision, Run
from store.vocabulary import RunState, SourceKind

# Records without a page are counted in the transaction of the next page, or of so many.
_PATIENCE = 1000


@dataclass(frozen=True)
class Plan:
    """What to import: a WARC file, and the source its posts belong to."""

    path: Path
    source: str
    legal_basis: str
    language: str = "vi"

    def job(self, sha256: str) -> Job:
        """Return the import of this file: the same file and source are the same import."""
        identity = job.identity_of(sha256, self.source, SourceKind.WARC)
        return Job(
            self.path.name, sha256, identity, self.source, SourceKind.WARC, self.legal_basis, self.language
        )


@dataclass(frozen=True)
class Preview:
    """What a dry run found: counters, some posts, pages that cannot be read, and where the file is broken."""

    counters: dict[str, int]
    sample: tuple[Incoming, ...]
    refused: tuple[Entry, ...]
    broken: FileUnreadable | None


def preview(plan: Plan) -> Preview:
    """Read the whole file, as far as it can be read, and write nothing."""
    counters: Counter[str] = Counter()
    sample: list[Incoming] = []
    refused: list[Entry] = []
    broken = None
    try:
        for entry, reading in _readings(plan.path):
            if entry.page is None:
                counters[entry.counter] += 1
                refused += [entry] if entry.said else []
                continue
            counters += _stored(reading)
            posts = list(posts_of(reading.items, 0, plan.language, counters))
            counters["post/found"] += len(posts)
            sample += posts[: 5 - len(sample)]
    except FileUnreadable as error:
        broken = error
    return Preview(dict(counters), tuple(sample), tuple(refused), broken)


def run(
    records: Records,
    archive: Archive,
    keys: Keys,
    plan: Plan,
    progress: Progress = lambda done, total: None,
) -> Outcome:
    """Import a WARC file; a run that was killed goes on after the last page that it kept.

    Each page is one transaction: its capture, its posts, the work owed and the place reached are kept
    together. `progress` is told the bytes read and their total. Raises `ImportConflict`, and
    `FileUnreadable` where the file is torn or no WARC, once all before is kept.
    """
    warc.require(plan.path)
    wanted = plan.job(job.sha256_of(plan.path))
    found = job.begin(records, wanted)
    if found.state == RunState.DONE:
        return Outcome(found.id, dict(found.counters), _rejected(found), found.next_row, True, ())
    resumed_at, size = found.next_row, plan.path.stat().st_size
    with archive:
        torn = tuple(archive.torn)
        with records.write() as session:
            audit.note_torn(session, torn)
        work = _Import(records, archive, keys, plan, found.id, found.source_id, resumed_at)
        try:
            for entry, reading in _readings(plan.path, resumed_at):
                work.take(entry, reading)
                progress(entry.offset, size)
        except FileUnreadable as error:
            work.keep_rest()
            failed = job.fail(records, found.id, work.place, str(error))
            raise FileUnreadable(f"{error} {_kept_until(failed)}") from error
        work.keep_rest()
    progress(size, size)
    ended = job.end(records, found.id, work.place)
    return Outcome(ended.id, dict(ended.counters), _rejected(ended), resumed_at, False, torn)


@dataclass
class _Import:
    """A run under way. `place` is the number of records that are kept, `reached` of those that were read."""

    records: Records
    archive: Archive
    keys: Keys
    plan: Plan
    run_id: int
    source_id: int
    place: int
    reached: int = 0
    counters: Counter[str] = field(default_factory=Counter)
    refused: list[Entry] = field(default_factory=list)

    def take(self, entry: Entry, reading: Reading) -> None:
        self.reached = entry.number
        if entry.page is not None:
            stored = _archived(self.archive, entry.page)
            capture = _capture(entry, entry.page, stored, self.plan, self.source_id)
            self.counters += _stored(reading)
            self._keep(capture, reading.items)
            return
        self.counters[entry.counter] += 1
        self.refused += [entry] if entry.said else []
        if self.counters.total() >= _PATIENCE:
            self._keep()

    def keep_rest(self) -> None:
        if self.counters:
            self._keep()

    def _keep(self, capture: Capture | None = None, items: Sequence[Item] = ()) -> None:
        with self.records.write() as session:
            current = job.held(session, self.run_id, self.place)
            if capture is not None:
                session.add(capture)
                session.flush()
                posts = list(posts_of(items, capture.id, self.plan.language, self.counters))
                self.counters += _accept(session, self.source_id, posts, self.keys, capture)
            for one in self.refused:
                job.refuse(session, self.run_id, one.number, one.said, one.url)
            current.counters = dict(Counter(current.counters) + self.counters)
            current.next_row = self.reached
        self.place = self.reached
        self.counters.clear()
        self.refused.clear()


def _readings(path: Path, skip: int = 0) -> Iterator[tuple[Entry, Reading]]:
    for entry in warc.read(path, skip):
        try:
            yield entry, read_any(entry.page.raw) if entry.page is not None else Reading()
        except Unreadable as error:
            yield replace(entry, page=None, counter="page/unreadable", said=str(error)), Reading()


def _stored(reading: Reading) -> Counter[str]:
    return Counter({"capture/stored": 1} if reading.items else {"capture/stored": 1, "page/no_posts": 1})


def _archived(archive: Archive, page: Page) -> Stored:
    if page.exchange is not None:
        return archive.exchange([page.exchange])
    return archive.resource(page.url, page.at, page.media_type, BytesIO(page.body))


def _capture(entry: Entry, page: Page, stored: Stored, plan: Plan, source_id: int) -> Capture:
    detail: dict[str, Any] = {"file": plan.path.name, "record": entry.number}
    if (sent := page.exchange) is not None:
        found = directives_of(sent, page.body)
        detail |= {"ip": sent.ip, "directives": found, "payload": stored.sha256}
    return Capture(
        source_id=source_id,
        url=page.url,
        at=page.at,
        status=page.exchange.status if page.exchange else None,
        media_type=page.media_type,
        sha256=hashlib.sha256(page.body).hexdigest(),
        warc=stored.warc,
        offset=stored.offset,
        length=stored.length,
        detail=detail,
    )


def _accept(
    session: Session, source_id: int, posts: Sequence[Incoming], keys: Keys, capture: Capture
) -> Counter[str]:
    """Accept posts as they were when their page was captured; what was seen later stays as it is."""
    lock(session, "accept")
    later = _seen_after(session, [post.key for post in posts], capture.at)
    fresh = [post for post in posts if post.key not in later]
    accepted = ingest.accept(session, source_id, fresh, keys)
    seen = {one.post_id for one in accepted}
    new = {one.post_id for one in accepted if one.fate in {"new", "copy"}}
    session.execute(update(Post).where(Post.id.in_(seen)).values(last_seen_at=capture.at))
    session.execute(update(Post).where(Post.id.in_(new)).values(first_seen_at=capture.at))
    session.execute(update(Revision).where(Revision.capture_id == capture.id).values(seen_at=capture.at))
    return ingest.tally(accepted) + Counter({"post/known": len(posts) - len(fresh)})


def _seen_after(session: Session, keys: Sequence[str], at: datetime) -> set[str]:
    return set(session.scalars(select(Post.key).where(Post.key.in_(keys), Post.last_seen_at > at)))


def _rejected(found: Run) -> int:
    return sum(found.counters.get(name, 0) for name in ("page/unreadable", "capture/oversize"))


def _kept_until(failed: Run) -> str:
    counters: Mapping[str, int] = failed.counters
    posts = sum(counters.get(name, 0) for name in ("post/new", "post/copy", "post/edited"))
    return f"Phần trước đó đã nhập (lượt {failed.id}, {posts} bài mới). Tải lại tệp trọn vẹn rồi nhập lại."
