"""An article is its own words, with who wrote it, when, and what the page says of it: real pages and hostile ones."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawlers.reading.articles import read_article
from crawlers.reading.page import Item, Raw, Unreadable
from store.vocabulary import PostKind
from tests.conftest import shared

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
URL = "https://bao.example/suc-khoe/cho-mo-lai-17.html"
TITLE = "Chợ Bãi Sậy mở lại"
FIRST = "Sáng nay chợ Bãi Sậy mở cửa trở lại sau mười ngày nghỉ để khử khuẩn, tiểu thương vui mừng dọn hàng từ sớm."
SECOND = (
    "Ban quản lý nhắc mọi người đeo khẩu trang và rửa tay ở cổng chợ, nơi có sẵn hai bồn nước và xà phòng."
)
LEAD = "Sau mười ngày đóng cửa, ngôi chợ lớn nhất huyện đón khách trở lại trong điều kiện phòng dịch."
OWN: dict[str, Any] = {
    "@context": "https://schema.org",
    "@type": "NewsArticle",
    "mainEntityOfPage": {"@type": "WebPage", "@id": URL},
    "headline": TITLE,
    "datePublished": "2026-11-19T08:00:00+07:00",
}
TOLD = OWN | {"description": LEAD}


def ld(*nodes: object) -> str:
    return "".join(f'<script type="application/ld+json">{json.dumps(node)}</script>' for node in nodes)


def page(
    head: str = "", body: str = f"<p>{FIRST}</p><p>{SECOND}</p>", beside: str = "", title: str = TITLE
) -> Item:
    text = (
        f'<!doctype html><html lang="vi"><head><meta charset="utf-8"><title>{title} - Báo Mẫu</title>{head}</head>'
        f'<body><header><nav><a href="/">Trang chủ</a> <a href="/suc-khoe">Sức khỏe</a></nav></header><main>'
        f"<h1>{title}</h1>{beside}<div class='detail-content'>{body}</div></main>"
        "<footer>Giấy phép số 1 · Bản quyền thuộc Báo Mẫu</footer></body></html>"
    )
    return read_article(Raw(text.encode(), URL, NOW)).items[0]


def f1(text: str, gold: str) -> float:
    ours, theirs = (Counter(re.findall(r"\w+", t.lower())) for t in (text, gold))
    return 2 * sum((ours & theirs).values()) / (sum(ours.values()) + sum(theirs.values()))


def test_an_article_of_vnexpress_is_read_as_its_gold_says() -> None:
    gold = json.loads(shared("html/vnexpress_2025-10-22.gold.json").read_text())["V1"]
    manifest = json.loads(shared("html/MANIFEST.json").read_text())
    url = next(entry["url"] for entry in manifest if entry["file"] == "vnexpress_2025-10-22.html")
    (item,) = read_article(Raw(shared("html/vnexpress_2025-10-22.html").read_bytes(), url, NOW)).items
    summary = gold["body"]["summary"]
    lines = [line for part in gold["body"]["sections"] for line in part["headline"] + part["paragraphs"]]
    assert f1(item.text, "\n".join([gold["title"], *summary, *lines])) >= 0.97
    assert (item.url, item.title, item.kind) == (url, gold["title"], PostKind.ARTICLE)
    assert item.published == datetime.fromisoformat(gold["publishing_date"])
    assert item.modified == item.published
    assert item.handle == ", ".join(gold["authors"])
    assert item.facts["lead"] == summary[0]
    assert item.facts["section"] == "Tin tức"
    photo = gold["images"][0]["versions"][1]["url"]
    assert [address.partition("?")[0] for address in item.facts["media"]][1:] == [photo.partition("?")[0]]
    assert "links" not in item.facts


def test_an_article_of_thanhnien_is_read_as_its_gold_says() -> None:
    gold = json.loads(shared("html/thanhnien_2023-09-13.gold.json").read_text())
    body = shared("html/thanhnien_2023-09-13.html").read_bytes()
    (item,) = read_article(Raw(body, gold["url"], NOW)).items
    assert f1(item.text, "\n".join([gold["title"], gold["sapo"], *gold["paragraphs"]])) >= 0.97
    assert (item.url, item.title, item.handle) == (gold["url"], gold["title"], gold["author"])
    assert item.published is not None
    assert item.published.replace(microsecond=0).isoformat() == f"{gold['date']}+07:00"
    assert item.modified is not None
    assert item.modified.isoformat() == "2023-09-13T17:38:54.357000+07:00"
    assert item.facts["section"] == "Pháp luật"
    assert gold["author"] not in item.text


def test_what_json_ld_says_comes_before_the_metas() -> None:
    item = page(
        '<meta property="article:published_time" content="2026-11-18T00:00:00+07:00">'
        '<meta property="article:section" content="Tin vắn">'
        + ld(OWN | {"dateModified": "2026-11-19T09:30:00Z", "articleSection": ["Sức khỏe", "Địa phương"]})
    )
    assert item.published == datetime(2026, 11, 19, 1, 0, tzinfo=UTC)
    assert item.modified == datetime(2026, 11, 19, 9, 30, tzinfo=UTC)
    assert item.facts["section"] == "Sức khỏe"


@pytest.mark.parametrize("others_first", [True, False])
def test_of_several_articles_in_json_ld_the_one_of_the_page_is_taken(others_first: bool) -> None:
    other = {
        "@type": "NewsArticle", "url": "https://bao.example/khac-18.html", "headline": "Bài khác",
        "datePublished": "2020-01-01T00:00:00Z", "author": "Người Khác",
    }  # fmt: skip
    comment = {
        "@type": "Comment",
        "text": "Hay",
        "datePublished": "2021-01-01T00:00:00Z",
        "author": "Độc Giả",
    }
    own = OWN | {"author": {"@type": "Person", "name": "Hạ Miên"}, "comment": [comment]}
    graph = [other, own] if others_first else [own, other]
    item = page(ld(comment, {"@context": "https://schema.org", "@graph": graph}))
    assert (item.handle, item.published) == ("Hạ Miên", datetime(2026, 11, 19, 1, 0, tzinfo=UTC))


def test_an_article_is_also_known_by_its_headline() -> None:
    other = {"@type": "BlogPosting", "headline": "Bài khác", "datePublished": "2020-01-01"}
    own = {
        "@type": ["Article", "http://schema.org/NewsArticle"],
        "headline": TITLE.upper(),
        "datePublished": "2026-11-01",
    }
    item = page(ld([other, own]))
    assert item.published is not None
    assert item.published.isoformat() == "2026-11-01T00:00:00+07:00"


@pytest.mark.parametrize(
    ("author", "handle"),
    [
        ("Hạ Miên", "Hạ Miên"),
        ([{"@type": "Person", "name": "Hạ Miên"}, {"@type": "Person", "name": "Thu &amp; Đông"}], "Hạ Miên, Thu & Đông"),
        ([{"@type": "Organization", "name": "Báo Mẫu"}, {"@type": "Person", "name": "Hạ Miên"}], "Hạ Miên"),
        ({"@type": "Organization", "name": "Báo Mẫu"}, "Báo Mẫu"),
        ({"@id": "#tac-gia-1"}, "Cẩm Lai"),
        ({"@type": "Person", "name": {"x": 1}}, None),
        ("https://bao.example/tac-gia/1", None),
        ([None, 7, True, {}], None),
    ],
)  # fmt: skip
def test_the_author_is_who_json_ld_names(author: object, handle: str | None) -> None:
    known = {"@type": "Person", "@id": "#tac-gia-1", "name": "Cẩm Lai"}
    assert page(ld({"@graph": [known, OWN | {"author": author}]})).handle == handle


def test_a_name_under_the_article_is_its_author_and_not_its_text() -> None:
    site = ld(OWN | {"author": {"@type": "Organization", "name": "Báo Mẫu"}})
    item = page(
        site, f"<p>{FIRST}</p><p>{SECOND}</p><p style='text-align:right'><strong>Hạ Miên</strong></p>"
    )
    assert item.handle == "Hạ Miên"
    assert "Hạ Miên" not in item.text


def test_an_author_shown_by_the_headline_is_taken_where_json_ld_names_none() -> None:
    item = page(beside='<p class="byline">Bài: <a rel="author" href="/tac-gia/ha-mien">Hạ Miên</a></p>')
    assert item.handle == "Hạ Miên"


@pytest.mark.parametrize(
    "script",
    [
        json.dumps(TOLD, ensure_ascii=False)[:-1] + ",}",
        "<!--\n" + json.dumps(TOLD, ensure_ascii=False) + ";\n//-->",
        "//<![CDATA[\n" + json.dumps(TOLD) + "\n//]]>",
        json.dumps(TOLD).replace('"', "&quot;"),
        json.dumps(TOLD, indent=1).replace('"headline": "', '"headline": "Ông nói "không" với '),
        json.dumps(TOLD, ensure_ascii=False).replace("mở lại", "mở\n\tlại").replace("Chợ", "\\'Chợ"),
    ],
    ids=["comma", "comment", "cdata", "entities", "quotes", "line-end"],
)
def test_broken_json_still_says_what_it_can(script: str) -> None:
    item = page(f'<script type="application/ld+json">{script}</script>')
    assert (item.published, item.facts["lead"]) == (datetime(2026, 11, 19, 1, 0, tzinfo=UTC), LEAD)


@pytest.mark.parametrize(
    ("head", "beside", "published"),
    [
        ('<meta property="article:published_time" content="2026-11-19T08:00:00">', "", "2026-11-19T08:00:00+07:00"),
        ('<meta itemprop="datePublished" content="2026-11-19T08:00:00Z">', "", "2026-11-19T08:00:00+00:00"),
        ('<meta name="pubdate" content="2026-11-19T08:00:00+07:00">', "", "2026-11-19T08:00:00+07:00"),
        ("", '<time datetime="2026-11-19T08:00:00+07:00">hôm qua</time>', "2026-11-19T08:00:00+07:00"),
        ("", "<div class='date'>Thứ năm, 19/11/2026, 08:00 (GMT+7)</div>", "2026-11-19T08:00:00+07:00"),
        ("", "<div><span>19/11/2026</span> <span>08:00</span></div>", "2026-11-19T08:00:00+07:00"),
        ("", "<p>Trong ngày 19/11 chợ lại mở cửa đón khách từ bốn giờ sáng đến chiều tối.</p>", None),
        ('<meta name="pubdate" content="hôm kia">', "<p>Cập nhật: 45/45/2026</p>", None),
    ],
)  # fmt: skip
def test_the_time_comes_from_the_metas_then_from_what_is_shown(
    head: str, beside: str, published: str | None
) -> None:
    found = page(head, beside=beside).published
    assert (found and found.isoformat()) == published


def test_a_change_before_the_publication_is_no_change() -> None:
    assert page(ld(OWN | {"dateModified": "2026-11-18T08:00:00+07:00"})).modified is None
    changed = page('<meta name="lastmod" content="2026-11-19T10:00:00+07:00">' + ld(OWN)).modified
    assert changed == datetime(2026, 11, 19, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "pointer",
    [
        '<p><strong>Xem thêm:</strong> <a href="/a">Tên bài khác</a></p>',
        '<p><a href="/a">&gt;&gt; Xem thêm: Tên bài khác</a></p>',
        '<p>&gt;&gt; <a href="/a">Tên bài khác</a> | <a href="/b">Tên bài khác nữa</a></p>',
        '<p><em>Đọc thêm: <a href="/a">Tên bài khác</a></em></p>',
        '<div class="x"><h3>Tin liên quan</h3></div><ul><li><a href="/a">Tên bài khác</a></li></ul>',
        '<p><b>Bài viết liên quan:</b></p><p><a href="/a">Tên bài khác</a></p><p><a href="/b">Tên bài khác nữa</a></p>',
    ],
)  # fmt: skip
def test_links_to_other_articles_are_not_the_text(pointer: str) -> None:
    item = page(body=f"<p>{FIRST}</p>{pointer}<p>{SECOND}</p>")
    assert item.text == f"{TITLE}\n\n{FIRST}\n\n{SECOND}"


def test_words_that_only_begin_like_a_pointer_are_kept() -> None:
    said = "Xem thêm hai lượt bốc thăm nữa, các tiểu thương mới yên tâm về chỗ bán, theo <a href='/a'>ban quản lý</a>."
    assert "Xem thêm hai lượt bốc thăm nữa" in page(body=f"<p>{FIRST}</p><p>{said}</p><p>{SECOND}</p>").text


def test_the_standfirst_is_a_fact_and_heads_a_body_that_lacks_it() -> None:
    item = page(f'<meta name="description" content="{LEAD}">')
    assert item.text == f"{TITLE}\n\n{LEAD}\n\n{FIRST}\n\n{SECOND}"
    assert item.facts == {"lead": LEAD}
    assert page(f'<meta name="description" content="{FIRST}">').text.count(FIRST) == 1
    assert "lead" not in page('<meta name="description" content="Sau mười ngày…">').facts


def test_the_name_of_the_site_is_no_part_of_the_headline() -> None:
    assert page(f'<meta property="og:title" content="{TITLE} | Báo Mẫu">').title == TITLE
    assert page('<meta property="og:title" content="Tên khác">').title == "Tên khác"


def test_the_section_is_the_last_of_the_trail_where_nothing_names_it() -> None:
    steps = [
        {"@type": "ListItem", "item": {"@id": "/", "name": name}} for name in ("Trang chủ", "Sức khỏe", TITLE)
    ]
    assert page(ld({"@type": "BreadcrumbList", "itemListElement": steps})).facts["section"] == "Sức khỏe"
    shown = (
        '<ul class="breadcrumb"><li><a href="/">Trang chủ</a></li><li><a href="/sk">Sức khỏe</a></li></ul>'
    )
    assert page(beside=shown).facts["section"] == "Sức khỏe"


def test_links_are_those_of_the_body_to_other_hosts() -> None:
    item = page(
        beside='<a href="https://chia-se.example/sharer?u=x">Chia sẻ</a>',
        body=f'<p>{FIRST} <a href="https://BO.example/cong-bo?utm_source=bao#muc">Theo bộ</a> <a href="/cung-bao">x</a></p>'
        f'<p>{SECOND} <a href="mailto:x@y.example">thư</a> <a href="https://[sai/">sai</a></p>'
        f'<p><a href="https://mang.example/share?u={URL}">Chia sẻ</a></p>',
    )
    assert item.facts["links"] == ["https://bo.example/cong-bo"]
    many = "".join(f'<a href="https://n{n}.example/">n</a>' for n in range(90))
    assert len(page(body=f"<p>{FIRST}</p><p>{SECOND} {many}</p>").facts["links"]) == 50


def test_media_are_absolute_addresses_of_what_the_article_shows() -> None:
    item = page(
        '<meta property="og:image" content="/anh/bia.jpg">'
        + ld(OWN | {"image": [{"@type": "ImageObject", "url": "https://anh.example/1.jpg"}, "data:image/gif;base64,AA"],
                    "video": {"@type": "VideoObject", "contentUrl": "https://phim.example/1.mp4"}}),
        body=f'<p>{FIRST}</p><figure><img src="data:image/gif;base64,AA" data-src="/anh/2.jpg"></figure><p>{SECOND}</p>'
        '<video><source src="https://phim.example/2.mp4"></video><iframe src="https://www.youtube.com/embed/x"></iframe>',
    )  # fmt: skip
    assert item.facts["media"] == [
        "https://bao.example/anh/bia.jpg",
        "https://anh.example/1.jpg",
        "https://phim.example/1.mp4",
        "https://bao.example/anh/2.jpg",
        "https://phim.example/2.mp4",
        "https://www.youtube.com/embed/x",
    ]


@pytest.mark.parametrize(
    ("said", "comments"),
    [
        ({"commentCount": 12}, 12),
        ({"commentCount": "0"}, 0),
        ({"commentCount": True}, None),
        ({"commentCount": -1}, None),
        ({"commentCount": "9" * 400}, None),
        ({"interactionStatistic": [
            {"interactionType": "https://schema.org/LikeAction", "userInteractionCount": 5},
            {"interactionType": {"@type": "CommentAction"}, "userInteractionCount": "31"}]}, 31),
    ],
)  # fmt: skip
def test_comments_are_a_count_or_nothing(said: dict[str, object], comments: int | None) -> None:
    assert page(ld(OWN | said)).facts.get("comments") == comments


def test_no_value_of_a_page_is_larger_than_it_may_be() -> None:
    long = "Dài " * 2_000
    item = page(
        ld(OWN | {"articleSection": long, "author": [f"{n} {long}" for n in range(99)], "description": long})
    )
    assert len(item.facts["section"]) <= 200
    assert len(item.facts["lead"]) <= 2000
    assert item.handle is not None
    assert len(item.handle) <= 200


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_KEYS = [
    *(
        "@id",
        "@graph",
        "headline",
        "description",
        "author",
        "image",
        "video",
        "articleSection",
        "name",
        "url",
    ),
    *("datePublished", "dateModified", "mainEntity", "mainEntityOfPage", "interactionStatistic", "item"),
    *("commentCount", "itemListElement"),
]


@settings(max_examples=80)
@given(st.dictionaries(st.sampled_from(_KEYS), _VALUES), st.sampled_from(["NewsArticle", "BreadcrumbList"]))
def test_json_ld_of_any_types_gives_facts_that_can_be_kept(node: dict[str, object], kind: str) -> None:
    item = page(ld(node | {"@type": kind}, OWN))
    assert json.loads(json.dumps(item.facts)) == item.facts
    assert item.text.startswith(item.title)


@settings(max_examples=60)
@given(
    st.binary(max_size=300)
    | st.text(max_size=300).map(lambda text: f"<article><p>{FIRST}</p>{text}".encode())
)
def test_no_bytes_make_the_reader_fail(body: bytes) -> None:
    try:
        read_article(Raw(body, URL, NOW))
    except Unreadable as error:
        assert str(error)


def test_json_ld_that_nests_without_end_is_passed_over() -> None:
    deep = f'<script type="application/ld+json">{"[" * 100_000}</script>'
    assert page(deep + ld(OWN)).published == datetime(2026, 11, 19, 1, 0, tzinfo=UTC)
