"""Section pages lead to their articles, and not to sections, tags, videos, logins and advertisements."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawlers.reading.page import LARGEST, Raw, Unreadable
from crawlers.reading.sections import read_section
from store.vocabulary import PageRole
from tests.conftest import shared

SECTION = "https://bao.example/suc-khoe"


def raw(body: bytes | str, url: str = SECTION) -> Raw:
    return Raw(body.encode() if isinstance(body, str) else body, url, datetime(2026, 11, 20, tzinfo=UTC))


def links(*pairs: tuple[str, str]) -> str:
    return "".join(
        f'<article><h3 class="title-news"><a href="{href}">{text}</a></h3></article>' for href, text in pairs
    )


def urls(body: str, url: str = SECTION) -> list[str]:
    return [lead.url for lead in read_section(raw(body, url)).leads]


ARTICLES = (
    ("/cho-bai-say-mo-cua-tro-lai-4954454.html", "Chợ Bãi Sậy mở cửa trở lại"),
    ("/suc-khoe/tiem-nhac-lai-cho-nguoi-gia-20261120080000123.htm", "Tiêm nhắc lại cho người già"),
    ("https://bao.example/y-te/khong-co-thuoc-nao-tu-la-tre-post1568.tpo", "Không có thuốc nào từ lá tre"),
)
FOUND = [
    "https://bao.example/cho-bai-say-mo-cua-tro-lai-4954454.html",
    "https://bao.example/suc-khoe/tiem-nhac-lai-cho-nguoi-gia-20261120080000123.htm",
    "https://bao.example/y-te/khong-co-thuoc-nao-tu-la-tre-post1568.tpo",
]


def test_the_headlines_lead_to_their_articles_once_each_in_the_order_of_the_page() -> None:
    image = f'<a href="{ARTICLES[2][0]}"><img src="/a.jpg" alt=""></a>'
    body = image + links(*ARTICLES, (ARTICLES[0][0] + "#box_comment", "Xem bình luận của bài này"))
    reading = read_section(raw(body))
    assert [lead.url for lead in reading.leads] == FOUND
    assert {lead.role for lead in reading.leads} == {PageRole.ARTICLE}


@pytest.mark.parametrize(
    ("href", "text"),
    [
        ("/kien-thuc-gioi-tinh.htm", "Kiến thức giới tính"),
        ("/chu-de/phong-chong-dich-covid-3673.html", "Phòng chống dịch bệnh Covid"),
        ("/su-kien/ky-hop-thu-bay-cua-quoc-hoi-3662.htm", "Kỳ họp thứ bảy của Quốc hội"),
        ("/tags/thuoc-nam-chua-covid-1234.html", "Thuốc nam chữa Covid"),
        ("/thuoc-nam-chua-covid-tags12345.html", "Thuốc nam chữa Covid"),
        ("/video/canh-cho-dem-vang-khach-101306.htm", "Cảnh chợ đêm vắng khách"),
        ("/tac-gia/nguyen-thi-tuong-tuong-1002.html", "Nguyễn Thị Tưởng Tượng"),
        ("/dang-nhap?tiep=bai-viet-rat-dai-4954454.html", "Đăng nhập để bình luận"),
        ("https://quangcao.example/mua-ngay-keo-het-4954454.html", "Mua ngay kẻo hết hàng"),
        ("/bai-viet-co-chu-ngan-4954455.html", "Xem tiếp"),
        ("/", "Báo điện tử Bãi Sậy"),
        ("javascript:void(0)", "Trở về đầu trang này"),
    ],
)
def test_what_is_no_article_is_not_led_to(href: str, text: str) -> None:
    assert urls(links(*ARTICLES, (href, text))) == FOUND


def test_a_section_page_does_not_lead_to_itself() -> None:
    body = links(*ARTICLES, ("/suc-khoe-20261120.htm", "Trang sức khỏe của báo"))
    assert urls(body, "https://bao.example/suc-khoe-20261120.htm") == FOUND


def test_menus_and_footers_do_not_lead_anywhere() -> None:
    other = links(("/gioi-thieu-ve-toa-soan-bao-4954400.html", "Giới thiệu về tòa soạn"))
    assert urls(f"<nav>{other}</nav>{links(*ARTICLES)}<footer>{other}</footer>") == FOUND


def test_a_site_that_does_not_number_its_articles_has_them_told_by_their_long_addresses() -> None:
    pages = [
        (f"/{slug}/", "Bốn chữ trở lên")
        for slug in ("cho-bai-say-mo-cua-tro-lai", "tiem-nhac-lai-cho-nguoi-gia", "khong-co-thuoc-tu-la-tre")
    ]
    body = links(*pages, ("/suc-khoe-tre/", "Sức khỏe của trẻ em"))
    assert urls(body) == [f"https://bao.example{href}" for href, _ in pages]


def test_a_date_in_the_address_makes_an_article() -> None:
    pages = [(f"/2026/11/{slug}/", "Bốn chữ trở lên") for slug in ("cho-mo-cua", "tiem-nhac", "la-tre")]
    body = links(*pages, ("/2026/11/", "Các bài tháng mười một"))
    assert urls(body) == [f"https://bao.example{href}" for href, _ in pages]


def script(data: object) -> str:
    return f'<script type="application/ld+json">{json.dumps(data)}</script>'


def test_articles_that_the_page_lists_as_data_come_first_whatever_their_address() -> None:
    elements = [
        {"@type": "ListItem", "position": 1, "url": "https://bao.example/ngan"},
        {"@type": "ListItem", "position": 2, "item": {"@type": "NewsArticle", "@id": "/hai"}},
        {"@type": "ListItem", "position": 3, "item": "https://bao.example/ba"},
        {"@type": "ListItem", "position": 4, "item": {"@type": "WebPage", "url": "https://khac.example/"}},
    ]
    listed = {"@type": "CollectionPage", "mainEntity": {"@type": "ItemList", "itemListElement": elements}}
    crumbs = {"@type": "BreadcrumbList", "itemListElement": [{"@type": "ListItem", "item": "/y-te"}]}
    menu = {"@type": "ItemList", "itemListElement": [{"@type": "SiteNavigationElement", "url": "/the-thao"}]}
    body = "<script type='application/ld+json'>{rác</script>" + script({"@graph": [crumbs, menu, listed]})
    named = [f"https://bao.example/{path}" for path in ("ngan", "hai", "ba")]
    assert urls(links(*ARTICLES) + body) == named + FOUND


@pytest.mark.parametrize(
    ("pager", "older"),
    [
        ('<link rel="next" href="/suc-khoe/trang-2">', "https://bao.example/suc-khoe/trang-2"),
        ('<a rel="nofollow next" href="?page=2">2</a>', "https://bao.example/suc-khoe?page=2"),
        ('<div id="pagination"><a href="/suc-khoe-p1">1</a><a class="btn-page next-page" href="/suc-khoe-p2"></a></div>',
         "https://bao.example/suc-khoe-p2"),
        ('<ul class="pager"><li><a href="/t/2">2</a></li><li><a href="/t/2"> Trang TIẾP </a></li></ul>',
         "https://bao.example/t/2"),
        ('<div class="pagination"><a href="/suc-khoe-p2">2</a></div>', None),
        ('<a href="/bai-sau.html">Sau</a>', None),
        ('<link rel="next" href="https://khac.example/2">', None),
    ],
)  # fmt: skip
def test_the_next_page_is_known_where_it_is_plainly_marked(pager: str, older: str | None) -> None:
    assert read_section(raw(f"<html><head></head><body>{links(*ARTICLES)}{pager}")).older == older


def test_a_page_with_hardly_an_article_is_no_section_page() -> None:
    with pytest.raises(Unreadable, match="2 bài"):
        read_section(raw(links(*ARTICLES[:2])))


def test_the_articles_of_a_real_front_page_are_found() -> None:
    """Counted by hand: this paper ends the address of each article, and of nothing else, in a time of 17 digits
    or, for old ones, a number of 10 (`-20190626105057122.htm`, `-1413630022.htm`), which makes 124 of its own
    host; its videos (`/video/…-101306.htm`), events (`/event/…-3673.htm`) and sections have no such number."""
    body = shared("html/dantri_home.html").read_bytes()
    own = re.findall(r'href="(?:https://dantri\.com\.vn)?(/[^"/][^"]*-\d{10}(?:\d{7})?\.htm)"', body.decode())
    gold = {f"https://dantri.com.vn{path}" for path in own}
    assert len(gold) == 124
    leads = read_section(raw(body, "https://dantri.com.vn/")).leads
    found = {lead.url for lead in leads}
    assert len(found) == len(leads)
    assert len(found & gold) / len(found) >= 0.95
    assert len(found & gold) / len(gold) >= 0.95


@pytest.mark.parametrize(
    "name",
    ["voz_xenforo_f21_2020-07.html", "voz_xenforo_home_2020-07.html", "voz_vbulletin_forumData_2019.html",
     "thanhnien_2023-09-13.html", "vnexpress_2025-10-22.html", "rss_vnexpress_2017-08-30.xml"],
)  # fmt: skip
def test_real_pages_of_other_kinds_are_read_or_refused(name: str) -> None:
    try:
        assert len(read_section(raw(shared(f"html/{name}").read_bytes(), "https://voz.vn/")).leads) >= 3
    except Unreadable as error:
        assert "bài" in str(error)


@pytest.mark.parametrize(
    "body",
    [b"", b"\x00" * 1000, b"<" * 100_000, b"<div>" * 100_000, b"<a href='/x-1-2-3-4'>" * 20_000, b"x" * (LARGEST + 1),
     b"<script type='application/ld+json'>" + b"[" * 100_000],
)  # fmt: skip
def test_a_hostile_page_is_an_error_of_that_page_alone(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_section(raw(body))


@settings(max_examples=150)
@given(
    st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)),
    st.sampled_from(
        [b"%", b"<a href='%'>m\xe1\xbb\x99t hai ba b\xe1\xbb\x91n</a>", b"<link rel=next href='%'>", b"<a href='/a-b-c-d-1234'>%</a>",
         b"<script type='application/ld+json'>%</script>",
         b"<script type='application/ld+json'>{\"itemListElement\": [%]}</script>"]
    ),
)  # fmt: skip
def test_no_bytes_make_the_reader_fail(body: bytes, frame: bytes) -> None:
    try:
        read_section(raw(frame.replace(b"%", body) + links(*ARTICLES).encode()))
    except Unreadable as error:
        assert str(error)
