"""The frontier: which pages of a source are due, in the records, so that a crawl can end at any moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crawlers.canonical import canonical_url
from store.tables import Source
from store.vocabulary import PageRole
from store.work_tables import Page

# A root is asked more often while it brings something new, and less often while it does not.
SHORTEST, FIRST, LONGEST = timedelta(minutes=10), timedelta(minutes=30), timedelta(hours=24)
# After so many failures in a row a page is left, with its last error; a root never is.
MOST_ATTEMPTS = 5
# A longer thread is followed so far and no further.
MOST_PAGES = 50
# What asking again will not mend.
FINAL = frozenset(
    {"robots/forbidden", "http/404", "http/410", "capture/oversize", "page/unreadable", "page/offsite"}
)
_TAKEN = 1000


@dataclass(frozen=True)
class Due:
    """A page to ask for now; `etag` and `last_modified` as it was last answered."""

    page_id: int
    url: str
    role: PageRole
    etag: str | None = None
    last_modified: str | None = None


def begin(session: Session, source: Source, now: datetime, *, at_once: bool, first: timedelta) -> None:
    """Let a source have its root, due when it is new or `at_once`."""
    url = canonical_url(source.url or "")
    root = session.scalar(select(Page).where(Page.source_id == source.id, Page.role == PageRole.ROOT))
    if root is None or root.url != url:
        if root is not None:
            session.delete(root)  # the address of the source was changed in its list
            session.flush()
        found = session.scalar(select(Page).where(Page.url == url))
        root = found or Page(url=url, found_at=now, attempts=0)
        root.source_id, root.role, root.due_at = source.id, PageRole.ROOT, now
        root.every = int(first.total_seconds())
        session.add(root)
    elif at_once:
        root.due_at = now
    session.flush()


def due(session: Session, source_id: int, now: datetime) -> list[Due]:
    """Return what is due of a source: its root first, then what has waited longest."""
    rows = session.scalars(
        select(Page)
        .where(Page.source_id == source_id, Page.due_at <= now)
        .order_by((Page.role == PageRole.ROOT).desc(), Page.due_at, Page.id)
        .limit(_TAKEN)
    )
    return [_due(row) for row in rows]


def discover(
    session: Session,
    source_id: int,
    role: PageRole,
    urls: Iterable[str],
    now: datetime,
    again: timedelta,
    thread: str | None = None,
) -> tuple[list[Due], int]:
    """Take up the pages that a page leads to; return those that are due now, and how many were new.

    A page that is known becomes due again when it was last asked for more than `again` ago. Of a thread of
    several pages that is its last one, for there the new messages are.
    """
    wanted = list(dict.fromkeys(urls))
    if thread is not None and _pages_of(session, thread) >= MOST_PAGES:
        return [], 0
    known = {page.url: page for page in session.scalars(select(Page).where(Page.url.in_(wanted)))}
    last = _last_pages(session, wanted) if role == PageRole.THREAD and thread is None else {}
    found, new = [], 0
    for url in wanted:
        page = known.get(url)
        if page is None:
            page = Page(
                source_id=source_id, url=url, role=role, due_at=now, found_at=now, attempts=0,
                thread=(thread or url) if role == PageRole.THREAD else None,
            )  # fmt: skip
            session.add(page)
            new += 1
        elif page.role == PageRole.ROOT:
            continue
        else:
            page = last.get(url, page)
            if page.due_at is None and (page.asked_at is None or page.asked_at <= now - again):
                page.due_at, page.attempts = now, 0
        # What another source leads to as well is left to the one that found it first.
        if page.source_id == source_id and page.due_at is not None and page.due_at <= now:
            found.append(page)
    session.flush()
    return [_due(page) for page in found], new


def fetched(
    session: Session,
    page_id: int,
    now: datetime,
    *,
    new: int,
    content_hash: str | None = None,
    etag: str | None = None,
    last_modified: str | None = None,
) -> None:
    """Note that a page was taken in, and when it is due again; `new` is how much it brought.

    Without a `content_hash` nothing was new by the word of the server, and what was known of it stays.
    """
    page = session.get(Page, page_id)
    if page is None:
        return
    page.asked_at, page.attempts, page.error = now, 0, None
    if content_hash is not None:
        page.content_hash, page.etag, page.last_modified = content_hash, etag, last_modified
    if page.every is None:
        page.due_at = None
        return
    page.every = int(_clamped(timedelta(seconds=page.every) * (0.5 if new else 1.5)).total_seconds())
    page.due_at = now + timedelta(seconds=page.every)


def failed(session: Session, page_id: int, now: datetime, reason: str) -> None:
    """Note why a page could not be taken in; it is tried again ever later, at the last once a day."""
    page = session.get(Page, page_id)
    if page is None:
        return
    page.asked_at = now
    page.attempts += 1
    page.error = reason
    given_up = reason in FINAL or page.attempts >= MOST_ATTEMPTS
    if page.every is None and given_up:
        page.due_at = None
    else:
        page.due_at = now + _clamped(SHORTEST * 2 ** min(page.attempts - 1, 10))


def put_off(session: Session, page_ids: Sequence[int], until: datetime) -> None:
    """Ask for pages later, for no fault of theirs: their host rests, or the day's pages are used up."""
    for page in session.scalars(select(Page).where(Page.id.in_(page_ids))):
        page.due_at = until


def next_due(session: Session, source_id: int) -> datetime | None:
    """Return when something of a source is due next; None when nothing is."""
    return session.scalar(select(func.min(Page.due_at)).where(Page.source_id == source_id))


def _pages_of(session: Session, thread: str) -> int:
    return session.scalar(select(func.count()).select_from(Page).where(Page.thread == thread)) or 0


def _last_pages(session: Session, threads: Sequence[str]) -> dict[str, Page]:
    latest = select(func.max(Page.id)).where(Page.thread.in_(threads)).group_by(Page.thread)
    return {page.thread or "": page for page in session.scalars(select(Page).where(Page.id.in_(latest)))}


def _clamped(span: timedelta) -> timedelta:
    return min(max(span, SHORTEST), LONGEST)


def _due(page: Page) -> Due:
    return Due(page.id, page.url, PageRole(page.role), page.etag, page.last_modified)
