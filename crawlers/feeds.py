"""Reads RSS and Atom feeds."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO

import feedparser

from crawlers.canonical import canonical_url
from crawlers.page import LARGEST, Unreadable


@dataclass(frozen=True)
class FeedItem:
    """One entry of a feed."""

    url: str
    title: str
    published: datetime | None


def read_feed(body: bytes) -> tuple[FeedItem, ...]:
    """Return the entries of a feed, each URL once; raises `Unreadable` when it is no feed."""
    if len(body) > LARGEST:
        raise Unreadable(f"nguồn tin dài {len(body)} byte, quá {LARGEST}")
    try:
        # feedparser is given bytes it may not take for an address to fetch or a file to open.
        feed = feedparser.parse(BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
    except (ValueError, TypeError, AttributeError, IndexError, KeyError, RecursionError) as error:
        raise Unreadable(f"không đọc được nguồn tin: {error}") from error
    if not feed.entries and not feed.get("version"):
        raise Unreadable("không phải RSS hay Atom")
    found: dict[str, FeedItem] = {}
    for entry in feed.entries:
        try:
            url = canonical_url(str(entry.get("link", "")))
        except ValueError:
            continue
        moment = entry.get("published_parsed") or entry.get("updated_parsed")
        published = datetime.fromtimestamp(calendar.timegm(moment), UTC) if moment else None
        found.setdefault(url, FeedItem(url, str(entry.get("title", "")), published))
    return tuple(found.values())
