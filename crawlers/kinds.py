"""The kinds of source: which address is asked, by which right, and how each of their pages is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from crawlers.canonical import canonical_url
from crawlers.reading import facebook, telegram, youtube
from crawlers.reading.articles import read_article
from crawlers.reading.blogs import read_blog
from crawlers.reading.facebook import read_facebook
from crawlers.reading.feeds import is_feed, read_feed
from crawlers.reading.forums import read_forum
from crawlers.reading.page import Raw, Reader, Reading, Unreadable
from crawlers.reading.sections import read_section
from crawlers.reading.sitemaps import read_sitemap
from crawlers.reading.telegram import read_telegram
from crawlers.reading.youtube import read_youtube
from store.tables import Source
from store.vocabulary import PageRole, SourceKind


@dataclass(frozen=True)
class Credential:
    """How an official interface is asked: by its terms, with a key in a header and never in an address."""

    header: str
    before: str = ""


@dataclass(frozen=True)
class Kind:
    """How a kind of source is crawled.

    `root` reads the page that the source is asked at, and whatever `others` has no reader for; `address`
    turns the address that people know into the one that is asked, raising `ValueError` where it is none.
    What has a `credential` is an official interface, whose terms stand in the place of robots.txt.
    """

    root: Reader
    others: Mapping[PageRole, Reader] = field(default_factory=dict)
    address: Callable[[str], str] = canonical_url
    credential: Credential | None = None

    def reader(self, role: PageRole) -> Reader:
        """Return what reads a page of `role`."""
        return self.others.get(role, self.root)


_ARTICLES = {PageRole.ARTICLE: read_article}

KINDS: dict[SourceKind, Kind] = {
    SourceKind.FEED: Kind(read_feed, _ARTICLES),
    SourceKind.SITEMAP: Kind(read_sitemap, _ARTICLES),
    SourceKind.SITE: Kind(read_section, _ARTICLES),
    SourceKind.FORUM: Kind(read_forum),
    SourceKind.BLOG: Kind(read_blog, _ARTICLES),
    SourceKind.TELEGRAM: Kind(read_telegram, address=telegram.address),
    SourceKind.YOUTUBE: Kind(read_youtube, address=youtube.address, credential=Credential("X-Goog-Api-Key")),
    SourceKind.FACEBOOK: Kind(
        read_facebook, address=facebook.address, credential=Credential("Authorization", "Bearer ")
    ),
}


def address(source: Source) -> str:
    """Return the address that a source is asked at; raises `ValueError` where it has none."""
    return KINDS[SourceKind(source.kind)].address(source.url or "")


# The most telling first: a forum has links to what might be articles, a sitemap may be a feed.
_DETECTED = (
    SourceKind.TELEGRAM, SourceKind.FORUM, SourceKind.FEED, SourceKind.SITEMAP, SourceKind.SITE,
)  # fmt: skip


_HOSTS = {
    "t.me": SourceKind.TELEGRAM,
    "telegram.me": SourceKind.TELEGRAM,
    "youtube.com": SourceKind.YOUTUBE,
    "youtu.be": SourceKind.YOUTUBE,
    "facebook.com": SourceKind.FACEBOOK,
}


def kind_of(url: str) -> SourceKind | None:
    """Return the kind of source that an address alone tells; None where its page must be read."""
    host = (urlsplit(url).hostname or "").removeprefix("www.").removeprefix("m.")
    return _HOSTS.get(host)


def detect(raw: Raw) -> tuple[SourceKind, Reading]:
    """Return the kind of source that a page seems to be, with what it reads; raises `Unreadable`."""
    for kind in _DETECTED:
        try:
            reading = KINDS[kind].root(raw)
        except Unreadable:
            continue
        if kind == SourceKind.FEED and is_feed(raw.body):
            # A feed that holds its posts whole is a blog's.
            blog = read_blog(raw)
            if blog.items:
                return SourceKind.BLOG, blog
        if reading.items or reading.leads:
            return kind, reading
    raise Unreadable("không phải nguồn thuộc loại nào đã biết")


def read_any(raw: Raw) -> Reading:
    """Return what a page of no known source holds: a forum's, a Telegram preview, a feed or an article.

    A page that says no time of itself and leads to articles is a section of a site. Raises `Unreadable`.
    """
    if is_feed(raw.body):
        return read_blog(raw)
    for read in (read_forum, read_telegram):
        try:
            return read(raw)
        except Unreadable:
            continue
    reading = read_article(raw)
    if all(item.published is None for item in reading.items):
        with suppress(Unreadable):
            return read_section(raw)
    return reading
