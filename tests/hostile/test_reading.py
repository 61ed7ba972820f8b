"""A page that carries a hostile text, as markup or as words: what is read of it is words, and links of the web."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from html import escape

import pytest

from crawlers.reading.articles import read_article
from crawlers.reading.blogs import read_blog
from crawlers.reading.forums import read_forum
from crawlers.reading.page import Item, Raw, Unreadable
from store.text import normalise
from tests.crawlers.test_blogs import BLOG, atom, post
from tests.crawlers.test_forums import TIME, XENFORO, XENFORO_URL
from tests.hostile.corpus import EVERY
from tests.hostile.harmless import in_record

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
URL = "https://bao.example/suc-khoe/cho-mo-lai-17.html"
WORDS = (
    "Sáng nay chợ Bãi Sậy mở cửa trở lại sau mười ngày nghỉ để khử khuẩn, tiểu thương vui mừng dọn hàng từ sớm.",
    "Ban quản lý nhắc mọi người đeo khẩu trang và rửa tay ở cổng chợ, nơi có sẵn hai bồn nước và xà phòng.",
)


def article(text: str) -> Raw:
    data = json.dumps({"@type": "NewsArticle", "headline": text, "url": text, "author": {"name": text}})
    page = (
        f"<!doctype html><html><head><meta charset=utf-8><title>{text}</title><link rel=canonical href='{text}'>"
        f"<meta property=og:title content='{text}'><script type=application/ld+json>{data}</script></head><body>"
        f"<article><h1>{text}</h1><p>{WORDS[0]}</p><p>{text}</p><p>{WORDS[1]}</p>"
        f"<p><a href='{text}'>xem</a><img src='{text}'></p></article></body></html>"
    )
    return Raw(page.encode("utf-8", "surrogatepass"), URL, NOW)


def forum(text: str) -> Raw:
    """Return a page of a thread whose title, message, quote, author and links are the text."""
    page = XENFORO.format(time=TIME, source="post: 4")
    for said in (">Ăn tỏi<", ">Tỏi chữa được<", "Không đúng ", ">đây<"):
        page = page.replace(said, said.replace(said.strip("<>"), text + " "))
    for link in (
        "https://yte.example/toi?utm_source=f",
        "https://who.example/x",
        "https://anh.example/toi.png",
    ):
        page = page.replace(link, text)
    return Raw(page.replace("bình", text).encode("utf-8", "surrogatepass"), XENFORO_URL, NOW)


def blog(text: str) -> Raw:
    """Return a feed of a blog whose post, quote and links are the text."""
    content = (
        f"<p>{WORDS[0]} {text}</p><blockquote>{text}</blockquote><a href='{text}'>x</a><img src='{text}'>"
    )
    return Raw(
        atom(post(content=content)).encode("utf-8", "surrogatepass"), f"{BLOG}/feeds/posts/default", NOW
    )


PAGES = ((read_article, article), (read_forum, forum), (read_blog, blog))


def items(text: str) -> list[Item]:
    found: list[Item] = []
    for read, made in PAGES:
        try:
            found += read(made(text)).items  # type: ignore[operator]
        except Unreadable as error:
            assert str(error)
    return found


@pytest.mark.parametrize("as_words", [True, False], ids=["words", "markup"])
def test_what_is_read_of_a_page_is_words_and_links_of_the_web(as_words: bool) -> None:
    read = 0
    for name, text in EVERY.items():
        for item in items(escape(text) if as_words else text):
            read += 1
            assert not in_record(item), name
    # A page that the text broke before its post is no page; most give their post all the same.
    assert read > 2.5 * len(EVERY)


def test_a_text_that_a_page_shows_is_kept_as_it_is_shown() -> None:
    for name, text in EVERY.items():
        first = items(escape(text))[0]
        shown = normalise(text)
        assert all(word in first.text for word in shown.split() if word.isalnum()), name
