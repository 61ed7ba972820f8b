"""Sites with every fault that there is: each is counted by its reason, and costs neither the run nor memory."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from crawlers.apart import Apart
from crawlers.frontier import MOST_LEADS, MOST_LISTINGS
from crawlers.reading.articles import read_article
from crawlers.reading.page import Raw, Unreadable
from store.archive import Archive
from store.records import Records
from store.tables import Capture, Post, Run, Source
from store.work_tables import Page
from tests.conftest import ROOT
from tests.crawlers.crawling import command
from tests.crawlers.hostile import REDIRECTS, ROBOTS, WIRE, Site, article, serving
from tests.crawlers.hostile_pages import ENDLESS, MARKUP, PACKED, TYPES
from tests.databases import sqlite_at

MOST_MEMORY = 600_000_000
# What the process held at most, by the kernel's count; a child's own `ru_maxrss` begins with its parent's.
_PEAK = """
import re
print(1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]))
"""


@dataclass(frozen=True)
class Crawled:
    """What was counted of each site and asked of it; seconds and bytes are those of the process."""

    counters: dict[str, dict[str, int]]
    asked: dict[str, list[str]]
    seconds: float
    peak: int


def crawl(records: Records, folder: Path, sites: Mapping[str, Site], timeout: float, limit: float) -> Crawled:
    with serving(sites) as server:
        line = command(folder, server.entries(), opened="127.0.0.0/8", timeout=timeout)
        line[2] += _PEAK
        began = time.monotonic()
        done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=limit, check=False)
        seconds = time.monotonic() - began
    assert done.returncode == 0, done.stderr[-4000:]
    with records.read() as session:
        runs = select(Source.name, Run.counters).join(Source, Source.id == Run.source_id)
        counters: dict[str, dict[str, int]] = dict(session.execute(runs).all())
    return Crawled(counters, server.asked, seconds, int(done.stdout.splitlines()[-1]))


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    """The records where a crawl into `tmp_path` writes."""
    made = sqlite_at(tmp_path / "k.db")
    yield made
    made.close()


OUTCOMES = (
    "http/",
    "fetch/",
    "capture/",
    "host/",
    "robots/",
    "page/unreadable",
    "page/offsite",
    "page/address",
)


def check(crawled: Crawled, reasons: Mapping[str, str]) -> None:
    """See that each site met its fate, that its good page came, and that every page has one fate."""
    assert crawled.counters.keys() == reasons.keys()
    assert crawled.peak < MOST_MEMORY
    for name, reason in reasons.items():
        counters = crawled.counters[name]
        assert counters.get(reason), (name, counters)
        fates = [n for c, n in counters.items() if c.startswith(OUTCOMES) and c != "fetch/retried"]
        assert sum(fates) + counters.get("page/not_modified", 0) == counters["page/asked"], (name, counters)
        assert not any(path.startswith("/kin/") for path in crawled.asked[name]), name


def test_a_connection_that_goes_wrong_is_counted_and_costs_its_page_alone(
    records: Records, tmp_path: Path
) -> None:
    crawled = crawl(records, tmp_path, WIRE, timeout=2, limit=90)
    late, lost, failed = (
        "fetch/DownloadTimeoutError",
        "fetch/ResponseDataLossError",
        "fetch/DownloadFailedError",
    )
    reasons = {
        "drip": late, "drip of headers": late, "silence": late, "nothing": failed,
        "reset": lost, "truncated": lost, "broken chunks": lost, "unending chunk": lost,
        "HTTP/0.9": failed, "not HTTP": failed, "NUL in a name": failed,
        "header without end": failed, "headers without end": failed, "continue without end": failed,
        "header of 60 kB": failed, "two lengths": failed, "negative length": failed, "status abc": failed,
        "status 999": "http/999", "status 99999": "http/99999", "status 304": "page/not_modified",
        "status 204": "page/unreadable", "empty": "page/unreadable",
        "2000 headers": "capture/stored", "NUL in headers": "capture/stored", "cookies": "capture/stored",
        "bytes in headers": "capture/stored", "twice": "capture/stored",
    }  # fmt: skip
    check(crawled, reasons)
    # Every attempt ends at the time limit: three of them, and what a crawl takes to begin and to end.
    assert crawled.seconds < 3 * 2 + 60
    for name, counters in crawled.counters.items():
        whole = 3 if reasons[name] == "capture/stored" else 2
        assert counters["capture/stored"] == whole, name
    with records.read() as session:
        titles = set(session.scalars(select(Post.title)))
        captures = session.scalars(select(Capture)).all()
    assert "Tin thật" in titles
    assert "Tin giả mạo" not in titles
    archive = Archive(tmp_path / "archive")
    assert all(archive.read(one.warc, one.offset).status == 200 for one in captures)


def test_a_redirect_leads_nowhere_but_to_pages_of_its_own_site(records: Records, tmp_path: Path) -> None:
    crawled = crawl(records, tmp_path, REDIRECTS, timeout=10, limit=90)
    outside = ("metadata", "loopback", "number", "NUL", "spaces", "user", "other site", "two places")
    unsound = ("script", "mail", "no port", "no address")
    check(
        crawled,
        dict.fromkeys(("to itself", "to and fro", "ever on"), "fetch/redirects")
        | dict.fromkeys(("file", "data"), "http/302")
        | dict.fromkeys(outside, "page/offsite")
        | dict.fromkeys(unsound, "fetch/ValueError")
        | {
            "long": "page/address", "backslash": "http/404", "forbidden": "robots/forbidden",
            "refresh": "capture/stored", "meta refresh": "page/unreadable", "robbed": "capture/stored",
        },
    )  # fmt: skip
    for name, asked in crawled.asked.items():
        assert len(asked) <= 3 + 6, name
        assert "/tot.html" in asked
        assert "/xa.html" not in asked
    # The first site is led to from another, and is its own source all the same.
    assert crawled.asked["robbed"] == ["/robots.txt", "/rss.xml", "/loi.html", "/tot.html"]


def test_what_leads_on_without_end_is_followed_so_far_and_no_further(
    records: Records, tmp_path: Path
) -> None:
    crawled = crawl(records, tmp_path, ENDLESS, timeout=30, limit=110)
    check(crawled, dict.fromkeys(ENDLESS, "page/beyond"))
    assert crawled.counters["feeds"]["page/asked"] == 1 + MOST_LISTINGS
    for name in ("entries", "threads"):
        assert crawled.counters[name]["page/beyond"] == 100_000 - MOST_LEADS
        assert crawled.counters[name]["page/tomorrow"] == MOST_LEADS - 2
    assert "/tot.html" in crawled.asked["long addresses"]


def test_what_is_packed_to_swell_is_given_up_before_it_does(records: Records, tmp_path: Path) -> None:
    crawled = crawl(records, tmp_path, PACKED, timeout=20, limit=90)
    whole = dict.fromkeys(("unknown", "cut"), "capture/stored")
    corrupt = dict.fromkeys(("plain as gzip", "plain as deflate"), "capture/corrupt")
    check(crawled, dict.fromkeys(PACKED, "capture/oversize") | corrupt | whole)
    assert all("/tot.html" in asked for asked in crawled.asked.values())


def test_a_page_that_wears_its_reader_out_costs_neither_time_nor_memory(
    records: Records, tmp_path: Path
) -> None:
    crawled = crawl(records, tmp_path, MARKUP, timeout=2, limit=90)
    refused = ("a million attributes", "base elsewhere", "feed of 19 MB")
    check(crawled, dict.fromkeys(MARKUP, "capture/stored") | dict.fromkeys(refused, "page/unreadable"))
    for name, asked in crawled.asked.items():
        assert ("/tot.html" in asked) == (name not in {"base elsewhere", "feed of 19 MB"}), name
    with records.read() as session:
        assert not session.scalars(select(Page.url).where(Page.url.contains("169.254"))).all()
        assert not any("root:" in text for text in session.scalars(select(Post.text)))


@pytest.mark.parametrize(
    "markup", ["<b>x</b>" * 200_000, f"<p {' '.join(f'a{n}=b' for n in range(300_000))}>", "<a>" * 5_000_000]
)
def test_a_page_is_refused_when_its_time_or_memory_is_up_and_the_next_is_read(markup: str) -> None:
    now = datetime.now(UTC)
    with Apart(1) as apart:
        for body, said in (
            (article("Tin tốt"), ""),
            (article("Tin", markup), "quá nhiều"),
            (article("Tin tốt"), ""),
        ):
            try:
                title = (
                    apart.read(read_article, Raw(body, "https://trang.example/a.html", now)).items[0].title
                )
                assert (title, said) == ("Tin tốt", "")
            except Unreadable as error:
                assert said, error
                assert said in str(error)


def test_a_page_is_read_whatever_its_type_is_called(records: Records, tmp_path: Path) -> None:
    crawled = crawl(records, tmp_path, TYPES, timeout=10, limit=90)
    check(crawled, dict.fromkeys(TYPES, "capture/stored"))
    for name, counters in crawled.counters.items():
        assert counters["capture/stored"] == 3, name
    with records.read() as session:
        titles = session.execute(select(Source.name, Post.title).join(Source, Source.id == Post.source_id))
        read = {name for name, title in titles if title == "Tin lạ"}
    assert read == TYPES.keys() - {"picture"}


def test_rules_that_cannot_be_read_close_a_site_and_none_opens_what_is_forbidden(
    records: Records, tmp_path: Path
) -> None:
    crawled = crawl(records, tmp_path, ROBOTS, timeout=2, limit=110)
    closed = ("30 MB", "without end", "bomb", "plain as gzip", "drip", "to itself", "elsewhere", "204", "206")
    resting = ("delay", "rate", "retry in thirty years", "retry at the end of time")
    silent = ("HTML", "bytes")
    reasons = (
        dict.fromkeys(ROBOTS, "robots/forbidden")
        | dict.fromkeys(closed, "robots/unreachable")
        | dict.fromkeys(resting, "host/resting")
        | dict.fromkeys(silent, "capture/stored")
    )
    check(crawled, reasons)
    for name, asked in crawled.asked.items():
        assert set(asked) == (
            {"/robots.txt"} if name in closed + resting else {"/robots.txt", "/rss.xml", "/tot.html"}
        ), name
