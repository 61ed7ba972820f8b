"""Feeds lead to articles, each once, with when they were published; no bytes make the reader fail."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawlers.reading.feeds import parsed, read_feed
from crawlers.reading.page import LARGEST, Lead, Raw, Reading, Unreadable
from store.vocabulary import PageRole
from tests.conftest import shared

FEED = "https://bao.example/rss/tin-moi.rss"
HANOI = timezone(timedelta(hours=7))


def raw(body: bytes | str, url: str = FEED, charset: str | None = None) -> Raw:
    return Raw(
        body.encode() if isinstance(body, str) else body, url, datetime(2026, 11, 20, tzinfo=UTC), charset
    )


def rss(*entries: str, head: str = '<?xml version="1.0" encoding="utf-8"?>') -> str:
    items = "".join(f"<item>{entry}</item>" for entry in entries)
    return f'{head}<rss version="2.0"><channel><title>Báo</title><link>https://bao.example</link>{items}</channel></rss>'


ATOM = """<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Báo</title>
<link href="https://bao.example/"/><updated>2026-11-20T08:00:00+07:00</updated>
<entry><title>Một</title><link rel="alternate" href="/mot.html"/><id>urn:1</id>
<published>2026-11-19T08:00:00+07:00</published><updated>2026-11-20T08:00:00+07:00</updated></entry>
<entry><title>Hai</title><link href="https://bao.example/hai.html?utm_source=rss"/><id>urn:2</id>
<updated>2026-11-18T08:00:00Z</updated></entry></feed>"""

RSS_090 = """<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
xmlns="http://my.netscape.com/rdf/simple/0.9/"><channel><title>Báo</title><link>https://bao.example</link></channel>
<item><title>Một</title><link>https://bao.example/mot.html</link></item></rdf:RDF>"""

RSS_091 = """<?xml version="1.0"?><!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN"
"http://my.netscape.com/publish/formats/rss-0.91.dtd"><rss version="0.91"><channel><title>Báo</title>
<item><title>Một</title><link>https://bao.example/mot.html</link></item></channel></rss>"""

RSS_10 = """<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://bao.example">
<title>Báo</title></channel><item rdf:about="https://bao.example/mot.html"><title>Một</title>
<link>https://bao.example/mot.html</link><dc:date>2026-11-19T08:00:00+07:00</dc:date></item></rdf:RDF>"""


def article(url: str, published: datetime | None = None) -> Lead:
    return Lead(url, PageRole.ARTICLE, published=published)


def test_atom_entries_are_led_to_with_when_they_were_published_or_else_changed() -> None:
    assert read_feed(raw(ATOM)) == Reading(
        leads=(
            article("https://bao.example/mot.html", datetime(2026, 11, 19, 8, tzinfo=HANOI)),
            article("https://bao.example/hai.html", datetime(2026, 11, 18, 8, tzinfo=UTC)),
        )
    )


@pytest.mark.parametrize("body", [RSS_090, RSS_091, RSS_10])
def test_the_older_kinds_of_rss_are_read(body: str) -> None:
    assert [lead.url for lead in read_feed(raw(body)).leads] == ["https://bao.example/mot.html"]


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ("Fri, 20 Nov 2026 08:00:00 +0700", datetime(2026, 11, 20, 1, tzinfo=UTC)),
        ("Fri, 20 Nov 26 08:00:00 +0700", datetime(2026, 11, 20, 1, tzinfo=UTC)),
        ("Fri, 20 Nov 2026 08:00:00 GMT+7", datetime(2026, 11, 20, 1, tzinfo=UTC)),
        ("Fri, 20 Nov 2026 08:00:00 GMT", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("Fri, 20 Nov 2026 08:00:00", datetime(2026, 11, 20, 1, tzinfo=UTC)),
        ("2026-11-20 08:00:00", datetime(2026, 11, 20, 1, tzinfo=UTC)),
        ("hôm qua", None),
    ],
)
def test_a_time_is_read_as_feeds_write_it_and_is_of_vietnam_where_no_zone_is_named(
    said: str, moment: datetime | None
) -> None:
    (lead,) = read_feed(raw(rss(f"<link>https://bao.example/a.html</link><pubDate>{said}</pubDate>"))).leads
    assert lead.published == moment


def test_an_article_is_led_to_once_and_an_entry_without_a_web_link_not_at_all() -> None:
    body = rss(
        "<link>/a.html#binh-luan</link>",
        "<link>https://bao.example/a.html?utm_medium=rss</link>",
        "<title>Không có liên kết</title>",
        "<link>javascript:alert(1)</link>",
        "<link>\n https://bao.example/b.html \n</link>",
        '<guid isPermaLink="true">https://bao.example/c.html</guid>',
    )
    assert [lead.url for lead in read_feed(raw(body)).leads] == [
        "https://bao.example/a.html", "https://bao.example/b.html", "https://bao.example/c.html",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [rss(), '<feed xmlns="http://www.w3.org/2005/Atom"><title>Báo</title></feed>',
     '{"version": "https://jsonfeed.org/version/1.1", "title": "Báo", "items": []}'],
)  # fmt: skip
def test_a_feed_without_entries_is_an_empty_reading(body: str) -> None:
    assert read_feed(raw(body)) == Reading()


@pytest.mark.parametrize(
    ("declared", "encoding", "server"),
    [
        ("utf-8", "utf-8", "iso-8859-1"),
        ("iso-8859-1", "utf-8", None),
        ("utf-8", "cp1258", "utf-8"),
        ("windows-1258", "cp1258", "utf-8"),
        ("utf-16", "utf-16", None),
        ("utf-8", "utf-8-sig", None),
        ("utf-8", "cp1252", "windows-1252"),
    ],
)
def test_words_are_right_whoever_lies_about_the_encoding(
    declared: str, encoding: str, server: str | None
) -> None:
    title = "café à la carte" if encoding == "cp1252" else "đeo khâ\u0309u trang"
    body = rss(
        f"<title>{title}</title><link>/a.html</link>", head=f'<?xml version="1.0" encoding="{declared}"?>'
    )
    assert parsed(raw(body.encode(encoding, "replace"), charset=server)).entries[0].title == title


def test_a_byte_gone_astray_does_not_change_the_words_around_it() -> None:
    body = rss("<title>Khẩu trang vải, rửa tay thường xuyên và giữ khoảng cách</title>").encode()
    title = parsed(raw(body.replace("vải".encode(), b"v\xe1\xba i"))).entries[0].title
    assert title.startswith("Khẩu trang")
    assert title.endswith("rửa tay thường xuyên và giữ khoảng cách")


def test_a_json_feed_leads_to_its_articles() -> None:
    entries = [
        {"id": "1", "url": "/mot.html", "date_published": "2026-11-20T08:00:00+07:00"},
        {"id": "2", "url": "https://bao.example/hai.html", "date_modified": "2026-11-19T08:00:00Z"},
        {"id": "3", "external_url": "https://khac.example/"},
        {"id": "4", "url": 7},
        "rác",
    ]
    body = json.dumps({"version": "https://jsonfeed.org/version/1", "items": entries})
    assert read_feed(raw("\ufeff" + body)).leads[:2] == (
        article("https://bao.example/mot.html", datetime(2026, 11, 20, 1, tzinfo=UTC)),
        article("https://bao.example/hai.html", datetime(2026, 11, 19, 8, tzinfo=UTC)),
    )


@pytest.mark.parametrize(
    "body", ['{"items": []}', "{", '{"version": "https://jsonfeed.org/version/1"}', "{" * 100_000]
)
def test_other_json_is_no_feed(body: str) -> None:
    with pytest.raises(Unreadable):
        read_feed(raw(body))


PAGE = """<!doctype html><html lang="vi"><head><title>Báo Bãi Sậy</title>
<link rel="alternate" type="application/rss+xml" title="Tin mới" href="/rss/tin-moi.rss">
<link rel="alternate" type="application/rss+xml" title="Dòng bình luận" href="/binh-luan/feed/">
<link rel="alternate" type="application/rss+xml" title="Báo" href="/comments/feed/">
<link rel="alternate" type="application/rss+xml" title="Nơi khác" href="https://khac.example/rss">
<link rel="alternate" type="application/atom+xml; charset=utf-8" href="https://bao.example/atom.xml">
<link rel="alternate" type="application/feed+json" href="feed.json">
<link rel="alternate" hreflang="en" href="/en/"><link rel="stylesheet" type="text/css" href="/a.css">
</head><body><p>Chào</p></body></html>"""


def test_a_page_leads_to_the_feeds_of_its_own_host_that_it_names_but_not_to_those_of_comments() -> None:
    assert read_feed(raw(PAGE, "https://bao.example/")).leads == tuple(
        Lead(f"https://bao.example/{path}", PageRole.LISTING)
        for path in ("atom.xml", "rss/tin-moi.rss", "feed.json")
    )


def test_a_real_feed_names_its_articles_with_their_times() -> None:
    leads = read_feed(raw(shared("html/rss_vnexpress_2017-08-30.xml").read_bytes())).leads
    assert len(leads) == 25
    assert all(lead.published and lead.published.date().isoformat() == "2017-08-30" for lead in leads)


def test_a_feed_is_never_taken_for_a_file_or_an_address(tmp_path: Path) -> None:
    secret = tmp_path / "feed.xml"
    secret.write_text(rss("<link>http://a.example/</link>"))
    with pytest.raises(Unreadable):
        read_feed(raw(str(secret)))


QUADRATIC = '\n<!ENTITY a "' + "A" * 10_000 + '">\n'
NESTED = "<!ENTITY a 'AAAAAAAAAA'>" + "".join(
    f"<!ENTITY {name} '{f'&{before};' * 10}'>" for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.mark.parametrize(
    "body",
    [
        rss("<title>" + "&a;" * 1000 + "</title><link>/x</link>", head=f"<!DOCTYPE rss [{QUADRATIC}]>"),
        rss("<title>&j;</title><link>/x</link>", head=f"<!DOCTYPE rss [{NESTED}]>"),
        # Where it is looked for, a comment stands in the way.
        rss("<title>&j;</title><link>/x</link>", head=f"<!-- <rss> --><!DOCTYPE rss [{NESTED}]>"),
        rss(
            "<title>&f;</title><link>/x</link>",
            head='<!DOCTYPE rss [<!ENTITY f SYSTEM "file:///etc/passwd">]>',
        ),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_swell_to_nothing_and_open_no_file(body: str, encoding: str) -> None:
    began = time.process_time()
    title = parsed(raw(body.encode(encoding))).entries[0].title
    assert len(title) < 1_000_000
    assert "AAAA" not in title
    assert "root:" not in title
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"\x00" * 1000,
        b"<" * 100_000,
        b"<rss>" + b"<" * 20_000,
        b"<rss><channel>" + b"<item>" * 20_000,
        b"<rss><channel>" + b"<a b='" * 20_000,
        b"<feed><![CDATA[" + b"<![CDATA[" * 20_000,
        b"<html><div>" * 100_000,
        b"<rss>" + b"x" * LARGEST,
        b"x" * (LARGEST + 1),
        b"%PDF-1.7 \x80\x81",
    ],
)
def test_a_hostile_page_is_an_error_of_that_page_alone(body: bytes) -> None:
    began = time.process_time()
    try:
        read_feed(raw(body))
    except Unreadable as error:
        assert str(error)
    assert time.process_time() - began < 10


@settings(max_examples=150)
@given(
    st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)),
    st.sampled_from(
        [
            "{}", "<rss><channel><item><link>{}</link><pubDate>{}</pubDate></item>", "<feed {}><entry>{}</entry></feed>",
            "<?xml version='1.0' encoding='{}'?><rss><item><title>{}</title></item></rss>",
            '{{"version": "https://jsonfeed.org/version/1", "items": [{}]}}', "<!DOCTYPE rss [{}]><rss>{}</rss>",
            "<html><link rel='alternate' type='application/rss+xml' href='{}' title='{}'>",
            "<rdf:RDF><item rdf:about='{}'><link>http://[{}</link></item></rdf:RDF>",
        ]
    ),
    st.sampled_from([None, "utf-8", "utf-16", "latin-1", "undefined", "zip", "khong-co"]),
)  # fmt: skip
def test_no_bytes_make_the_reader_fail(body: bytes, frame: str, charset: str | None) -> None:
    before, *between, after = frame.replace("{{", "{").replace("}}", "}").split("{}")
    page = body.join(part.encode() for part in (before, *between, after))
    try:
        read_feed(raw(page, charset=charset))
    except Unreadable as error:
        assert str(error)
