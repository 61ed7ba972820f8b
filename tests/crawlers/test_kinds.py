"""Each kind of source is crawled from its own page to the posts, over real HTTP; and is known by its page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
from sqlalchemy import select

from crawlers.kinds import detect, kind_of
from crawlers.reading.page import Raw, Unreadable
from store.records import Records
from store.tables import Post
from store.vocabulary import PostKind, SourceKind
from tests.crawlers.crawling import crawl
from tests.databases import sqlite_at

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
WORDS = (
    "Trạm y tế phường mở cửa từ bảy giờ sáng, người đến tiêm mang theo giấy tờ và đeo khẩu trang khi vào. "
)
TITLES = {number: f"Trạm y tế phường {number} đổi giờ tiêm chủng" for number in (1001, 1002, 1003, 1004)}


def article(number: int) -> str:
    data = {
        "@type": "NewsArticle", "headline": TITLES[number], "datePublished": f"2026-11-1{number % 10}T08:00:00+07:00",
        "dateModified": "2026-11-19T09:30:00+07:00", "articleSection": "Sức khỏe", "author": {"@type": "Person", "name": "Người Viết"},
    }  # fmt: skip
    return (
        f'<html><head><title>{TITLES[number]}</title><script type="application/ld+json">{json.dumps(data)}</script></head>'
        f"<body><article><h1>{TITLES[number]}</h1><p>{WORDS * 3}</p><p>Số báo {number}.</p></article></body></html>"
    )


def path_of(number: int) -> str:
    return f"/tram-y-te-phuong-doi-gio-{number}.html"


LINKS = "".join(f'<h3><a href="{path_of(n)}">{title}</a></h3>' for n, title in TITLES.items())
SITEMAPS = """<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><sitemap><loc>BASE/tin.xml</loc>
<lastmod>2026-11-19</lastmod></sitemap></sitemapindex>"""
NEWS = "".join(
    f"<url><loc>BASE{path_of(n)}</loc><news:news><news:publication_date>2026-11-1{n % 10}T08:00:00+07:00"
    "</news:publication_date></news:news></url>"
    for n in TITLES
)
NEWS = f"""<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">{NEWS}</urlset>"""
FEED = json.dumps(
    {
        "version": "https://jsonfeed.org/version/1.1", "title": "Báo",
        "items": [{"id": str(n), "url": f"BASE{path_of(n)}", "title": title} for n, title in TITLES.items()],
    }
)  # fmt: skip
WORDPRESS = f"""<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
xmlns:wfw="http://wellformedweb.org/CommentAPI/" xmlns:slash="http://purl.org/rss/1.0/modules/slash/"
xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Blog</title><link>BASE/</link>
<generator>https://wordpress.org/?v=6.6</generator><item><title>Ghi chép</title><link>BASE/ghi-chep/</link>
<dc:creator>Chủ Nhà</dc:creator><pubDate>Thu, 19 Nov 2026 02:00:00 +0000</pubDate><content:encoded><![CDATA[<p>{WORDS}</p>]]></content:encoded>
<wfw:commentRss>BASE/ghi-chep/feed/</wfw:commentRss><slash:comments>1</slash:comments></item></channel></rss>"""
COMMENTS = """<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/">
<channel><title>Bình luận về: Ghi chép</title><link>BASE/ghi-chep/</link><item><title>Bởi: Khách</title>
<link>BASE/ghi-chep/#comment-7</link><dc:creator>Khách</dc:creator><pubDate>Thu, 19 Nov 2026 03:00:00 +0000</pubDate>
<content:encoded><![CDATA[<p>Cảm ơn bạn đã ghi lại giờ mở cửa.</p>]]></content:encoded></item></channel></rss>"""
FRONT = '<html><head><link rel="alternate" type="application/rss+xml" href="/feed/"></head><body>Blog</body></html>'
PAGES = {
    "/sitemap.xml": SITEMAPS, "/tin.xml": NEWS, "/suc-khoe": f"<html><body>{LINKS}</body></html>", "/feed.json": FEED,
    "/blog": FRONT, "/feed/": WORDPRESS, "/ghi-chep/feed/": COMMENTS, **{path_of(n): article(n) for n in TITLES},
}  # fmt: skip


class Site(BaseHTTPRequestHandler):
    """Everything at once: a paper with a sitemap, a section and a JSON feed, and a blog."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        found = PAGES.get(self.path)
        body = (found or "").replace("BASE", f"http://{self.headers['Host']}").encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    made = sqlite_at(tmp_path / "k.db")
    yield made
    made.close()


def posts(records: Records, folder: Path, kind: str, url: str, **given: str) -> list[Post]:
    entry = {"name": kind, "kind": kind, "url": url, "legal_basis": "thử", "rate": 50}
    crawl(folder, [entry], **given)  # type: ignore[arg-type]
    with records.read() as session:
        return list(session.scalars(select(Post).order_by(Post.id)))


@pytest.mark.parametrize(
    ("kind", "path"), [("sitemap", "/sitemap.xml"), ("site", "/suc-khoe"), ("feed", "/feed.json")]
)
def test_the_articles_of_a_paper_are_found_by_whatever_leads_to_them(
    records: Records, site: str, tmp_path: Path, kind: str, path: str
) -> None:
    found = posts(records, tmp_path, kind, f"{site}{path}")
    assert {post.title for post in found} == set(TITLES.values())
    for post in found:
        assert post.published_at is not None
        assert post.modified_at == datetime(2026, 11, 19, 2, 30, tzinfo=UTC)
        assert post.facts["section"] == "Sức khỏe"
        assert post.author is not None
        assert "Người Viết" not in f"{post.author}{post.text}{post.facts}"


def test_a_sitemap_is_followed_since_a_day(records: Records, site: str, tmp_path: Path) -> None:
    found = posts(records, tmp_path, "sitemap", f"{site}/sitemap.xml", since="2026-11-13T00:00:00+07:00")
    assert {post.title for post in found} == {TITLES[1003], TITLES[1004]}


def test_a_blog_gives_its_posts_and_what_is_said_to_them(records: Records, site: str, tmp_path: Path) -> None:
    found = posts(records, tmp_path, "blog", f"{site}/blog")
    assert Counter(post.kind for post in found) == {PostKind.ARTICLE: 1, PostKind.COMMENT: 1}
    article, comment = sorted(found, key=lambda post: post.kind)
    assert comment.parent == article.key
    assert comment.key.endswith("/ghi-chep/#comment-7")
    assert article.again is not None


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/sitemap.xml", SourceKind.SITEMAP),
        ("/tin.xml", SourceKind.SITEMAP),
        ("/suc-khoe", SourceKind.SITE),
        ("/feed.json", SourceKind.FEED),
        ("/blog", SourceKind.FEED),
        ("/feed/", SourceKind.BLOG),
    ],
)
def test_a_page_tells_what_kind_of_source_it_is(path: str, kind: SourceKind) -> None:
    body = PAGES[path].replace("BASE", "https://bao.example").encode()
    assert detect(Raw(body, f"https://bao.example{path}", NOW))[0] == kind


def test_a_page_that_is_no_source_is_said_to_be_none() -> None:
    for body in (b"", b"x", b"<html><body><p>Xin ch\xc3\xa0o</p></body></html>", b"{}", b"\x00\xff"):
        with pytest.raises(Unreadable):
            detect(Raw(body, "https://bao.example/", NOW))


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://t.me/kenh", SourceKind.TELEGRAM),
        ("https://www.youtube.com/@kenh", SourceKind.YOUTUBE),
        ("https://m.facebook.com/trang", SourceKind.FACEBOOK),
        ("https://bao.example/t.me", None),
        ("https://t.me.evil.example/", None),
    ],
)
def test_an_address_tells_a_platform(url: str, kind: SourceKind | None) -> None:
    assert kind_of(url) == kind
