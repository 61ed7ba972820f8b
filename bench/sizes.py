"""What a post and a capture take on disk, and how fast posts come in: inputs of docs/operator/capacity.md.

The reference of a post is its text in UTF-8; of a capture, the page as it was sent, uncompressed; of taking
in, SQLite. Indexes are counted; work that was done, and vacuumed away, is not.
"""

from __future__ import annotations

import gzip
import sqlite3
import tempfile
import time
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import create_engine, insert, select, text

from bench.corpus import SHARED, texts
from bench.installation import postgres, take_in
from bench.measure import Measure
from classifier.load import load
from classifier.policy import load_policy
from crawlers.intake import Fetched, Intake
from crawlers.reading.articles import read_article
from crawlers.reading.page import Raw
from kiemtin.work.crew import Crew
from kiemtin.work.index import Indexing
from kiemtin.work.score import Scoring
from search.embedded import TantivyEngine
from store.archive import Archive
from store.archived import Exchange
from store.ingest import clean
from store.keys import Keys
from store.migrate import migrate
from store.records import Records
from store.tables import Capture, Source

_POSTS = 10_000
_CAPTURES = 100_000
_PAGES = ("vnexpress_2025-10-22.html", "thanhnien_2023-09-13.html")
_NEWS = 60


def run() -> Iterable[Measure]:
    """Fill both databases through the whole path, then an archive."""
    said = sum(len(clean(one).encode()) for one in texts(_POSTS)) / _POSTS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        small = Records(f"sqlite:///{path / 'kiemtin.db'}")
        migrate(small)
        small_speed = _fill(small, path)
        small.close()
        with closing(sqlite3.connect(path / "kiemtin.db")) as file:
            file.execute("VACUUM")
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        in_sqlite = (path / "kiemtin.db").stat().st_size / _POSTS
        with postgres() as (url, records):
            empty = _size(url)
            speed = _fill(records, path / "second")
            in_postgres = (_size(url) - empty) / _POSTS
            before = _size(url)
            _add_captures(records)
            captures = (_size(url) - before) / _CAPTURES
            whole, read = _pages(records, path / "archive")
        yield Measure(
            "sizes", "taking posts in on PostgreSQL, against SQLite", round(speed), round(small_speed),
            "≥ 200 posts/s", speed >= 200, "posts/s",
        )  # fmt: skip
        for name, size in (("PostgreSQL", in_postgres), ("SQLite", in_sqlite)):
            yield Measure(
                "sizes", f"a post with all that belongs to it, {name}, against its text", round(size),
                round(said), "≤ 10 000 bytes", size <= 10_000, "bytes",
            )  # fmt: skip
        yield Measure(
            "sizes", "the row of a capture, PostgreSQL", round(captures), None, "≤ 1000 bytes",
            captures <= 1000, "bytes",
        )  # fmt: skip
        yield Measure(
            "sizes", "a news page read, archived and recorded, against reading it", round(whole, 1),
            round(read, 1), "≥ 10 pages/s", whole >= 10, "pages/s",
        )  # fmt: skip
        kept = sum(one.stat().st_size for one in (path / "archive").iterdir()) / _NEWS
        sent = sum(map(len, _bodies())) / len(_PAGES)
        yield Measure(
            "sizes", "a news page in the archive, against the page", round(kept), round(sent),
            "≤ 0.4 × the page", kept <= 0.4 * sent, "bytes",
        )  # fmt: skip


def _fill(records: Records, folder: Path) -> float:
    """Take posts in, score and index them; return how many came in a second."""
    began = time.perf_counter()
    take_in(records, _POSTS)
    speed = _POSTS / (time.perf_counter() - began)
    engine = TantivyEngine(folder / "search")
    Crew(records, [Scoring(records, load(), load_policy()), Indexing(records, engine)]).until_idle()
    engine.close()
    return speed


def _size(url: str) -> int:
    """Return the bytes of all tables with their indexes, without the room of rows that are gone."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("VACUUM FULL"))
        size = connection.scalar(text("SELECT pg_database_size(current_database())")) or 0
    engine.dispose()
    return int(size)


def _add_captures(records: Records) -> None:
    now = datetime.now(UTC)
    rows = [
        {
            "source_id": 1, "at": now, "status": 200, "media_type": "text/html", "length": 60_000,
            "url": f"https://trang-tin.example/suc-khoe/mot-bai-viet-co-ten-dai-vua-phai-{i // 3}.html",
            "sha256": f"{i:064x}", "warc": f"kiemtin-20261101120000-{i // 16_000:05}.warc.gz",
            "offset": i * 60_000,
        }
        for i in range(_CAPTURES)
    ]  # fmt: skip
    for start in range(0, _CAPTURES, 1000):
        with records.write() as session:
            session.execute(insert(Capture), rows[start : start + 1000])


def _bodies() -> list[bytes]:
    return [(SHARED / "html" / name).read_bytes() for name in _PAGES]


def _pages(records: Records, folder: Path) -> tuple[float, float]:
    """Return how many pages a second a crawl can take in once they are fetched, and how many it can read."""
    with records.read() as session:
        source = session.scalars(select(Source)).one()
    headers = (("Content-Type", "text/html; charset=utf-8"),)
    bodies = _bodies()
    reading = 0.0
    began = time.perf_counter()
    with Archive(folder) as archive:
        intake = Intake(records, archive, Keys(bytes(32)), source)
        for number in range(_NEWS):
            url = f"https://trang.example/bai-{number}.html"
            body = bodies[number % len(bodies)] + f"<!-- {number} -->".encode()
            started = time.perf_counter()
            page = read_article(Raw(body, url, datetime.now(UTC)))
            reading += time.perf_counter() - started
            sent = gzip.compress(body)  # as servers send it, and as it is kept
            chain = (Exchange(datetime.now(UTC), url, 200, (*headers, ("Content-Encoding", "gzip")), sent),)
            intake.take(Fetched("text/html", body, chain), page, None, revisit=timedelta(hours=6))
    return _NEWS / (time.perf_counter() - began), _NEWS / reading
