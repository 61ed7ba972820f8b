"""A WARC file, of ours or of others, gives the posts that its pages hold, however it is torn or interrupted."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import brotli
import pytest
from sqlalchemy import func, select
from warcio.archiveiterator import ArchiveIterator

from crawlers import sample_site
from crawlers.reading.page import LARGEST
from store import audit
from store.archive import Archive
from store.ingest import Incoming, accept
from store.keys import Keys
from store.records import Records
from store.tables import Capture, Post, Rejection, Revision, Source
from store.vocabulary import PostKind
from store.work_tables import Task
from tests.crawlers.crawling import crawl
from tests.crawlers.platforms import TELEGRAM, Platforms
from tests.crawlers.warcs import AT, HTML, URL, Made, article, bring, count, only, posts
from tests.databases import sqlite_at


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Records, Path]]:
    """The records of a crawl of the sample site, done twice, and the WARC file that it left."""
    folder = tmp_path_factory.mktemp("crawl")
    records = sqlite_at(folder / "k.db")
    site = sample_site.serve()
    for _ in range(2):
        crawl(folder, sample_site.sources(site.url))
    site.stop()
    (folder / "sealed").mkdir()
    with Archive(folder / "archive", remote=(folder / "sealed").as_uri()):
        pass  # its end seals the file
    (sealed,) = (folder / "sealed").glob("**/*.warc.gz")
    yield records, sealed
    records.close()


def test_a_crawl_comes_into_another_installation_as_it_was(
    records: Records, crawled: tuple[Records, Path], tmp_path: Path
) -> None:
    original, file = crawled
    path = tmp_path / "thu-thap.warc.gz"
    path.write_bytes(file.read_bytes())
    outcome = bring(records, path)
    assert posts(records) == posts(original)
    assert len(posts(records)) > 150
    with original.read() as session:
        captures = {one.url: one.sha256 for one in session.scalars(select(Capture).order_by(Capture.id))}
        again = session.scalar(select(func.count()).where(Capture.same_as.is_not(None))) or 0
    assert outcome.counters["record/revisit"] == again > 0
    assert outcome.counters["page/no_posts"] == 2
    archive = Archive(tmp_path / "archive")
    with records.read() as session:
        assert {one.url: one.sha256 for one in session.scalars(select(Capture))} == captures
        assert audit.verify(session).ok
        moments = set(session.scalars(select(Capture.at)))
        assert moments >= {
            *session.scalars(select(Post.first_seen_at)),
            *session.scalars(select(Revision.seen_at)),
        }
        for one in session.scalars(select(Capture)):
            assert archive.read(one.warc, one.offset).url == one.url


def test_a_crawl_that_comes_back_to_its_own_records_changes_no_post(
    crawled: tuple[Records, Path], tmp_path: Path
) -> None:
    original, file = crawled
    path = tmp_path / "thu-thap.warc.gz"
    path.write_bytes(file.read_bytes())
    before = posts(original), count(original, Revision), count(original, Task)
    outcome = bring(original, path)
    assert outcome.counters["post/known"] == len(before[0])
    assert (posts(original), count(original, Revision), count(original, Task)) == before


def test_what_the_records_of_others_hold_is_told_apart(records: Records, tmp_path: Path) -> None:
    base = "http://dien-dan.example"
    thread = next(t for t in sample_site.threads() if len(t.messages) > 3)
    forum = sample_site.render(f"/dien-dan/chu-de/{thread.slug}.{thread.id}/", base)
    listing = sample_site.render("/dien-dan/", base)
    preview = Platforms().answer(f"/s/{TELEGRAM}", {})[1]
    feed = f"""<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
xmlns:wfw="http://wellformedweb.org/CommentAPI/"><channel><title>Nhật ký</title><link>https://blog.example/</link>
<generator>https://wordpress.org/?v=5.8</generator><item><title>Gừng sả</title><link>https://blog.example/gung-sa/</link>
<wfw:commentRss>https://blog.example/gung-sa/feed/</wfw:commentRss><pubDate>Tue, 20 Jul 2021 01:00:00 +0000</pubDate>
<content:encoded><![CDATA[<p>{"Uống nước gừng sả mỗi sáng. " * 5}</p>]]></content:encoded></item></channel></rss>"""
    made = Made().add("warcinfo", "", b"software: x").add("metadata", URL, b"x")
    made.page(f"{base}/dien-dan/chu-de/{thread.slug}.{thread.id}/", forum.body)
    made.page(f"{base}/dien-dan/", listing.body)
    made.page(f"https://t.me/s/{TELEGRAM}", str(preview).encode())
    made.page(
        "https://blog.example/feed/", feed.encode(), ("Content-Type", "application/rss+xml; charset=UTF-8")
    )
    made.page().add(
        "resource", "https://bao.example/khac.html", article("Trạm y tế mở cửa", text="Khác hẳn."), HTML
    )
    made.page("https://bao.example/404.html", line="404 Not Found").page(
        "https://bao.example/", line="301 Moved"
    )
    made.page("https://bao.example/a.png", b"\x89PNG", ("Content-Type", "image/png"))
    made.page("https://bao.example/sitemap.xml", b"<urlset></urlset>", ("Content-Type", "application/xml"))
    made.add("resource", "urn:screenshot:https://bao.example/", article(), HTML)
    made.add("response", "dns:bao.example", b"1.2.3.4").page(
        "https://bao.example/x.html", b"<html><p>x</p></html>"
    )
    made.add("revisit", URL, b"", HTML).page("https://bao.example/lon.html", b"<html>" + b"x" * LARGEST)
    outcome = bring(records, made.to(tmp_path / "a.warc.gz"))
    found = Counter(outcome.counters)
    with records.read() as session:
        kinds = Counter(session.scalars(select(Post.kind)))
        refused = {one.raw: one.reason for one in session.scalars(select(Rejection))}
    assert kinds[PostKind.FORUM] == min(len(thread.messages), 10)
    assert kinds[PostKind.SOCIAL] >= 2
    assert kinds[PostKind.ARTICLE] == 3
    assert found["post/new"] + found["post/copy"] == sum(kinds.values())
    assert (found["capture/stored"], found["page/no_posts"], found["page/other"]) == (6, 1, 4)
    assert (found["http/404"], found["http/301"], found["record/revisit"]) == (1, 1, 1)
    assert (found["page/unreadable"], found["capture/oversize"], outcome.rejected) == (1, 1, 2)
    assert set(refused) == {"https://bao.example/x.html", "https://bao.example/lon.html"}
    assert all(refused.values())


def coded(coding: str, body: bytes) -> bytes:
    raw = zlib.compressobj(wbits=-15)
    return {
        "gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": lambda b: raw.compress(b) + raw.flush(),
        "br": brotli.compress, "gzip, br": lambda b: brotli.compress(gzip.compress(b)), "": bytes,
    }[coding](body)  # fmt: skip


@pytest.mark.parametrize("coding", ["", "gzip", "x-gzip", "deflate", "br", "gzip, br"])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("compress", [True, False])
def test_a_page_is_read_however_it_was_sent(
    sqlite: Records, tmp_path: Path, coding: str, chunked: bool, compress: bool
) -> None:
    sent = body = coded(coding, article())
    headers = [HTML] + [("Content-Encoding", coding)] * bool(coding)
    if chunked:
        body = b"".join(
            b"%x;n=v\r\n%s\r\n" % (len(body[i : i + 99]), body[i : i + 99]) for i in range(0, len(body), 99)
        )
        body, headers = body + b"0\r\n\r\n", [*headers, ("Transfer-Encoding", "chunked")]
    path = Made(compress=compress).page(URL, body, *headers).to(tmp_path / "a.warc")
    assert bring(sqlite, path).counters == {"capture/stored": 1, "post/new": 1}
    assert only(sqlite).text.startswith("Chợ mở lại\n\nChợ Bãi Sậy mở cửa")
    with sqlite.read() as session:
        capture = session.scalars(select(Capture)).one()
    (kept,) = (tmp_path / "archive").iterdir()
    with kept.open("rb") as file:
        answers = [(one.http_headers, one.raw_stream.read()) for one in ArchiveIterator(file, check_digests="raise") if one.rec_type == "response"]  # fmt: skip
    ((http, stored),) = answers
    # The archive reads gzip and deflate; what was coded otherwise is kept decoded.
    as_sent = coding in {"", "gzip", "deflate"}
    assert stored == (sent if as_sent else article())
    assert http.get_header("Content-Encoding", "") == (coding if as_sent else "")
    assert http.get_header("X-Archive-Orig-Content-Encoding", "") == ("" if as_sent else coding)
    assert http.get_header("X-Archive-Orig-Transfer-Encoding") == ("chunked" if chunked else None)
    read = Archive(tmp_path / "archive").read(capture.warc, capture.offset)
    assert (read.at, read.body) == ("2021-07-20T03:00:00.000000Z", article())


def test_headers_that_no_longer_hold_are_set_aside(sqlite: Records, tmp_path: Path) -> None:
    headers = (HTML, ("Content-Encoding", "br"), ("Transfer-Encoding", "chunked"), ("Content-Length", "7"))
    made = Made().page(URL, article(), *headers)
    made.page("https://bao.example/hong.html", gzip.compress(article())[:-8] + b"x" * 8, HTML, ("Content-Encoding", "gzip"))  # fmt: skip
    made.page("https://bao.example/hong-2.html", b"\x01\x02", HTML, ("Content-Encoding", "gzip"))
    assert bring(sqlite, made.to(tmp_path / "a.warc.gz")).counters["post/new"] == 1
    with sqlite.read() as session:
        capture = session.get_one(Capture, only(sqlite).capture_id)
    kept = dict(Archive(tmp_path / "archive").read(capture.warc, capture.offset).headers)
    assert kept["X-Archive-Orig-Content-Encoding"] == "br"
    assert int(kept["Content-Length"]) == len(article())


@pytest.mark.parametrize("order", ["before", "after", "far", "stranger"])
def test_an_answer_is_kept_with_its_request_and_its_server(
    sqlite: Records, tmp_path: Path, order: str
) -> None:
    asked = [("Host", "bao.example"), ("User-Agent", "cu/1.0"), ("Cookie", "phien=bi-mat")]
    made, one = Made(), "<urn:uuid:00000000-0000-0000-0000-000000000001>"
    other = one if order != "stranger" else "<urn:uuid:00000000-0000-0000-0000-000000000002>"

    def request() -> None:
        made.add("request", URL, b"", *asked, line="GET /cho HTTP/1.1", Concurrent_To=other)

    if order in {"before", "stranger"}:
        request()
    made.page(Record_ID=one, IP_Address="203.0.113.7")
    if order == "far":
        made.page("https://bao.example/khac.html")
    if order in {"after", "far"}:
        request()
    bring(sqlite, made.to(tmp_path / "a.warc.gz"))
    (kept,) = (tmp_path / "archive").iterdir()
    with kept.open("rb") as file:
        sent = [dict(one.http_headers.headers) for one in ArchiveIterator(file) if one.rec_type == "request"]
        assert "phien" not in str(sent)
    assert ("User-Agent" in sent[0]) == (order in {"before", "after"})
    assert sent[0]["Host"] == "bao.example"
    with sqlite.read() as session:
        detail = session.scalars(select(Capture.detail).order_by(Capture.id)).first() or {}
    assert detail["ip"] == "203.0.113.7"


@pytest.mark.parametrize("newest_first", [True, False])
def test_the_latest_words_stay_whichever_file_comes_first(
    records: Records, tmp_path: Path, newest_first: bool
) -> None:
    for name, days in (("moi", 9), ("cu", 1)) if newest_first else (("cu", 1), ("moi", 9)):
        made = Made().page(URL, article(text=f"Bản {name}."), at=AT + timedelta(days=days))
        outcome = bring(records, made.to(tmp_path / f"{name}.warc.gz"))
    assert outcome.counters["post/known" if newest_first else "post/edited"] == 1
    post = only(records)
    assert "Bản moi." in post.text
    assert post.last_seen_at == AT + timedelta(days=9)
    with records.read() as session:
        seen = list(session.scalars(select(Revision.seen_at).order_by(Revision.version)))
        owed = session.scalars(select(Task.owed_at)).all()
    assert seen == [AT + timedelta(days=9)] if newest_first else [AT + timedelta(days=d) for d in (1, 9)]
    assert min(owed) > datetime.now(UTC) - timedelta(hours=1)


def test_a_post_that_a_crawl_saw_since_keeps_its_words(records: Records, tmp_path: Path) -> None:
    path = (
        Made()
        .page()
        .page("https://bao.example/khac.html", article("Khác", text="Tin khác."))
        .to(tmp_path / "a.warc.gz")
    )
    with records.write() as session:
        source = Source(name="Báo", kind="feed", legal_basis="thử", added_at=AT)
        session.add(source)
        session.flush()
        capture = Capture(
            source_id=source.id, url=URL, at=AT, media_type="x", sha256="0", warc="x", offset=0, length=1
        )
        session.add(capture)
        session.flush()
        accept(
            session, source.id, [Incoming(URL, PostKind.ARTICLE, "bản mới nhất", capture.id)], Keys(bytes(32))
        )
    outcome = bring(records, path)
    assert outcome.counters == {"capture/stored": 2, "post/known": 1, "post/new": 1}
    with records.read() as session:
        assert "bản mới nhất" in session.scalars(select(Post.text)).all()
