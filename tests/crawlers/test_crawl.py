"""A crawl of real servers on loopback: what it takes, what it leaves alone, and that it repeats nothing.

A process can crawl once, so each crawl here is a process.
"""

from __future__ import annotations

import gzip
import socket
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
from sqlalchemy import func, select
from warcio.archiveiterator import ArchiveIterator

from crawlers import sample_site
from crawlers.sample_site import RunningSite
from store import audit
from store.archive import Archive
from store.records import Records
from store.tables import Capture, Post, Revision, Run
from store.vocabulary import PageRole, RunState
from store.work_tables import Host, Page
from tests.crawlers.crawling import crawl
from tests.databases import sqlite_at


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    made = sqlite_at(tmp_path / "k.db")
    yield made
    made.close()


@pytest.fixture
def site() -> Iterator[RunningSite]:
    running = sample_site.serve()
    yield running
    running.stop()


def count(records: Records, table: type) -> int:
    with records.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_the_sample_site_is_taken_whole_and_only_once(
    records: Records, site: RunningSite, tmp_path: Path
) -> None:
    entries = sample_site.sources(site.url)
    counters = crawl(tmp_path, entries)
    messages = sum(len(thread.messages) for thread in sample_site.threads())
    assert counters["robots/forbidden"] == 1
    assert counters["post/new"] + counters["post/copy"] == messages + len(sample_site.articles()) - 1
    posts = count(records, Post)
    again = crawl(tmp_path, entries)
    # Everything is looked at again but the pages of threads that have a page after them.
    with records.read() as session:
        pages = session.scalars(select(Page).where(Page.role == PageRole.THREAD)).all()
    full = len(pages) - len({page.thread for page in pages})
    assert full > 0
    assert again["capture/unchanged"] == counters["capture/stored"] - full
    assert 0 < again["post/seen"] < posts
    assert not {"post/new", "post/copy", "post/edited"} & set(again)
    assert count(records, Post) == posts
    third = crawl(tmp_path, entries, revisit_hours=6)
    assert third["page/recent"] >= len(sample_site.articles()) + len(sample_site.threads())
    assert third["page/asked"] <= 4
    assert not {"post/seen", "robots/forbidden"} & set(third)
    with records.read() as session:
        assert set(session.scalars(select(Run.state))) == {RunState.DONE}
        assert audit.verify(session).ok
        captures = session.scalars(select(Capture)).all()
        assert not any(post.author == "bếp_than" for post in session.scalars(select(Post)))
    archive = Archive(tmp_path / "archive")
    for capture in captures:
        assert archive.read(capture.warc, capture.offset).url == capture.url
    kinds, kept, referred = Counter[str](), set(), set()
    for path in (tmp_path / "archive").iterdir():
        with path.open("rb") as file:
            for record in ArchiveIterator(file, check_digests="raise"):
                record.raw_stream.read()
                kinds[record.rec_type] += 1
                header = record.rec_headers.get_header
                if record.rec_type == "request":
                    assert record.http_headers.get_header("User-Agent").startswith("KiemTin/")
                    continue
                assert header("WARC-IP-Address") == "127.0.0.1"
                if record.rec_type == "response":
                    kept.add((header("WARC-Target-URI"), header("WARC-Date"), header("WARC-Payload-Digest")))
                else:
                    names = ("WARC-Refers-To-Target-URI", "WARC-Refers-To-Date", "WARC-Payload-Digest")
                    referred.add(tuple(header(name) for name in names))
    again_the_same = sum(1 for capture in captures if capture.same_as is not None)
    assert kinds["revisit"] == again_the_same > 50
    assert kinds["response"] + kinds["revisit"] == kinds["request"] == len(captures)
    assert referred <= kept


PARAGRAPH = (
    "Sáng nay chợ Bãi Sậy mở cửa trở lại sau mười ngày nghỉ để khử khuẩn, tiểu thương vui mừng dọn hàng. "
)


class Unruly(BaseHTTPRequestHandler):
    """A site with everything that goes wrong."""

    robots: tuple[int, str] = (200, "User-agent: *\nDisallow: /kin/\n")
    edition = 1
    asked: ClassVar[list[tuple[str, float]]]
    at_once: ClassVar[list[int]]

    def do_GET(self) -> None:
        self.asked.append((self.path, time.monotonic()))
        self.at_once[0] += 1
        self.at_once[1] = max(self.at_once)
        try:
            self._answer()
        finally:
            self.at_once[0] -= 1

    def _answer(self) -> None:
        base = f"http://{self.headers['Host']}"
        names = ("tot", "kin/rieng", "mat", "to", "bom", "hong", "ra-ngoai")
        items = "".join(f"<item><link>{base}/{name}.html</link><title>x</title></item>" for name in names)
        items += "<item><link>http://khac.example/a.html</link></item>"
        article = f"<html><body><article><h1>Tin</h1><p>{PARAGRAPH * 3}</p><p>Bản {self.edition}.</p></article></body></html>"
        pages: dict[str, tuple[int, bytes, str]] = {
            "/robots.txt": (self.robots[0], self.robots[1].encode(), ""),
            "/rss.xml": (200, f'<rss version="2.0"><channel>{items}</channel></rss>'.encode(), ""),
            "/tot.html": (200, article.encode(), ""),
            "/kin/rieng.html": (200, article.encode(), ""),
            "/to.html": (200, b"x" * 21_000_000, ""),
            "/bom.html": (200, gzip.compress(b"0" * 60_000_000), "gzip"),
            "/hong.html": (200, b"\x00\xff<<<>", ""),
            "/ra-ngoai.html": (302, b"", ""),
        }
        status, body, encoding = pages.get(self.path, (404, b"", ""))
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if encoding:
            self.send_header("Content-Encoding", encoding)
        if status == 302:
            self.send_header("Location", f"http://127.0.0.2:{self.server.server_address[1]}/tot.html")
        if status == 429:
            self.send_header("Retry-After", "600")
        self.end_headers()
        try:
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the crawler hangs up on what is too large

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def unruly() -> Iterator[tuple[type[Unruly], list[dict[str, object]]]]:
    handler = type("Handler", (Unruly,), {"asked": [], "at_once": [0, 0]})
    # On every address of this machine, so that a forbidden one would be answered.
    server = ThreadingHTTPServer(("0.0.0.0", 0), handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}/rss.xml"
    yield handler, [{"name": "Thử", "kind": "feed", "url": url, "legal_basis": "thử", "rate": 50}]
    server.shutdown()
    thread.join()
    server.server_close()


def test_each_page_that_goes_wrong_is_counted_and_the_crawl_goes_on(
    records: Records, unruly: tuple[type[Unruly], list[dict[str, object]]], tmp_path: Path
) -> None:
    handler, entries = unruly
    counters = crawl(tmp_path, entries)
    assert counters["post/new"] == 1
    assert counters["robots/forbidden"] == 1
    assert counters["http/404"] == 1
    assert counters["page/unreadable"] == 1
    assert counters["page/offsite"] >= 1
    assert counters["capture/oversize"] == 2
    with records.read() as session:
        run = session.scalars(select(Run)).one()
        assert run.counters == counters
    handler.edition = 2
    assert crawl(tmp_path, entries)["post/edited"] == 1
    assert count(records, Revision) == 2


@pytest.mark.parametrize(("status", "then"), [(302, "post/new"), (500, "host/resting")])
def test_where_robots_cannot_be_read_nothing_is_fetched(
    records: Records,
    unruly: tuple[type[Unruly], list[dict[str, object]]],
    tmp_path: Path,
    status: int,
    then: str,
) -> None:
    handler, entries = unruly
    handler.robots = (status, "")
    assert crawl(tmp_path, entries)["robots/unreachable"] == 1
    assert (count(records, Post), count(records, Capture)) == (0, 0)
    # Only rules that were read are kept: they are asked for again, unless the host seems to be down.
    handler.robots = (200, "")
    assert crawl(tmp_path, entries)[then] == 1


def test_a_host_that_asks_to_be_left_alone_is_left_alone_also_by_the_next_run(
    records: Records, unruly: tuple[type[Unruly], list[dict[str, object]]], tmp_path: Path
) -> None:
    handler, entries = unruly
    handler.robots = (429, "")
    for _ in range(2):
        assert crawl(tmp_path, entries)["host/resting"] == 1
    assert [path for path, _ in handler.asked] == ["/robots.txt"]
    with records.read() as session:
        rests_until = session.scalars(select(Host.rests_until)).one()
        assert rests_until is not None
        assert timedelta(minutes=9) < rests_until - datetime.now(UTC) <= timedelta(minutes=10)


def test_a_host_that_is_down_rests(records: Records, tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/rss.xml"
        entries = [{"name": "Thử", "kind": "feed", "url": url, "legal_basis": "thử", "rate": 50}]
        assert crawl(tmp_path, entries)["robots/unreachable"] == 1
        assert crawl(tmp_path, entries)["host/resting"] == 1


# This machine, written as a name that a resolver, but no reader of addresses, takes for it.
HIDDEN = (
    "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "017700000001", "0177.0.0.1", "0x7f.0.0.1",
    "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
)  # fmt: skip


def test_private_addresses_are_not_asked_unless_they_are_opened(
    records: Records, unruly: tuple[type[Unruly], list[dict[str, object]]], tmp_path: Path
) -> None:
    handler, entries = unruly
    port = str(entries[0]["url"]).split(":")[2].split("/")[0]
    hidden = [
        {**entries[0], "name": f"Thử {number}", "url": f"http://{host}:{port}/rss.xml"}
        for number, host in enumerate(HIDDEN)
    ]
    # Each has one page that is due, so none can be counted for another.
    assert crawl(tmp_path, hidden, opened="10.0.0.0/8")["host/private"] == len(HIDDEN)
    assert not handler.asked
    assert count(records, Capture) == 0


def test_requests_are_one_at_a_time_and_as_far_apart_as_robots_txt_says(
    records: Records, unruly: tuple[type[Unruly], list[dict[str, object]]], tmp_path: Path
) -> None:
    handler, entries = unruly
    handler.robots = (200, "User-agent: *\nCrawl-delay: 0.4\nDisallow: /kin/\n")
    twice = [entries[0], {**entries[0], "name": "Thử 2", "url": f"{entries[0]['url']}?lan=2"}]
    crawl(tmp_path, twice)
    moments = [moment for _, moment in handler.asked]
    assert len(moments) > 8
    assert min(b - a for a, b in pairwise(moments)) > 0.39
    assert handler.at_once[1] == 1
    assert [path for path, _ in handler.asked].count("/robots.txt") == 1
    crawl(tmp_path, entries)
    assert [path for path, _ in handler.asked].count("/robots.txt") == 1
    with records.read() as session:
        details = [capture.detail for capture in session.scalars(select(Capture))]
    assert {detail["ip"] for detail in details} == {"127.0.0.1"}
    assert all(detail["robots"]["status"] == 200 for detail in details)


@pytest.mark.parametrize("status", [404, 403])
def test_a_site_without_robots_txt_has_no_rules(
    records: Records, unruly: tuple[type[Unruly], list[dict[str, object]]], tmp_path: Path, status: int
) -> None:
    handler, entries = unruly
    handler.robots = (status, "User-agent: *\nDisallow: /\n")
    counters = crawl(tmp_path, entries)
    assert (counters["post/new"], counters["post/copy"]) == (1, 1)
    assert count(records, Post) == 2


def test_a_run_that_was_killed_is_marked_by_the_next(
    records: Records, site: RunningSite, tmp_path: Path
) -> None:
    entries = sample_site.sources(site.url)[:1]
    crawl(tmp_path, entries)
    with records.write() as session:
        run = session.scalars(select(Run)).one()
        run.state, run.finished_at = RunState.RUNNING, None
    crawl(tmp_path, entries)
    with records.read() as session:
        assert list(session.scalars(select(Run.state).order_by(Run.id))) == [RunState.FAILED, RunState.DONE]


def test_a_source_may_say_that_nothing_is_new(records: Records, site: RunningSite, tmp_path: Path) -> None:
    entries = [{**entry, "conditional": True} for entry in sample_site.sources(site.url)]
    first = crawl(tmp_path, entries)
    again = crawl(tmp_path, entries)
    assert first["post/new"] > 100
    # Neither root has anything new, so nothing that they lead to is looked at.
    assert again == {"page/asked": 2, "page/not_modified": 2}


def test_a_source_is_asked_for_no_more_pages_a_day_than_it_may(
    records: Records, site: RunningSite, tmp_path: Path
) -> None:
    entries = [{**sample_site.sources(site.url)[0], "pages_a_day": 7}]
    first = crawl(tmp_path, entries)
    kept = sum(first.get(name, 0) for name in ("post/new", "post/copy", "robots/forbidden"))
    assert (first["page/asked"], kept) == (7, 6)
    assert first["page/tomorrow"] == len(sample_site.articles()) - 6
    assert crawl(tmp_path, entries)["page/tomorrow"] == 1
    with records.read() as session:
        due = session.scalars(select(Page.due_at).where(Page.due_at.is_not(None))).all()
    assert due
    assert all(moment > datetime.now(UTC) for moment in due)
