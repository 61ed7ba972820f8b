"""The frontier: which pages of a source are due, in the records, so that a crawl can end at any moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from crawlers.reading.page import Lead
from store import tasks
from store.tables import Capture, Post
from store.vocabulary import PageRole
from store.work_tables import Page

# A root is asked more often while it brings something new, and less often while it does not.
SHORTEST, FIRST, LONGEST = timedelta(minutes=10), timedelta(minutes=30), timedelta(hours=24)
# After so many failures in a row a page is left, with its last error; a root never is.
MOST_ATTEMPTS = 5
# A longer thread is followed so far and no further.
MOST_PAGES = 50
# A page of links is followed so far and no further, and so are listings that lead to listings without end.
MOST_LEADS = 5000
MOST_LISTINGS = 200
# What an index of a database still holds; sitemaps (sitemaps.org) allow as much.
LONGEST_URL = 2000
# A page with a flagged post is looked at again so long after it was flagged.
LOOKS = (timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=7))
# What asking again will not mend.
FINAL = frozenset(
    {"robots/forbidden", "http/404", "http/410", "capture/oversize"}
    | {"page/unreadable", "page/offsite", "page/address"}
)
_TAKEN = 1000


@dataclass(frozen=True)
class Due:
    """A page to ask for now; `etag` and `last_modified` as it was last answered.

    One that is `watched` has a flagged post on it, or is there for one: `post_id`.
    """

    page_id: int
    url: str
    role: PageRole
    etag: str | None = None
    last_modified: str | None = None
    thread: str | None = None
    watched: bool = False
    post_id: int | None = None


def begin(
    session: Session, source_id: int, url: str, now: datetime, *, at_once: bool, first: timedelta
) -> None:
    """Let a source have its root at `url`, due when it is new or `at_once`."""
    root = session.scalar(select(Page).where(Page.source_id == source_id, Page.role == PageRole.ROOT))
    if root is None or root.url != url:
        if root is not None:
            session.delete(root)  # the address of the source was changed in its list
            session.flush()
        found = session.scalar(select(Page).where(Page.url == url))
        root = found or Page(url=url, found_at=now, attempts=0)
        root.source_id, root.role, root.due_at = source_id, PageRole.ROOT, now
        root.every = int(first.total_seconds())
        session.add(root)
    elif at_once:
        root.due_at = now
    session.flush()


def due(session: Session, source_id: int, now: datetime) -> list[Due]:
    """Return what is due of a source: its root first, then what is watched, then what has waited longest."""
    rows = session.scalars(
        select(Page)
        .where(Page.source_id == source_id, Page.due_at <= now)
        .order_by(
            (Page.role == PageRole.ROOT).desc(), Page.watched_from.is_not(None).desc(), Page.due_at, Page.id
        )
        .limit(_TAKEN)
    )
    return [_due(row) for row in rows]


@dataclass(frozen=True)
class Found:
    """What became of the pages that a page leads to: those due now, and how many were new, or left out."""

    due: tuple[Due, ...] = ()
    new: int = 0
    recent: int = 0
    beyond: int = 0


def discover(
    session: Session, source_id: int, leads: Sequence[Lead], now: datetime, revisit: timedelta
) -> Found:
    """Take up the pages that a page leads to.

    A page that is known becomes due again when it was last asked for long enough ago: an article `revisit`,
    a thread at most half an hour, a further page of a thread a day, a listing at once. Of a thread of several
    pages that is its last one, for there the new messages are. No more than `MOST_LEADS` are taken up from
    one page, nor than `MOST_PAGES` of one thread, nor than `MOST_LISTINGS` that are still asked for, nor what
    has no sound address: the others are `beyond`.
    """
    wanted = {lead.url: lead for lead in leads}
    taken = [lead for lead in wanted.values() if len(lead.url) <= LONGEST_URL][:MOST_LEADS]
    full = {thread for thread in {lead.thread for lead in taken if lead.thread} if _is_long(session, thread)}
    taken = [lead for lead in taken if lead.thread not in full]
    known = _pages(session, [lead.url for lead in taken])
    unseen = [lead for lead in taken if lead.role == PageRole.LISTING and lead.url not in known]
    if unseen:
        shut = set(unseen[max(0, MOST_LISTINGS - _listings(session, source_id, now)) :])
        taken = [lead for lead in taken if lead not in shut]
    last = _last_pages(
        session, [lead.url for lead in taken if lead.role == PageRole.THREAD and not lead.thread]
    )
    found, new = [], 0
    for lead in taken:
        page = known.get(lead.url)
        if page is None:
            page = Page(
                source_id=source_id, url=lead.url, role=lead.role, due_at=now, found_at=now, attempts=0,
                thread=(lead.thread or lead.url) if lead.role == PageRole.THREAD else None,
            )  # fmt: skip
            session.add(page)
            new += 1
        elif page.role == PageRole.ROOT:
            continue
        else:
            page = last.get(lead.url, page)
            again = _again(lead, revisit)
            # What failed waits for its turn; what is only to be looked at again may come sooner.
            idle = page.due_at is None or (page.watched_from is not None and not page.attempts)
            if idle and (page.asked_at is None or page.asked_at <= now - again):
                page.due_at, page.attempts = now, 0
        # What another source leads to as well is left to the one that found it first.
        if page.source_id == source_id and page.due_at is not None and page.due_at <= now:
            found.append(page)
    session.flush()
    return Found(tuple(_due(page) for page in found), new, len(taken) - len(found), len(wanted) - len(taken))


def watch(session: Session, posts: Sequence[Post], now: datetime) -> None:
    """Look again, for a week, at the pages that flagged posts stand on; hasten the crawls of their sources.

    A post that did not come from a page that is asked for, one of an import, is not looked at again.
    """
    captures = {post.capture_id for post in posts}
    rows = session.execute(select(Capture.id, Capture.page_id).where(Capture.id.in_(captures)))
    asked: dict[int, int | None] = {row.id: row.page_id for row in rows}
    for post in posts:
        page = (
            _page_alone(session, post, now) if post.again else session.get(Page, asked[post.capture_id] or 0)
        )
        if page is None:
            continue
        page.watched_from = now
        look = now + LOOKS[0]
        page.due_at = min(page.due_at or look, look)
        tasks.hasten(session, page.source_id, page.due_at)
    session.flush()


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
        page.due_at = _next_look(page, now)
        return
    page.every = int(_clamped(timedelta(seconds=page.every) * (0.5 if new else 1.5)).total_seconds())
    regular = now + timedelta(seconds=page.every)
    page.due_at = min(regular, _next_look(page, now) or regular)


def failed(session: Session, page_id: int, now: datetime, reason: str, said: str = "") -> None:
    """Note why a page could not be taken in; it is tried again ever later, at the last once a day.

    `said` is what else is known of it, for the operator.
    """
    page = session.get(Page, page_id)
    if page is None:
        return
    page.asked_at = now
    page.attempts += 1
    page.error = f"{reason}: {said}" if said else reason
    given_up = reason in FINAL or page.attempts >= MOST_ATTEMPTS
    if page.every is None and given_up:
        page.due_at = _next_look(page, now)
    else:
        page.due_at = now + _clamped(SHORTEST * 2 ** min(page.attempts - 1, 10))


def put_off(session: Session, page_ids: Sequence[int], until: datetime) -> None:
    """Ask for pages later, for no fault of theirs: their host rests, or the day's pages are used up."""
    session.execute(update(Page).where(Page.id.in_(page_ids)).values(due_at=until))


def next_due(session: Session, source_id: int) -> datetime | None:
    """Return when something of a source is due next; None when nothing is."""
    return session.scalar(select(func.min(Page.due_at)).where(Page.source_id == source_id))


def _again(lead: Lead, revisit: timedelta) -> timedelta:
    if lead.role == PageRole.LISTING:
        return timedelta()
    if lead.role == PageRole.THREAD:
        return LONGEST if lead.thread else min(revisit, FIRST)
    return revisit


def _page_alone(session: Session, post: Post, now: datetime) -> Page:
    """Return the page by which one post of many on a page is looked at again."""
    page = session.scalar(select(Page).where(Page.url == post.again))
    if page is None:
        page = Page(
            source_id=post.source_id, url=post.again, role=PageRole.ITEM, post_id=post.id, found_at=now,
            attempts=0, thread=post.parent,
        )  # fmt: skip
        session.add(page)
    return page


def _next_look(page: Page, now: datetime) -> datetime | None:
    """Return when a page is to be looked at again for its flagged posts; after the last look, never."""
    if page.watched_from is None:
        return None
    look = next((page.watched_from + after for after in LOOKS if page.watched_from + after > now), None)
    if look is None:
        page.watched_from = None
    return look


def _pages(session: Session, urls: Sequence[str]) -> dict[str, Page]:
    found: dict[str, Page] = {}
    # In parts, for a database takes only so many parameters.
    for start in range(0, len(urls), 500):
        part = select(Page).where(Page.url.in_(urls[start : start + 500]))
        found.update((page.url, page) for page in session.scalars(part))
    return found


def _listings(session: Session, source_id: int, now: datetime) -> int:
    """Return how many listings of a source are asked for; one that nothing leads to any more is not."""
    asked = func.coalesce(Page.asked_at, Page.found_at) >= now - LONGEST
    listings = (Page.source_id == source_id, Page.role == PageRole.LISTING, asked)
    return session.scalar(select(func.count()).select_from(Page).where(*listings)) or 0


def _is_long(session: Session, thread: str) -> bool:
    number = select(func.count()).select_from(Page).where(Page.thread == thread)
    return (session.scalar(number) or 0) >= MOST_PAGES


def _last_pages(session: Session, threads: Sequence[str]) -> dict[str, Page]:
    found: dict[str, Page] = {}
    for start in range(0, len(threads), 500):
        part = threads[start : start + 500]
        latest = select(func.max(Page.id)).where(Page.thread.in_(part)).group_by(Page.thread)
        last = session.scalars(select(Page).where(Page.id.in_(latest)))
        found.update((page.thread or "", page) for page in last)
    return found


def _clamped(span: timedelta) -> timedelta:
    return min(max(span, SHORTEST), LONGEST)


def _due(page: Page) -> Due:
    return Due(
        page.id, page.url, PageRole(page.role), page.etag, page.last_modified,
        page.thread,
        page.watched_from is not None, page.post_id,
    )  # fmt: skip
