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

from crawlers import frontier, kinds, looks
from crawlers.frontier import Due, Found
from crawlers.hosts import note
from crawlers.reading.dates import VIETNAM
from crawlers.reading.page import Item, Lead, Reading
from store import audit, ingest
from store.archive import Archive
from store.archived import Exchange, Original
from store.ingest import Incoming, PostRefused, clean
from store.keys import Keys
from store.records import Records
from store.tables import Capture, Run, Source
from store.vocabulary import RunKind, RunState


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


class Intake:
    """Writes one run of one source. Not for several threads at once.

    `counters` are those of the run; `done` is how many pages were taken in or given up.
    """

    def __init__(self, records: Records, archive: Archive, keys: Keys, source: Source) -> None:
        self.records = records
        self.archive = archive
        self.keys = keys
        self.source = source
        self.counters: Counter[str] = Counter()
        self.done = 0
        self.run_id = self._begin()

    def begin(self, *, at_once: bool, first: timedelta) -> list[Due]:
        """Return what is due of the source; its root is, when it is new or `at_once`."""
        now = datetime.now(UTC)
        with self.records.write() as session:
            url = kinds.address(self.source)
            frontier.begin(session, self.source.id, url, now, at_once=at_once, first=first)
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
        self, fetched: Fetched, reading: Reading, page: Due | None, *, revisit: timedelta,
        since: datetime | None = None,
    ) -> list[Due]:  # fmt: skip
        """Keep a page, the posts on it, and where it leads; nothing is counted before it is kept.

        A page that came before with the same bytes is not archived again: what holds posts gets a record
        that says so, a listing only its time in the frontier. What was published before `since` is left.
        Returns what is due of the pages that it leads to.
        """
        now = datetime.now(UTC)
        content_hash = hashlib.sha256(fetched.body).hexdigest()
        payload = hashlib.sha256(fetched.chain[-1].body).hexdigest()
        known = self._known(fetched.url, content_hash, payload)
        original = Original(known.url, known.at, payload) if known is not None else None
        stored = None if original and not reading.items else self.archive.exchange(fetched.chain, original)
        counters = Counter({"capture/unchanged" if original else "capture/stored": 1})
        with self.records.write() as session:
            capture = None
            if stored is not None:
                capture = Capture(
                    source_id=self.source.id,
                    url=fetched.url,
                    at=fetched.chain[-1].at,
                    status=fetched.status,
                    media_type=fetched.media_type,
                    sha256=content_hash,
                    warc=stored.warc,
                    offset=stored.offset,
                    length=stored.length,
                    detail={**fetched.detail, "payload": payload},
                    page_id=page.page_id if page else None,
                    same_as=known.id if known is not None else None,
                )
                session.add(capture)
                session.flush()
            note(session, urlsplit(fetched.url).netloc, asked_at=now)
            holder = known or capture
            items = [item for item in reading.items if not _is_older(item.published, since)]
            counters["post/older"] += len(reading.items) - len(items)
            posts = list(
                posts_of(items, holder.id if holder is not None else 0, self.source.language, counters)
            )
            accepted = ingest.accept(session, self.source.id, posts, self.keys, now)
            counters += ingest.tally(accepted)
            if page is not None and page.watched:
                seen = {post.key: one.fate for post, one in zip(posts, accepted, strict=True)}
                counters += looks.seen(
                    session, page, seen, now, capture.id if capture else None, passing=reading.passing
                )
            found = self._follow(session, reading.leads, now, revisit, since, counters)
            if page is not None:
                frontier.fetched(
                    session,
                    page.page_id,
                    now,
                    new=found.new + counters["post/new"] + counters["post/copy"],
                    content_hash=content_hash,
                    etag=fetched.header("ETag"),
                    last_modified=fetched.header("Last-Modified"),
                )
            self._keep_counters(session, counters)
        self.counters += counters
        return list(found.due)

    def same(self, page: Due) -> None:
        """Note that a page is as it was, by the word of its server."""
        now = datetime.now(UTC)
        with self.records.write() as session:
            if page.watched:
                self.counters += looks.same(session, page, now)
            frontier.fetched(session, page.page_id, now, new=0)
        self.counters["page/not_modified"] += 1

    def lose(self, page: Due, reason: str, said: str = "", rests: float = 0.0) -> None:
        """Note why a page could not be taken in; one whose host rests is asked for when it is over.

        `said` is what else is known of it, for the operator.
        """
        now = datetime.now(UTC)
        with self.records.write() as session:
            if reason == "host/resting":
                frontier.put_off(session, [page.page_id], now + timedelta(seconds=rests))
                return
            if page.watched:
                self.counters += looks.lost(session, page, reason, now)
            frontier.failed(session, page.page_id, now, reason, said)

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

    def _known(self, url: str, content_hash: str, payload: str) -> Capture | None:
        """Return the capture that holds the bytes of the last one of this URL, if they were sent again."""
        last = select(Capture).where(Capture.url == url).order_by(Capture.id.desc()).limit(1)
        with self.records.read() as session:
            capture = session.scalar(last)
            if capture is None or capture.sha256 != content_hash:
                return None
            holder = session.get_one(Capture, capture.same_as) if capture.same_as else capture
        return holder if holder.detail.get("payload") == payload else None

    def _follow(
        self,
        session: Session,
        leads: Sequence[Lead],
        now: datetime,
        revisit: timedelta,
        since: datetime | None,
        counters: Counter[str],
    ) -> Found:
        wanted = [lead for lead in leads if not _is_older(lead.published, since)]
        found = frontier.discover(session, self.source.id, wanted, now, revisit)
        counters += Counter(
            {
                "page/older": len(leads) - len(wanted),
                "page/recent": found.recent,
                "page/beyond": found.beyond,
            }
        )
        return found

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
        # Done for each page, and no row of it is in the session: nothing there to bring in line.
        kept = update(Run).where(Run.id == self.run_id).values(counters=dict(self.counters + counters))
        session.execute(kept, execution_options={"synchronize_session": False})


def posts_of(
    items: Iterable[Item], capture_id: int, language: str, counters: Counter[str]
) -> Iterable[Incoming]:
    """Return the posts that items of a page are; one that says nothing is counted as `post/refused`."""
    for item in items:
        try:
            text = clean(item.text)
        except PostRefused:
            counters["post/refused"] += 1
            continue
        url = f"{item.url}#{item.anchor}" if item.anchor else item.url
        yield Incoming(
            key=url,
            kind=item.kind,
            text=text,
            title=item.title,
            url=url,
            capture_id=capture_id,
            language=language,
            published_at=item.published,
            handle=item.handle,
            quotes=item.quotes,
            modified_at=item.modified,
            position=item.position,
            parent=item.parent,
            facts=item.facts,
            again=item.again,
        )


def _is_older(moment: datetime | None, since: datetime | None) -> bool:
    return moment is not None and since is not None and moment < since


def _midnight() -> datetime:
    """Return when this day began in Vietnam."""
    return datetime.now(VIETNAM).replace(hour=0, minute=0, second=0, microsecond=0)
