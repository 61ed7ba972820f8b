"""Pages become items: real pages where they are at hand, and bytes of any kind without an exception."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawlers.reading.articles import read_article
from crawlers.reading.charset import decode
from crawlers.reading.feeds import read_feed
from crawlers.reading.forums import read_forum
from crawlers.reading.markup import tree_of
from crawlers.reading.page import LARGEST, Item, Raw, Reading, Unreadable
from tests.conftest import shared

ARTICLE = """<!doctype html><html><head><meta charset="utf-8"><title>Báo</title>
<link rel="canonical" href="{canonical}"><meta property="og:title" content="Chợ mở lại">
<meta property="article:published_time" content="2026-11-20T08:00:00+07:00"></head><body><nav>Trang chủ</nav>
<article><h1>Chợ mở lại</h1><p>Sáng nay chợ Bãi Sậy mở cửa trở lại sau mười ngày nghỉ để khử khuẩn, tiểu thương vui
mừng dọn hàng từ bốn giờ sáng.</p><p>Ban quản lý nhắc mọi người đeo khẩu trang và rửa tay ở cổng chợ, nơi có sẵn hai
bồn nước và xà phòng cho khách.</p><p>{last}</p></article><footer>Bản quyền</footer></body></html>"""


def page_of(body: bytes, url: str = "https://trang.example/x", charset: str | None = None) -> Raw:
    return Raw(body, url, datetime(2026, 11, 20, 3, 0, tzinfo=UTC), charset)


def article(body: bytes, url: str = "https://bao.example/bai.html") -> Item:
    return read_article(page_of(body, url)).items[0]


def f1(text: str, gold: str) -> float:
    """Return the F1 of two texts as bags of words."""
    ours, theirs = (Counter(re.findall(r"\w+", t.lower())) for t in (text, gold))
    common = sum((ours & theirs).values())
    precision, recall = common / max(1, sum(ours.values())), common / max(1, sum(theirs.values()))
    return 2 * precision * recall / (precision + recall) if common else 0.0


def vnexpress() -> tuple[bytes, str]:
    gold = json.loads(shared("html/vnexpress_2025-10-22.gold.json").read_text())["V1"]
    body = gold["body"]
    lines = [gold.get("title", ""), *body["summary"]]
    lines += [line for section in body["sections"] for line in section["headline"] + section["paragraphs"]]
    return shared("html/vnexpress_2025-10-22.html").read_bytes(), "\n".join(lines)


def thanhnien() -> tuple[bytes, str]:
    gold = json.loads(shared("html/thanhnien_2023-09-13.gold.json").read_text())
    lines = [gold["title"], gold.get("sapo") or "", *gold["paragraphs"]]
    return shared("html/thanhnien_2023-09-13.html").read_bytes(), "\n".join(lines)


@pytest.mark.parametrize(("page", "least"), [(vnexpress, 0.97), (thanhnien, 0.97)])
def test_a_real_article_is_read_as_its_gold_text(
    page: Callable[[], tuple[bytes, str]], least: float, capsys: pytest.CaptureFixture[str]
) -> None:
    body, gold = page()
    item = article(body)
    found = f1(item.text, gold)
    with capsys.disabled():
        print(f"\ntext F1, {page.__name__}: {found:.3f}")
    assert found >= least
    assert item.published is not None
    assert item.text.startswith(item.title)


READERS: list[Callable[[Raw], Reading]] = [read_article, read_forum, read_feed]
REAL = [
    "dantri_home.html", "rss_vnexpress_2017-08-30.xml", "thanhnien_2023-09-13.html", "vnexpress_2025-10-22.html",
    "voz_vbulletin_forumData_2019.html", "voz_vbulletin_threadData2_2019.html", "voz_xenforo_f21_2020-07.html",
    "voz_xenforo_f33_2020-07.html", "voz_xenforo_home_2020-07.html", "voz_xenforo_newpost_2020-07.html",
]  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_every_real_page_goes_through_every_reader(name: str) -> None:
    body = shared(f"html/{name}").read_bytes()
    for read in READERS:
        try:
            read(page_of(body))
        except Unreadable as error:
            assert str(error)


def test_a_real_thread_is_read_a_message_an_item() -> None:
    body = shared("html/voz_vbulletin_threadData2_2019.html").read_bytes()
    page = read_forum(page_of(body, "https://f.example/t?t=1&page=1"))
    assert len(page.items) == 10
    assert all(item.text and item.handle and item.published for item in page.items)
    assert len({item.anchor for item in page.items}) == 10
    assert any(item.quotes for item in page.items)
    assert not any("Originally Posted" in item.text + "".join(item.quotes) for item in page.items)
    (following,) = page.leads
    assert following.url == "https://f.example/showthread.php?t=7396974&page=2"


@pytest.mark.parametrize("name", [n for n in REAL if "xenforo" in n or "forumData" in n])
def test_real_listings_lead_to_threads(name: str) -> None:
    page = read_forum(page_of(shared(f"html/{name}").read_bytes(), "https://voz.vn/f"))
    assert len(page.leads) >= 10
    assert not page.items


def test_a_real_feed_names_its_articles() -> None:
    leads = read_feed(page_of(shared("html/rss_vnexpress_2017-08-30.xml").read_bytes())).leads
    assert len(leads) == 25


def test_an_article_is_its_headline_and_body_without_clutter_or_byline() -> None:
    body = ARTICLE.format(canonical="https://bao.example/cho", last="Hạ Miên").encode()
    item = article(body, "https://bao.example/cho?utm_source=x")
    assert item.url == "https://bao.example/cho"
    assert item.text.startswith("Chợ mở lại\n\nSáng nay")
    for clutter in ("Trang chủ", "Bản quyền", "Hạ Miên"):
        assert clutter not in item.text
    assert item.published is not None
    assert item.published.isoformat() == "2026-11-20T08:00:00+07:00"


def test_a_canonical_link_to_another_host_is_not_believed() -> None:
    body = ARTICLE.format(canonical="https://khac.example/cho", last="").encode()
    assert article(body, "https://bao.example/cho").url == "https://bao.example/cho"


MESSAGE = """<html><body><h1 class="p-title-value">Chủ đề</h1><article class="message message--post" data-author="{author}"
data-content="post-7"><time class="u-dt" datetime="2026-11-20T08:00:00+0700"></time><div class="message-body">
<div class="bbWrapper"><blockquote class="bbCodeBlock bbCodeBlock--quote"><div class="bbCodeBlock-title">ai_đó nói:</div>
<div class="bbCodeBlock-expandContent">Tỏi chữa được</div></blockquote>Không đúng <b>đâu</b>,<br>{text}
<!-- chữ ký --> nhé<script>alert(1)</script></div></div></article></body></html>"""


def test_a_message_is_its_authors_own_words() -> None:
    body = MESSAGE.format(author="x", text="đừng tin").encode()
    (item,) = read_forum(page_of(body, "https://f.example/t/chu-de.1/page-2")).items
    assert item.text == "Không đúng đâu,\nđừng tin nhé"
    assert item.quotes == ("Tỏi chữa được",)
    assert (item.url, item.anchor) == ("https://f.example/t/chu-de.1/", "post-7")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("khẩu trang".encode(), "khẩu trang"),
        ("khẩu trang".encode("utf-16"), "khẩu trang"),
        (
            '<meta charset="windows-1258">đươ\u0300ng'.encode("cp1258"),
            '<meta charset="windows-1258">đươ\u0300ng',
        ),
        (b"a\x00b\xff", "ab"),
    ],
)
def test_bytes_are_decoded_by_what_they_say_or_look_like(body: bytes, text: str) -> None:
    assert decode(body, "utf-16" if body[:2] == b"\xff\xfe" else None).startswith(text)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"\x00" * 1000,
        b"<" * 100_000,
        b"<div>" * 100_000 + b"x",
        b"<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><p>&b;</p>",
        b"x" * (LARGEST + 1),
        "<html><body>".encode("utf-16") + b"\xff",
        b"%PDF-1.7 \x80\x81",
    ],
)
def test_a_hostile_page_is_an_error_of_that_page_alone(body: bytes) -> None:
    for read in READERS:
        try:
            read(page_of(body))
        except Unreadable as error:
            assert str(error)
    with pytest.raises(Unreadable):
        read_feed(page_of(body))


@settings(max_examples=60)
@given(
    st.one_of(
        st.binary(max_size=400), st.text(max_size=400).map(lambda t: f"<article>{t}</article>".encode())
    )
)
def test_no_bytes_make_a_reader_fail(body: bytes) -> None:
    for read in READERS:
        try:
            read(page_of(body))
        except Unreadable:
            pass


def test_a_feed_is_never_taken_for_a_file_or_an_address(tmp_path: Path) -> None:
    secret = tmp_path / "feed.xml"
    secret.write_text(
        '<rss version="2.0"><channel><item><link>http://a.example/</link></item></channel></rss>'
    )
    with pytest.raises(Unreadable):
        read_feed(page_of(str(secret).encode()))


@pytest.mark.parametrize(
    ("base", "link"),
    [
        ("", "https://f.example/threads/x.php"),
        ("<base href='/dien-dan/'>", "https://f.example/dien-dan/x.php"),
        ("<base href='https://khac.example/'>", "https://khac.example/x.php"),
        ("<base href='http://[/'>", "https://f.example/threads/x.php"),
    ],
)
def test_links_are_relative_to_what_the_page_says(base: str, link: str) -> None:
    body = f"<html><head>{base}</head><body><a href=' x.php '>a</a><a href='http://[/'>b</a></body></html>"
    root = tree_of(page_of(body.encode(), "https://f.example/threads/1"))
    assert root.xpath("//a/@href") == [link]
