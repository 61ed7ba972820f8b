"""Flagged posts are looked at again for a week, and what became of them is told in the order it was seen."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
from sqlalchemy import select

from crawlers import frontier
from crawlers.frontier import LOOKS
from review import history
from store import tasks
from store.archive import Archive
from store.records import Records
from store.tables import Capture, Post, Sighting
from store.vocabulary import PageRole, TaskKind
from store.work_tables import Page, Task
from tests.crawlers.crawling import crawl
from tests.crawlers.platforms import TELEGRAM, Platforms
from tests.databases import sqlite_at
from tests.factory import HARMFUL, HARMLESS, work

ARTICLE = "<html><body><article><h1>Tin</h1><p>{}</p></article></body></html>"
MESSAGE = """<article class="message message--post" data-author="a" data-content="post-{number}"><div class="message-body">
<div class="bbWrapper">{text}</div></div></article>"""


class Site(BaseHTTPRequestHandler):
    """A paper and a forum whose answers a test changes, by path."""

    pages: ClassVar[dict[str, tuple[int, str]]]

    def do_GET(self) -> None:
        status, body = self.pages.get(self.path, (404, ""))
        sent = body.replace("BASE", f"http://{self.headers['Host']}").encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    made = sqlite_at(tmp_path / "k.db")
    yield made
    made.close()


@pytest.fixture
def site() -> Iterator[tuple[str, dict[str, tuple[int, str]]]]:
    handler = type("Handler", (Site,), {"pages": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", handler.pages
    server.shutdown()
    thread.join()
    server.server_close()


def paper(base: str) -> list[dict[str, object]]:
    return [{"name": "Báo", "kind": "feed", "url": f"{base}/rss", "legal_basis": "thử", "rate": 50}]


def later(records: Records, by: timedelta) -> None:
    """Let time go by for the frontier: all that it knows was so much longer ago."""
    with records.write() as session:
        for page in session.scalars(select(Page)):
            for name in ("due_at", "watched_from", "asked_at"):
                if getattr(page, name) is not None:
                    setattr(page, name, getattr(page, name) - by)


def look(
    records: Records, folder: Path, entries: list[dict[str, object]], after: timedelta
) -> dict[str, int]:
    later(records, after)
    return crawl(folder, entries, revisit_hours=10_000, at_once=False)


def told(records: Records) -> list[tuple[str, int]]:
    with records.read() as session:
        post = session.scalars(select(Post).where(Post.text.contains("tỏi"))).one()
        return [(moment.what, moment.times) for moment in history.of_post(session, post.id)]


def test_a_flagged_article_is_looked_at_again_and_its_story_is_told(
    records: Records, site: tuple[str, dict[str, tuple[int, str]]], tmp_path: Path
) -> None:
    base, pages = site
    pages["/rss"] = (200, '<rss version="2.0"><channel><item><link>BASE/1</link></item>'
                     "<item><link>BASE/2</link></item></channel></rss>")  # fmt: skip
    pages["/1"] = (200, ARTICLE.format(HARMFUL[0]))
    pages["/2"] = (200, ARTICLE.format(HARMLESS))
    entries = paper(base)
    crawl(tmp_path, entries)
    work(records)
    with records.read() as session:
        watched = session.scalars(select(Page).where(Page.watched_from.is_not(None))).all()
        assert [page.url for page in watched] == [f"{base}/1"]
        assert watched[0].due_at == watched[0].watched_from + LOOKS[0]  # type: ignore[operator]
    hour, day = timedelta(hours=1), timedelta(days=1)
    assert look(records, tmp_path, entries, hour)["look/same"] == 1
    assert look(records, tmp_path, entries, 5 * hour)["look/same"] == 1
    pages["/1"] = (200, ARTICLE.format(HARMFUL[0].replace("ba ngày", "hai ngày")))
    assert look(records, tmp_path, entries, 18 * hour)["look/edited"] == 1
    work(records)  # what was edited is scored, and watched anew
    pages["/1"] = (403, "")
    assert look(records, tmp_path, entries, hour)["look/unreachable"] == 1
    pages["/1"] = (410, "")
    assert look(records, tmp_path, entries, day)["look/deleted"] == 1
    assert told(records) == [("taken", 1), ("same", 2), ("edited", 1), ("unreachable", 1), ("deleted", 1)]
    look(records, tmp_path, entries, 7 * day)
    with records.read() as session:
        page = session.scalars(select(Page).where(Page.url == f"{base}/1")).one()
        assert (page.due_at, page.watched_from) == (None, None)
        # Each look that was answered left a record; one that found the same bytes holds them only once.
        captures = session.scalars(
            select(Capture).where(Capture.url == f"{base}/1").order_by(Capture.id)
        ).all()
        assert [capture.same_as for capture in captures] == [None, captures[0].id, captures[0].id, None]
        bodies = [len(Archive(tmp_path / "archive").read(c.warc, c.offset).body) for c in captures]
    assert [bool(size) for size in bodies] == [True, False, False, True]


def test_a_message_that_is_gone_from_its_page_is_told_so(
    records: Records, site: tuple[str, dict[str, tuple[int, str]]], tmp_path: Path
) -> None:
    base, pages = site
    thread = "<html><body><h1 class='p-title-value'>Chủ đề</h1>{}</body></html>"
    messages = [MESSAGE.format(number=1, text=HARMLESS), MESSAGE.format(number=2, text=HARMFUL[0])]
    pages["/f"] = (
        200,
        "<html><body><div class='structItem structItem--thread'><div class='structItem-title'><a href='/threads/a.1/'>Chủ đề</a></div></div></body></html>",
    )
    pages["/threads/a.1/"] = (200, thread.format("".join(messages)))
    entries = [{**paper(base)[0], "kind": "forum", "url": f"{base}/f"}]
    crawl(tmp_path, entries)
    work(records)
    pages["/threads/a.1/"] = (200, thread.format(messages[0]))
    assert look(records, tmp_path, entries, timedelta(hours=1))["look/deleted"] == 1
    with records.read() as session:
        assert session.scalars(select(Sighting.reason)).one() == "không còn trên trang"
    assert told(records) == [("taken", 1), ("deleted", 1)]


def test_one_message_of_a_channel_is_looked_at_by_its_own_page(records: Records, tmp_path: Path) -> None:
    platforms = Platforms().start()
    entries: list[dict[str, object]] = [
        {
            "name": "k",
            "kind": "telegram",
            "url": f"{platforms.url}/s/{TELEGRAM}",
            "legal_basis": "x",
            "rate": 50,
        }
    ]
    try:
        crawl(tmp_path, entries)
        with records.write() as session:
            post = session.scalars(select(Post).order_by(Post.id)).first()
            assert post is not None
            post.text = HARMFUL[0]  # what the channel says is not harmful: flag it as if it were
            session.flush()
        work(records)
        with records.read() as session:
            page = session.scalars(select(Page).where(Page.role == PageRole.ITEM)).one()
            assert (page.url, page.post_id) == (post.again, post.id)
        platforms.gone.add((post.url or "").rpartition("/")[2])
        assert look(records, tmp_path, entries, timedelta(hours=1)).get("look/deleted") == 1
    finally:
        platforms.stop()


def test_the_crawl_of_a_source_is_due_no_later_than_its_next_look(
    records: Records, site: tuple[str, dict[str, tuple[int, str]]], tmp_path: Path
) -> None:
    base, pages = site
    pages["/rss"] = (200, '<rss version="2.0"><channel><item><link>BASE/1</link></item></channel></rss>')
    pages["/1"] = (200, ARTICLE.format(HARMFUL[0]))
    crawl(tmp_path, paper(base))
    with records.write() as session:
        tasks.plan_crawls(session)
        task = session.scalars(select(Task).where(Task.kind == TaskKind.CRAWL)).one()
        task.due_at = datetime.now(UTC) + timedelta(hours=20)
    work(records)
    with records.read() as session:
        task = session.scalars(select(Task).where(Task.kind == TaskKind.CRAWL)).one()
        due = frontier.next_due(session, task.subject_id)
    assert task.due_at <= datetime.now(UTC) + LOOKS[0]
    assert due is not None


def test_a_post_of_an_import_is_not_looked_at(records: Records) -> None:
    from tests.factory import Place

    place = Place(records)
    place.take(HARMFUL[0])
    work(records)
    with records.read() as session:
        assert session.scalars(select(Page)).all() == []
