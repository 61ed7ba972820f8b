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

from crawlers.page import Item
from store import audit, ingest
from store.archive import Archive
from store.ingest import Incoming, PostRefused, clean
from store.keys import Keys
from store.records import Records
from store.tables import Capture, Post, Run, Source
from store.vocabulary import PostKind, RunKind, RunState
from store.work_tables import Host


@dataclass(frozen=True)
class Fetched:
    """One HTTP response as it came, with `body` decoded of content coding."""

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    media_type: str
    body: bytes
    detail: dict[str, Any] = field(default_factory=dict)


class Intake:
    """Writes one run of one source. Not for several threads at once."""

    def __init__(self, records: Records, archive: Archive, keys: Keys, source: Source) -> None:
        self.records = records
        self.archive = archive
        self.keys = keys
        self.source = source
        self.counters: Counter[str] = Counter()
        self.run_id = self._begin()

    def recent(self, urls: Iterable[str], within: timedelta) -> set[str]:
        """Return those of `urls` that are posts seen less than `within` ago."""
        since = datetime.now(UTC) - within
        with self.records.read() as session:
            return set(session.scalars(select(Post.key).where(Post.key.in_(urls), Post.last_seen_at > since)))

    def take(self, fetched: Fetched, kind: PostKind, items: Sequence[Item]) -> None:
        """Keep a page and the posts on it; nothing is counted before it is kept.

        A page that came before with the same bytes is not archived again.
        """
        now = datetime.now(UTC)
        known = self._known(fetched)
        stored = (
            None
            if known
            else self.archive.response(fetched.url, now, fetched.status, fetched.headers, fetched.body)
        )
        counters = Counter({"capture/unchanged" if known else "capture/stored": 1})
        with self.records.write() as session:
            if stored is not None:
                capture = Capture(
                    source_id=self.source.id,
                    url=fetched.url,
                    at=now,
                    status=fetched.status,
                    media_type=fetched.media_type,
                    sha256=stored.sha256,
                    warc=stored.warc,
                    offset=stored.offset,
                    length=stored.length,
                    detail=fetched.detail,
                )
                session.add(capture)
                session.flush()
                known = capture.id
            session.merge(Host(name=urlsplit(fetched.url).netloc, asked_at=now))
            posts = list(self._posts(kind, items, known or 0, counters))
            counters += ingest.tally(ingest.accept(session, self.source.id, posts, self.keys, now))
            self._keep_counters(session, counters)
        self.counters += counters

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

    def _known(self, fetched: Fetched) -> int | None:
        """Return the last capture of this URL if it holds the same bytes."""
        last = select(Capture).where(Capture.url == fetched.url).order_by(Capture.id.desc()).limit(1)
        with self.records.read() as session:
            capture = session.scalar(last)
        same = capture is not None and capture.sha256 == hashlib.sha256(fetched.body).hexdigest()
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
