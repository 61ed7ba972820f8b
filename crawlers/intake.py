"""Takes a fetched page in: into the archive first, then its capture and posts into the records."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crawlers import frontier
from crawlers.frontier import Due
from crawlers.hosts import note
from crawlers.page import VIETNAM, Item
from store import audit, ingest
from store.archive import Archive
from store.archived import Exchange
from store.ingest import Incoming, PostRefused, clean
from store.keys import Keys
from store.records import Records
from store.tables import Capture, Run, Source
from store.vocabulary import PageRole, PostKind, RunKind, RunState


@dataclass(frozen=True)
class Fetched:
    """One page: `body` is decoded of content coding, `chain` is how it came, itself as sent the last."""

    media_type: str
    body: bytes
    chain: Sequence[Exchange]
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.chain[-1].url

    @property
    def status(self) -> int:
        return self.chain[-1].status

    def header(self, name: str) -> str | None:
        """Return a header by its name, without regard to case; None when it was not sent."""
        sent = self.chain[-1].headers
        return next((value for key, value in sent if key.lower() == name.lower()), None)


@dataclass(frozen=True)
class Leads:
    """Where a page leads: to pages of one role, asked for again when the last time is `again` ago."""

    role: PageRole
    urls: tuple[str, ...]
    again: timedelta
    thread: str | None = None


class Intake:
    """Writes one run of one source. Not for several threads at once."""

    def __init__(self, records: Records, archive: Archive, keys: Keys, source: Source) -> None:
        self.records = records
        self.archive = archive
        self.keys = keys
        self.source = source
        self.counters: Counter[str] = Counter()
        self.run_id = self._begin()

    def begin(self, *, at_once: bool, first: timedelta) -> list[Due]:
        """Return what is due of the source; its root is, when it is new or `at_once`."""
        now = datetime.now(UTC)
        with self.records.write() as session:
            frontier.begin(session, self.source, now, at_once=at_once, first=first)
            return frontier.due(session, self.source.id, now)

    def pages_left(self) -> int | None:
        """Return how many pages may still be asked for today, in Vietnam; None where nothing limits them."""
        if self.source.pages_a_day is None:
            return None
        with self.records.read() as session:
            runs = session.scalars(
                select(Run.counters).where(Run.source_id == self.source.id, Run.started_at >= _midnight())
            )
            asked: int = sum(run.get("page/asked", 0) for run in runs)
        return max(0, self.source.pages_a_day - asked)

    def take(
        self,
        fetched: Fetched,
        kind: PostKind,
        items: Sequence[Item] = (),
        page: Due | None = None,
        leads: Leads | None = None,
    ) -> list[Due]:
        """Keep a page, the posts on it, and where it leads; nothing is counted before it is kept.

        A page that came before with the same bytes is not archived again. Returns what is due of the pages
        that it leads to.
        """
        now = datetime.now(UTC)
        content_hash = hashlib.sha256(fetched.body).hexdigest()
        known = self._known(fetched.url, content_hash)
        stored = None if known else self.archive.exchange(fetched.chain)
        counters = Counter({"capture/unchanged" if known else "capture/stored": 1})
        with self.records.write() as session:
            if stored is not None:
                capture = Capture(
                    source_id=self.source.id,
                    url=fetched.url,
                    at=now,
                    status=fetched.status,
                    media_type=fetched.media_type,
                    sha256=content_hash,
                    warc=stored.warc,
                    offset=stored.offset,
                    length=stored.length,
                    detail=fetched.detail,
                )
                session.add(capture)
                session.flush()
                known = capture.id
            note(session, urlsplit(fetched.url).netloc, asked_at=now)
            posts = list(self._posts(kind, items, known or 0, counters))
            counters += ingest.tally(ingest.accept(session, self.source.id, posts, self.keys, now))
            due, new = self._follow(session, leads, now, counters)
            if page is not None:
                frontier.fetched(
                    session,
                    page.page_id,
                    now,
                    new=new,
                    content_hash=content_hash,
                    etag=fetched.header("ETag"),
                    last_modified=fetched.header("Last-Modified"),
                )
            self._keep_counters(session, counters)
        self.counters += counters
        return due

    def same(self, page: Due) -> None:
        """Note that a page is as it was, by the word of its server."""
        with self.records.write() as session:
            frontier.fetched(session, page.page_id, datetime.now(UTC), new=0)
        self.counters["page/not_modified"] += 1

    def lose(self, page: Due, reason: str, rests: float = 0.0) -> None:
        """Note why a page could not be taken in; one whose host rests is asked for when it is over."""
        now = datetime.now(UTC)
        with self.records.write() as session:
            if reason == "host/resting":
                frontier.put_off(session, [page.page_id], now + timedelta(seconds=rests))
            else:
                frontier.failed(session, page.page_id, now, reason)

    def put_off(self, pages: Sequence[Due]) -> None:
        """Leave pages to tomorrow."""
        with self.records.write() as session:
            tomorrow = _midnight() + timedelta(days=1)
            frontier.put_off(session, [page.page_id for page in pages], tomorrow)
        self.counters["page/tomorrow"] += len(pages)

    def finish(self, state: RunState) -> None:
        """Close the run with its counters."""
        with self.records.write() as session:
            run = session.get_one(Run, self.run_id)
            run.state = state
            run.finished_at = datetime.now(UTC)
            run.counters = dict(self.counters)
            audit.append(
                session, audit.SYSTEM, "crawl.finished", f"run:{run.id}", state=state, counters=run.counters
            )

    def _known(self, url: str, content_hash: str) -> int | None:
        """Return the last capture of this URL if it holds the same bytes."""
        last = select(Capture).where(Capture.url == url).order_by(Capture.id.desc()).limit(1)
        with self.records.read() as session:
            capture = session.scalar(last)
        same = capture is not None and capture.sha256 == content_hash
        return capture.id if capture is not None and same else None

    def _posts(
        self, kind: PostKind, items: Sequence[Item], capture_id: int, counters: Counter[str]
    ) -> Iterable[Incoming]:
        for item in items:
            try:
                text = clean(item.text)
            except PostRefused:
                counters["post/refused"] += 1
                continue
            url = f"{item.url}#{item.anchor}" if item.anchor else item.url
            yield Incoming(
                key=url,
                kind=kind,
                text=text,
                title=item.title,
                url=url,
                capture_id=capture_id,
                language=self.source.language,
                published_at=item.published,
                handle=item.handle,
                quotes=item.quotes,
            )

    def _follow(
        self, session: Session, leads: Leads | None, now: datetime, counters: Counter[str]
    ) -> tuple[list[Due], int]:
        if leads is None:
            return [], 0
        due, new = frontier.discover(
            session, self.source.id, leads.role, leads.urls, now, leads.again, leads.thread
        )
        counters["page/recent"] += len(leads.urls) - len(due)
        return due, new

    def _begin(self) -> int:
        now = datetime.now(UTC)
        with self.records.write() as session:
            # A run still open was killed: only one crawl works at a time.
            open_runs = (
                Run.kind == RunKind.CRAWL,
                Run.source_id == self.source.id,
                Run.state == RunState.RUNNING,
            )
            session.execute(update(Run).where(*open_runs).values(state=RunState.FAILED, finished_at=now))
            run = Run(kind=RunKind.CRAWL, source_id=self.source.id, started_at=now, counters={})
            session.add(run)
            session.flush()
            audit.append(session, audit.SYSTEM, "crawl.started", f"run:{run.id}", source=self.source.id)
            return run.id

    def _keep_counters(self, session: Session, counters: Counter[str]) -> None:
        session.execute(
            update(Run).where(Run.id == self.run_id).values(counters=dict(self.counters + counters))
        )


def _midnight() -> datetime:
    """Return when this day began in Vietnam."""
    return datetime.now(VIETNAM).replace(hour=0, minute=0, second=0, microsecond=0)
