"""Sitemaps lead to the newest pages of their host, and an index to the sitemaps that changed last."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawlers.reading.page import LARGEST, Lead, Raw, Unreadable
from crawlers.reading.sitemaps import MOST_ARTICLES, MOST_SITEMAPS, read_sitemap
from store.vocabulary import PageRole

HANOI = timezone(timedelta(hours=7))


def raw(body: bytes | str, url: str = "https://bao.example/sitemap.xml") -> Raw:
    return Raw(body.encode() if isinstance(body, str) else body, url, datetime(2026, 11, 20, tzinfo=UTC))


def urlset(*pages: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><?xml-stylesheet type="text/xsl" href="/main.xsl"?>'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
        ' xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"'
        ' xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"'
        ' xmlns:xhtml="http://www.w3.org/1999/xhtml">'
        + "".join(f"<url>{page}</url>" for page in pages)
        + "</urlset>"
    )


def index(*sitemaps: str) -> str:
    return (
        '<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
        + "".join(f"<sitemap>{sitemap}</sitemap>" for sitemap in sitemaps)
        + "</sitemapindex>"
    )


PAGES = urlset(
    "<loc>https://bao.example/khong-ngay.html</loc><changefreq>daily</changefreq>",
    "<loc>\n https://bao.example/hom-qua.html \n</loc><lastmod>2026-11-19</lastmod>",
    "<loc>https://bao.example/hom-nay.html</loc><lastmod>2026-11-01T00:00:00Z</lastmod><news:news><news:publication>"
    "<news:name>Báo</news:name><news:language>vi</news:language></news:publication>"
    "<news:publication_date>2026-11-20T08:00:00+07:00</news:publication_date><news:title>Tin</news:title></news:news>"
    "<image:image><image:loc>https://bao.example/anh.jpg</image:loc></image:image>"
    '<xhtml:link rel="alternate" hreflang="en" href="https://bao.example/en.html"/>',
    "<loc>https://khac.example/ngoai.html</loc><lastmod>2026-11-20</lastmod>",
    "<loc>https://bao.example/hom-qua.html?utm_source=x</loc><lastmod>2026-11-20</lastmod>",
    "<lastmod>2026-11-20</lastmod>",
)
LEADS = (
    Lead(
        "https://bao.example/hom-nay.html",
        PageRole.ARTICLE,
        published=datetime(2026, 11, 20, 8, tzinfo=HANOI),
    ),
    Lead(
        "https://bao.example/hom-qua.html", PageRole.ARTICLE, published=datetime(2026, 11, 19, tzinfo=HANOI)
    ),
    Lead("https://bao.example/khong-ngay.html", PageRole.ARTICLE),
)


@pytest.mark.parametrize(
    "body",
    [
        PAGES.encode(),
        gzip.compress(PAGES.encode(), mtime=0),
        PAGES.encode("utf-16"),
        b"\xef\xbb\xbf\n" + PAGES.encode(),
    ],
)
def test_the_pages_of_its_host_are_led_to_once_each_newest_first_and_undated_last(body: bytes) -> None:
    assert read_sitemap(raw(body)).leads == LEADS


def test_an_index_leads_to_the_sitemaps_that_changed_last() -> None:
    body = index(
        "<loc>https://bao.example/khong-ngay.xml</loc>",
        "<loc>https://khac.example/ngoai.xml</loc><lastmod>2026-12-01</lastmod>",
        *(
            f"<loc>https://bao.example/{n}.xml.gz</loc><lastmod>2026-10-{n:02}</lastmod>"
            for n in range(1, MOST_SITEMAPS)
        ),
    )
    leads = read_sitemap(raw(body)).leads
    newest = [f"https://bao.example/{n}.xml.gz" for n in range(MOST_SITEMAPS - 1, 0, -1)]
    assert [lead.url for lead in leads] == [*newest, "https://bao.example/khong-ngay.xml"]
    assert {lead.role for lead in leads} == {PageRole.LISTING}
    longer = body.replace(
        "</sitemapindex>",
        "<sitemap><loc>https://bao.example/moi.xml</loc><lastmod>2026-11-01</lastmod></sitemap></sitemapindex>",
    )
    assert [lead.url for lead in read_sitemap(raw(longer)).leads] == ["https://bao.example/moi.xml", *newest]


def test_of_a_great_many_pages_the_newest_are_led_to() -> None:
    first = datetime(2020, 1, 1, tzinfo=UTC)
    body = urlset(
        *(
            f"<loc>https://bao.example/{n}.html</loc><lastmod>{(first + timedelta(hours=n)).isoformat()}</lastmod>"
            for n in range(MOST_ARTICLES + 100)
        )
    )
    leads = read_sitemap(raw(body)).leads
    assert [lead.url for lead in leads] == [
        f"https://bao.example/{n}.html" for n in range(MOST_ARTICLES + 99, 99, -1)
    ]


def test_a_list_of_addresses_is_a_sitemap() -> None:
    body = "https://bao.example/a.html\r\n\r\nhttps://khac.example/\nrác\nhttps://bao.example/b.html\n"
    assert [lead.url for lead in read_sitemap(raw(body)).leads] == [
        "https://bao.example/a.html", "https://bao.example/b.html",
    ]  # fmt: skip


def test_a_feed_is_a_sitemap() -> None:
    body = '<rss version="2.0"><channel><item><link>https://bao.example/a.html</link></item></channel></rss>'
    assert [lead.url for lead in read_sitemap(raw(body)).leads] == ["https://bao.example/a.html"]


def test_a_sitemap_that_breaks_off_leads_as_far_as_it_goes() -> None:
    whole = urlset("<loc>https://bao.example/a.html</loc>", "<loc>https://bao.example/b.html</loc>")
    body = whole[: whole.index("b.html")]
    assert [lead.url for lead in read_sitemap(raw(body)).leads] == ["https://bao.example/a.html"]


def test_an_empty_sitemap_is_an_empty_reading() -> None:
    assert read_sitemap(raw(urlset())).leads == ()
    assert read_sitemap(raw("<sitemapindex></sitemapindex>")).leads == ()


def test_entities_swell_to_nothing_and_open_no_file() -> None:
    bomb = "<!ENTITY a 'A'>" + "".join(
        f"<!ENTITY {name} '{f'&{before};' * 20}'>"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    body = (
        f"<!DOCTYPE urlset [{bomb}<!ENTITY f SYSTEM 'file:///etc/passwd'>]>"
        "<urlset><url><loc>https://bao.example/&i;</loc></url><url><loc>https://bao.example/&f;</loc></url>"
        "<url><loc>https://bao.example/a.html</loc></url></urlset>"
    )
    found = [lead.url for lead in read_sitemap(raw(body)).leads]
    assert "https://bao.example/a.html" in found
    assert max(map(len, found)) < 100


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Not Found",
        b"<html><body>404</body></html>",
        b"<" * 100_000,
        b"<a>" * 100_000,
        gzip.compress(gzip.compress(urlset().encode())),
        b"\x1f\x8b",
        b"\x1f\x8b\x08\x00rac",
        b"x" * (LARGEST + 1),
    ],
)
def test_what_is_no_sitemap_is_an_error_of_that_page_alone(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_sitemap(raw(body))


def test_a_small_file_that_unpacks_to_a_huge_one_is_refused_while_it_is_unpacked() -> None:
    with pytest.raises(Unreadable, match="giải nén"):
        read_sitemap(raw(gzip.compress(b" " * (LARGEST + 1))))


@settings(max_examples=150)
@given(
    st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)),
    st.sampled_from(
        [b"%", b"https://bao.example/%", b"<urlset><url><loc>%</loc><lastmod>%</lastmod></url></urlset>",
         b"<sitemapindex %><sitemap>%</sitemap>", b"\x1f\x8b\x08%", b"<?xml version='1.0' encoding='%'?><urlset>%</urlset>"]
    ),
)  # fmt: skip
def test_no_bytes_make_the_reader_fail(body: bytes, frame: bytes) -> None:
    for page in (frame.replace(b"%", body), gzip.compress(frame.replace(b"%", body))[: 10 + 2 * len(body)]):
        try:
            read_sitemap(raw(page))
        except Unreadable as error:
            assert str(error)
