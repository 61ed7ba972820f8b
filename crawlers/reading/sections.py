"""Reads the section pages of a news site or an authority: the articles that they lead to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from lxml import html

from crawlers.canonical import same_host
from crawlers.reading.feeds import web_address
from crawlers.reading.markup import tree_of, xpath
from crawlers.reading.page import Lead, Raw, Reading, Unreadable
from store.vocabulary import PageRole

_FEWEST = 3
_HEADLINE_WORDS = 4
_NAVIGATION = ("BreadcrumbList", "SiteNavigationElement")
_STRUCTURED = xpath("//script[@type='application/ld+json']")
_LINKS = xpath("//a[@href and not(ancestor::nav or ancestor::footer)]")
_NEXT = xpath(
    "(//link[@href] | //a[@href])[contains(concat(' ', @rel, ' '), ' next ')]/@href"
    " | //a[@href][ancestor-or-self::*[contains(@class, 'pag') or contains(@id, 'pag')]]"
    "[contains(concat(' ', @class), ' next') or contains(concat(@class, ' '), 'next ')"
    " or contains('|next|sau|trang sau|tiếp|tiếp theo|trang tiếp|›|»|>|>>|→|',"
    " concat('|', translate(normalize-space(.), 'AEGINOPRSTUXẾ', 'aeginoprstuxế'), '|'))]/@href"
)
# Ends in a number: `-4954454.html`, `.123456.ldo`, `-post1568.tpo`, or only the number.
_NUMBERED = re.compile(r"(?:^|[-./_])[a-z]{0,6}\d{4,}(?:\.[a-z]{2,5})?$")
_DATED = re.compile(r"/20\d\d/[01]?\d/.*[^/]")
_WORDED = re.compile(r"[^-]+(?:-[^-]+){3,}")
# By how the path of another kind of page begins.
_NO_ARTICLE = re.compile(
    r"/(?:tags?|tu-khoa|chu-de|su-kien|dong-su-kien|events?|topics?|category|chuyen-muc|authors?|tac-gia"
    r"|videos?|media|podcasts?|tim-kiem|search|login|dang-nhap|dang-ky|register|account|rss|lien-he|contact"
    r"|quang-cao|ads?)(?=[/.]|$)|.*-tags?\d+\.",
    re.I,
)


def read_section(raw: Raw) -> Reading:
    """Return the articles that a section page lists as data (schema.org), then those of its headlines.

    Raises `Unreadable` when there are fewer than three.
    """
    root, url = tree_of(raw), raw.url
    found = dict.fromkeys([*_listed(root, url), *_headlines(root, url)])
    found.pop(web_address(url, url) or "", None)
    if len(found) < _FEWEST:
        raise Unreadable(f"trang chuyên mục chỉ dẫn tới {len(found)} bài")
    following = (web_address(href, url) for href in _NEXT(root))
    return Reading(
        leads=tuple(Lead(article, PageRole.ARTICLE) for article in found),
        older=next((page for page in following if page and same_host(page, url)), None),
    )


def _listed(root: html.HtmlElement, base: str) -> Iterator[str]:
    for script in _STRUCTURED(root):
        try:
            named = list(_named(json.loads(script.text or "", strict=False), in_list=False))
        except (ValueError, RecursionError):
            continue
        yield from (url for said in named if (url := _article(said, base)))


def _named(data: Any, *, in_list: bool) -> Iterator[str]:
    """Return the addresses in the lists of structured data, in their order."""
    if isinstance(data, str) and in_list:
        yield data
    elif isinstance(data, list):
        for one in data:
            yield from _named(one, in_list=in_list)
    elif isinstance(data, dict) and data.get("@type") not in _NAVIGATION:
        if in_list:
            yield from _named(data.get("url") or data.get("item") or data.get("@id"), in_list=True)
        for key in ("itemListElement", "hasPart", "blogPost"):
            yield from _named(data.get(key), in_list=True)
        for key in ("mainEntity", "@graph"):
            yield from _named(data.get(key), in_list=False)


def _headlines(root: html.HtmlElement, base: str) -> list[str]:
    found: dict[str, bool] = {}
    for link in _LINKS(root):
        url = _article(link.get("href"), base)
        if (
            url is None
            or url in found
            or not (_is_headline(link.xpath("string()")) or _is_headline(link.get("title")))
        ):
            continue
        path = urlsplit(url).path
        numbered = _NUMBERED.search(path) is not None or _DATED.search(path) is not None
        if numbered or _WORDED.fullmatch(path.rstrip("/").rpartition("/")[2]):
            found[url] = numbered
    # A site numbers all its articles or none: where it does, a wordy address without a number is a section.
    worded = 2 * sum(found.values()) < len(found)
    return [url for url, numbered in found.items() if numbered or worded]


def _is_headline(text: str | None) -> bool:
    return len((text or "").split()) >= _HEADLINE_WORDS


def _article(href: str, base: str) -> str | None:
    """Return the canonical URL of a link within the host that may lead to an article."""
    url = web_address(href, base)
    if url is None or not same_host(url, base):
        return None
    path = urlsplit(url).path
    return None if path == "/" or _NO_ARTICLE.match(path) else url
