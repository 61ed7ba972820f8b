"""Official interfaces and preview pages, crawled from end to end against a local server that answers as they do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from crawlers.reading import facebook
from store.archive import Archive
from store.records import Records
from store.tables import Capture, Post
from store.vocabulary import PostKind
from store.work_tables import Page
from tests.crawlers.crawling import crawl
from tests.crawlers.platforms import CHANNEL, KEY, PAGE_NAME, TELEGRAM, TOKEN, Platforms
from tests.databases import sqlite_at


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    made = sqlite_at(tmp_path / "k.db")
    yield made
    made.close()


@pytest.fixture
def platforms() -> Iterator[Platforms]:
    running = Platforms().start()
    yield running
    running.stop()


def entry(platforms: Platforms, kind: str) -> dict[str, object]:
    graph = urlsplit(facebook.address(f"https://www.facebook.com/{PAGE_NAME}"))
    urls = {
        "telegram": f"{platforms.url}/s/{TELEGRAM}",
        "youtube": f"{platforms.url}/youtube/v3/channels?part=contentDetails&id={CHANNEL}",
        "facebook": graph._replace(scheme="http", netloc=urlsplit(platforms.url).netloc).geturl(),
    }
    return {"name": kind, "kind": kind, "url": urls[kind], "legal_basis": "thử", "rate": 50}


def posts(records: Records) -> list[Post]:
    with records.read() as session:
        return list(session.scalars(select(Post).order_by(Post.id)))


@pytest.mark.parametrize(("kind", "key"), [("youtube", KEY), ("facebook", TOKEN)])
def test_an_official_interface_is_asked_with_its_key_which_is_kept_nowhere(
    records: Records, platforms: Platforms, tmp_path: Path, kind: str, key: str
) -> None:
    counters = crawl(tmp_path, [entry(platforms, kind)], keys={kind: key})
    found = posts(records)
    kinds = Counter(post.kind for post in found)
    assert kinds[PostKind.SOCIAL] > 1
    assert kinds[PostKind.COMMENT] > 1
    assert len(found) == counters["post/new"] + counters.get("post/copy", 0)
    keys = {post.key for post in found}
    assert {post.parent for post in found if post.kind == PostKind.COMMENT} <= keys
    assert all(post.author and post.again and post.published_at for post in found if post.author)
    # robots.txt has no say where the terms of the interface have.
    assert not [path for path, _ in platforms.asked if path == "/robots.txt"]
    assert not [path for path, _ in platforms.asked if key in path]
    for path in tmp_path.rglob("*"):
        if path.is_file() and not path.name.endswith((".gz", ".open")):
            assert key.encode() not in path.read_bytes(), path
    archive = Archive(tmp_path / "archive")
    with records.read() as session:
        captures = session.scalars(select(Capture)).all()
    bodies = [archive.read(capture.warc, capture.offset).body for capture in captures]
    assert not [body for body in bodies if key.encode() in body]
    if kind == "facebook":  # whose answers repeat it
        assert any(b"access_token=" + b"*" * len(key) in body for body in bodies)


@pytest.mark.parametrize("kind", ["youtube", "facebook"])
def test_without_a_key_nothing_is_asked_and_the_operator_is_told(
    records: Records, platforms: Platforms, tmp_path: Path, kind: str
) -> None:
    assert crawl(tmp_path, [entry(platforms, kind)]) == {"source/without_key": 1}
    assert not platforms.asked
    with records.read() as session:
        assert session.scalars(select(Page.error)).one() == "source/without_key"


@pytest.mark.parametrize(("kind", "status"), [("youtube", 400), ("facebook", 400)])
def test_an_interface_that_refuses_says_why(
    records: Records, platforms: Platforms, tmp_path: Path, kind: str, status: int
) -> None:
    counters = crawl(tmp_path, [entry(platforms, kind)], keys={kind: "khóa-sai".encode().hex()})
    refused = {name for name in counters if name.startswith("http/")}
    assert len(refused) == 1, counters
    with records.read() as session:
        error = session.scalars(select(Page.error)).one() or ""
    assert error.startswith(f"{refused.pop()}: ")
    assert "khóa-sai".encode().hex() not in error


def test_a_quota_that_ends_leaves_the_rest_for_later(
    records: Records, platforms: Platforms, tmp_path: Path
) -> None:
    platforms.quota = 3
    crawl(tmp_path, [entry(platforms, "youtube")], keys={"youtube": KEY})
    with records.read() as session:
        waiting = session.scalars(select(Page).where(Page.error.is_not(None))).all()
    assert waiting
    assert all(page.due_at and page.due_at > datetime.now(UTC) for page in waiting)
    before = len(posts(records))
    platforms.quota = None
    with records.write() as session:
        for page in session.scalars(select(Page)):
            page.due_at = datetime.now(UTC)
    crawl(tmp_path, [entry(platforms, "youtube")], keys={"youtube": KEY})
    assert len(posts(records)) > before


def test_a_channel_is_read_a_message_a_post(records: Records, platforms: Platforms, tmp_path: Path) -> None:
    counters = crawl(tmp_path, [entry(platforms, "telegram")])
    found = posts(records)
    assert counters["post/new"] == len(found) > 2
    assert {post.kind for post in found} == {PostKind.SOCIAL}
    assert all(urlsplit(post.again or "").path.startswith(f"/s/{TELEGRAM}/") for post in found)
    assert platforms.asked[0][0] == "/robots.txt"
    assert crawl(tmp_path, [entry(platforms, "telegram")]).get("post/new", 0) == 0
