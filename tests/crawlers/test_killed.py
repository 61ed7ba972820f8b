"""A crawl that is killed at any moment loses nothing that it kept, and asks for none of it again."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import ClassVar
from urllib.parse import urlsplit

import pytest
from sqlalchemy import func, select

from store import audit
from store.records import Records
from store.tables import Capture, Post
from tests.conftest import ROOT
from tests.crawlers.crawling import command, crawl
from tests.databases import sqlite_at

PARAGRAPH = (
    "Sáng nay chợ Bãi Sậy mở cửa trở lại sau mười ngày nghỉ để khử khuẩn, tiểu thương vui mừng dọn hàng. "
)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    made = sqlite_at(tmp_path / "k.db")
    yield made
    made.close()


ARTICLES = 150
KILLS = 20


class Paper(BaseHTTPRequestHandler):
    """A paper with many articles, which notes what is asked for."""

    asked: ClassVar[list[str]]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        base = f"http://{self.headers['Host']}"
        if self.path == "/rss.xml":
            items = "".join(f"<item><link>{base}/{n}.html</link></item>" for n in range(ARTICLES))
            body = f'<rss version="2.0"><channel>{items}</channel></rss>'
        elif self.path == "/robots.txt":
            body = "User-agent: *\nDisallow:\n"
        else:
            body = (
                f"<html><body><article><h1>Tin {self.path}</h1><p>{PARAGRAPH * 3}</p></article></body></html>"
            )
        self.send_response(200)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None: ...


def test_a_crawl_killed_twenty_times_loses_no_page_and_repeats_none_that_was_kept(
    records: Records, tmp_path: Path
) -> None:
    handler = type("Handler", (Paper,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/rss.xml"
    entries = [{"name": "Báo", "kind": "feed", "url": url, "legal_basis": "thử", "rate": 50}]
    random, pause = Random(20200123), Event()
    kept_at_kill: list[set[str]] = []
    for _ in range(KILLS):
        process = subprocess.Popen(
            command(tmp_path, entries, 6), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        before = len(handler.asked)
        with suppress(subprocess.TimeoutExpired):
            # Counted from the first request: killed in the middle of the work, wherever that is.
            deadline = time.monotonic() + 30
            while len(handler.asked) == before and time.monotonic() < deadline and process.poll() is None:
                pause.wait(0.02)
            process.wait(random.uniform(0.05, 0.6))
        process.kill()
        process.wait()
        with records.read() as session:
            kept_at_kill.append(set(session.scalars(select(Capture.url))))
        handler.asked.append("KILL")
    crawl(tmp_path, entries, revisit_hours=6)
    server.shutdown()
    server.server_close()
    with records.read() as session:
        assert session.scalar(select(func.count()).select_from(Post)) == ARTICLES
        urls = Counter(session.scalars(select(Capture.url).where(Capture.url != url)))
        assert set(urls.values()) == {1}
        assert audit.verify(session).ok
    # What was kept before a kill is never asked for after it.
    lives = " ".join(handler.asked).split("KILL")
    for number, kept in enumerate(kept_at_kill):
        later = {path for life in lives[number + 1 :] for path in life.split()}
        assert not later & {urlsplit(one).path for one in kept if one != url}
    archive = sorted(str(path) for path in (tmp_path / "archive").iterdir())
    done = subprocess.run(
        [sys.executable, "-m", "warcio.cli", "check", *archive], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
