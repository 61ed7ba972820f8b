"""The frontier: what is due when, whatever becomes of a page; and that no page is forgotten or asked for too soon."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from crawlers import frontier
from crawlers.frontier import FINAL, FIRST, LONGEST, MOST_ATTEMPTS, MOST_PAGES, SHORTEST, Due
from crawlers.reading.page import Lead
from store.records import Records
from store.tables import Source
from store.vocabulary import PageRole
from store.work_tables import Page

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
ROOT, ARTICLE, THREAD = PageRole.ROOT, PageRole.ARTICLE, PageRole.THREAD
HOUR = timedelta(hours=1)


@pytest.fixture
def source(records: Records) -> Source:
    with records.write() as session:
        made = Source(name="Báo", kind="feed", url="https://bao.example/rss", legal_basis="thử", added_at=NOW)
        session.add(made)
    return made


def begin(records: Records, source: Source, now: datetime = NOW, *, at_once: bool = False) -> list[Due]:
    with records.write() as session:
        frontier.begin(session, source.id, source.url or "", now, at_once=at_once, first=FIRST)
        return frontier.due(session, source.id, now)


def discover(
    records: Records, source: Source, *urls: str, role: PageRole = ARTICLE, now: datetime = NOW,
    again: timedelta = 6 * HOUR, thread: str | None = None,
) -> tuple[list[str], int]:  # fmt: skip
    with records.write() as session:
        found = frontier.discover(session, source.id, [Lead(url, role, thread) for url in urls], now, again)
        return [page.url for page in found.due], found.new


def page(records: Records, url: str) -> Page:
    with records.read() as session:
        return session.scalars(select(Page).where(Page.url == url)).one()


def fetched(records: Records, url: str, now: datetime = NOW, new: int = 0) -> Page:
    with records.write() as session:
        found = session.scalars(select(Page).where(Page.url == url)).one()
        frontier.fetched(session, found.id, now, new=new, content_hash="h", etag='"1"', last_modified="m")
    return page(records, url)


def failed(records: Records, url: str, reason: str, now: datetime = NOW) -> Page:
    with records.write() as session:
        found = session.scalars(select(Page).where(Page.url == url)).one()
        frontier.failed(session, found.id, now, reason)
    return page(records, url)


def test_a_new_source_is_due_and_one_that_was_asked_is_not(records: Records, source: Source) -> None:
    assert [one.url for one in begin(records, source)] == ["https://bao.example/rss"]
    fetched(records, "https://bao.example/rss")
    assert begin(records, source, NOW + timedelta(minutes=1)) == []
    assert len(begin(records, source, NOW + timedelta(minutes=1), at_once=True)) == 1


def test_a_source_with_another_address_is_asked_there(records: Records, source: Source) -> None:
    begin(records, source)
    source.url = "https://bao.example/rss-moi"
    assert [one.url for one in begin(records, source)] == ["https://bao.example/rss-moi"]


def test_a_root_is_asked_more_often_while_it_brings_something(records: Records, source: Source) -> None:
    begin(records, source)
    spans = []
    for new in (0, 0, 3, 3, 3, 3, *[0] * 20):
        found = fetched(records, "https://bao.example/rss", new=new)
        assert found.due_at is not None
        spans.append(found.due_at - NOW)
    minutes = [span.total_seconds() / 60 for span in spans]
    assert minutes[:8] == pytest.approx([45, 67.5, 33.75, 16.875, 10, 10, 15, 22.5], abs=0.05)
    assert spans[-1] == LONGEST


def test_a_page_is_due_once_and_again_when_it_is_named_after_a_while(
    records: Records, source: Source
) -> None:
    url = "https://bao.example/1"
    assert discover(records, source, url, url) == ([url], 1)
    assert discover(records, source, url) == ([url], 0)  # not fetched yet, so still due
    assert fetched(records, url).due_at is None
    assert discover(records, source, url, now=NOW + 5 * HOUR) == ([], 0)
    assert discover(records, source, url, now=NOW + 6 * HOUR) == ([url], 0)


@pytest.mark.parametrize("reason", sorted(FINAL))
def test_what_asking_again_will_not_mend_is_not_asked_for_again_soon(
    records: Records, source: Source, reason: str
) -> None:
    url = "https://bao.example/1"
    discover(records, source, url)
    found = failed(records, url, reason)
    assert (found.due_at, found.error) == (None, reason)
    assert discover(records, source, url, now=NOW + HOUR) == ([], 0)
    assert discover(records, source, url, now=NOW + 6 * HOUR) == ([url], 0)


def test_a_failing_page_is_tried_ever_later_and_left_at_last(records: Records, source: Source) -> None:
    url = "https://bao.example/1"
    discover(records, source, url)
    waits = [failed(records, url, "fetch/DownloadTimeoutError").due_at for _ in range(MOST_ATTEMPTS)]
    assert waits[-1] is None
    spans = [wait - NOW for wait in waits[:-1] if wait is not None]
    assert spans == [SHORTEST * 2**i for i in range(MOST_ATTEMPTS - 1)]


@pytest.mark.parametrize("reason", ["http/404", "fetch/DownloadTimeoutError"])
def test_a_failing_root_is_slowed_down_and_never_given_up(
    records: Records, source: Source, reason: str
) -> None:
    begin(records, source)
    for _ in range(30):
        found = failed(records, "https://bao.example/rss", reason)
        assert found.due_at is not None
        assert SHORTEST <= found.due_at - NOW <= LONGEST
    assert (found.attempts, found.error, found.due_at) == (30, reason, NOW + LONGEST)
    assert fetched(records, "https://bao.example/rss").attempts == 0


def test_of_a_thread_its_last_page_is_asked_for(records: Records, source: Source) -> None:
    first, second, third = (f"https://bao.example/t/1/{end}" for end in ("", "page-2", "page-3"))
    discover(records, source, first, role=THREAD)
    fetched(records, first)
    for url in (second, third):
        discover(records, source, url, role=THREAD, thread=first, again=LONGEST)
        fetched(records, url)
    later = NOW + HOUR
    assert discover(records, source, first, role=THREAD, again=FIRST, now=later) == ([third], 0)
    # The page before it is not walked again.
    assert discover(records, source, second, role=THREAD, thread=first, again=LONGEST, now=later) == ([], 0)


def test_an_endless_thread_ends(records: Records, source: Source) -> None:
    first = "https://bao.example/t/1/"
    discover(records, source, first, role=THREAD)
    number = 1
    while discover(records, source, f"{first}page-{number + 1}", role=THREAD, thread=first)[1]:
        number += 1
        assert number <= MOST_PAGES
    assert number == MOST_PAGES


def test_a_page_that_two_sources_lead_to_is_asked_for_by_one(records: Records, source: Source) -> None:
    with records.write() as session:
        other = Source(name="Khác", kind="feed", url="https://x.example/", legal_basis="thử", added_at=NOW)
        session.add(other)
    begin(records, source)
    discover(records, source, "https://bao.example/1")
    assert discover(records, other, "https://bao.example/1", "https://bao.example/rss") == ([], 0)


def test_what_is_put_off_waits_and_costs_no_attempt(records: Records, source: Source) -> None:
    begin(records, source)
    discover(records, source, "https://bao.example/1", "https://bao.example/2")
    with records.write() as session:
        due = frontier.due(session, source.id, NOW)
        assert [one.role for one in due] == [ROOT, ARTICLE, ARTICLE]
        frontier.put_off(session, [one.page_id for one in due], NOW + HOUR)
        assert frontier.due(session, source.id, NOW) == []
        assert frontier.next_due(session, source.id) == NOW + HOUR
    assert page(records, "https://bao.example/1").attempts == 0


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "discover", "fetched", "http/404", "fetch/X", "robots/unreachable"]),
        st.integers(0, 3),
        st.integers(0, 48),
    ),
    max_size=40,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_whatever_happens_a_source_is_always_due_sometime_within_a_day(
    sqlite: Records, steps: list[tuple[str, int, int]]
) -> None:
    with sqlite.write() as session:
        for one in session.scalars(select(Page)):
            session.delete(one)
        source = session.scalars(select(Source)).first() or Source(
            name="Báo", kind="feed", url="https://bao.example/rss", legal_basis="thử", added_at=NOW
        )
        session.add(source)
    urls = [f"https://bao.example/{n}" for n in range(3)] + ["https://bao.example/rss"]
    now = NOW
    begin(sqlite, source, now)
    for what, number, hours in steps:
        now += timedelta(hours=hours)
        with sqlite.read() as session:
            known = set(session.scalars(select(Page.url)))
        if what == "begin":
            begin(sqlite, source, now)
        elif what == "discover":
            discover(sqlite, source, *urls[: number + 1], now=now)
        elif urls[number] in known:
            asked = fetched if what == "fetched" else None
            found = asked(sqlite, urls[number], now) if asked else failed(sqlite, urls[number], what, now)
            # Nothing is asked for again at once.
            assert found.due_at is None or found.due_at >= now + SHORTEST
        with sqlite.read() as session:
            due = frontier.next_due(session, source.id)
        assert due is not None
        assert due <= now + LONGEST
