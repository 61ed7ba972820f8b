"""Reads feeds: RSS and Atom by feedparser, JSON Feed (jsonfeed.org), and pages that name their feeds."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable
from datetime import datetime
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import Any
from urllib.parse import urljoin

import feedparser
from lxml import html

from crawlers.canonical import canonical_url, same_host
from crawlers.reading.charset import decode
from crawlers.reading.dates import moment
from crawlers.reading.markup import tree_of, xpath
from crawlers.reading.page import Lead, Raw, Reading, Unreadable
from store.text import normalise
from store.vocabulary import PageRole

_ROOT = re.compile(rb"<(?:[\w.-]+:)?(?:(rss|feed|entry|rdf|channel)|html|head|body)[\s/>]", re.I)
_START = 8192
# Some three seconds of feedparser's time a million bytes, at worst.
_LARGEST_FEED = 5_000_000
_DECLARED = re.compile(rb"""\s*<\?xml[^>]{1,100}?encoding\s*=\s*["']([a-zA-Z0-9_-]{2,40})["']""")
_ENTITY = re.compile(r"<!ENTITY[^>]*>?", re.I)
_FEED_TYPES = ("application/atom+xml", "application/rss+xml", "application/feed+json")
_FEED_LINKS = xpath("//link[@href and @type and contains(concat(' ', @rel, ' '), ' alternate ')]")
_OF_COMMENTS = re.compile(r"comments?\b|bình luận|phản hồi|nhận xét", re.I)
# Not a time zone of RFC 822, but much used for that of Vietnam.
_FROM_GMT = re.compile(r"(?:GMT|UTC)\s*([+-])(\d{1,2}):?(\d{2})?$")


def read_feed(raw: Raw) -> Reading:
    """Return the articles that a feed leads to, each once; of a page, the feeds of its host that it names.

    Raises `Unreadable` for what is neither.
    """
    if is_feed(raw.body):
        entries = parsed(raw).entries
        return _articles((web_address(str(one.get("link", "")), raw.url), published(one)) for one in entries)
    if raw.body.lstrip(codecs.BOM_UTF8 + b" \t\r\n")[:1] == b"{":
        return _json_feed(raw)
    found = _named(tree_of(raw), raw.url)
    if not found:
        raise Unreadable("không phải nguồn tin, cũng không nêu nguồn tin nào")
    return Reading(leads=tuple(Lead(url, PageRole.LISTING) for url in found))


def is_feed(body: bytes) -> bool:
    """Say whether the outermost element of a page is one of RSS or Atom."""
    root = _ROOT.search(body[:_START].replace(b"\0", b""))
    return root is not None and root.group(1) is not None


def parsed(raw: Raw) -> Any:
    """Return an RSS or Atom feed as feedparser has it, with absolute links; raises `Unreadable`."""
    if len(raw.body) > _LARGEST_FEED:
        raise Unreadable(f"nguồn tin dài {len(raw.body)} byte, quá {_LARGEST_FEED}")
    headers = {"content-type": "application/xml; charset=utf-8", "content-location": raw.url}
    try:
        feed = feedparser.parse(
            # feedparser is given bytes it may not take for an address to fetch or a file to open.
            BytesIO(xml_text(raw).encode()),
            response_headers=headers,
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except (ValueError, TypeError, AttributeError, LookupError, RuntimeError, AssertionError) as error:
        raise Unreadable(f"không đọc được nguồn tin: {error}") from error
    if not feed.entries and not feed.get("version"):
        raise Unreadable("không phải RSS hay Atom")
    return feed


def xml_text(raw: Raw) -> str:
    """Return an XML page as text, without entities of its own; raises `Unreadable` where it is too long."""
    declared = _DECLARED.match(raw.body)
    charset = raw.charset or (declared.group(1).decode() if declared else None)
    return _ENTITY.sub("", decode(raw.body, charset))


def web_address(href: str, base: str) -> str | None:
    """Return the canonical form of a link on the page `base`; None when it leads to no web page."""
    try:
        return canonical_url(urljoin(base, normalise(href))) if href else None
    except ValueError:
        return None


def published(entry: Any) -> datetime | None:
    """Return when an entry was published, or last changed where it says only that."""
    return said_time(entry, "published") or said_time(entry, "updated")


def said_time(entry: Any, name: str) -> datetime | None:
    """Return a time that an entry says, in the manner of Atom or of RSS, in Vietnam's zone if it has none."""
    said = str(entry[name]).strip() if name in entry else ""
    zoned = _FROM_GMT.sub(lambda zone: f"{zone[1]}{zone[2]:0>2}{zone[3] or '00'}", said)
    try:
        return moment(said) or moment(parsedate_to_datetime(zoned).isoformat())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _json_feed(raw: Raw) -> Reading:
    try:
        feed = json.loads(xml_text(raw))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"JSON hỏng: {error}") from error
    entries = feed.get("items")
    if "jsonfeed.org/version" not in str(feed.get("version")) or not isinstance(entries, list):
        raise Unreadable("không phải JSON Feed")
    return _articles(
        (
            web_address(str(entry.get("url") or ""), raw.url),
            moment(str(entry.get("date_published") or entry.get("date_modified") or "")),
        )
        for entry in entries
        if isinstance(entry, dict)
    )


def _articles(found: Iterable[tuple[str | None, datetime | None]]) -> Reading:
    leads: dict[str, Lead] = {}
    for url, when in found:
        if url is not None:
            leads.setdefault(url, Lead(url, PageRole.ARTICLE, published=when))
    return Reading(leads=tuple(leads.values()))


def _named(root: html.HtmlElement, url: str) -> list[str]:
    """Return the feeds of the page's own host that it names, without those of comments; Atom first."""
    found: list[tuple[int, str]] = []
    for link in _FEED_LINKS(root):
        media_type, href = link.get("type").split(";")[0].strip().lower(), link.get("href")
        address = web_address(href, url)
        if media_type not in _FEED_TYPES or address is None or not same_host(address, url):
            continue
        if not _OF_COMMENTS.search(f"{address} {normalise(link.get('title') or '')}"):
            found.append((_FEED_TYPES.index(media_type), address))
    return list(dict.fromkeys(address for _, address in sorted(found, key=lambda one: one[0])))
