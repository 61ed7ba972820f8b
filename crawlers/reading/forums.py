"""Reads forum pages, a message an item: see `dialects` for which software is known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from lxml import html

from crawlers.canonical import canonical_url, same_host
from crawlers.reading.dates import said
from crawlers.reading.dialects import DIALECTS, Dialect, path
from crawlers.reading.markup import tree_of, visible
from crawlers.reading.page import Item, Lead, Raw, Reading, Unreadable
from store.text import normalise
from store.vocabulary import PageRole, PostKind

MOST_LINKS = 50


@dataclass(frozen=True)
class _Page:
    """What all messages of a page have in common."""

    raw: Raw
    dialect: Dialect
    thread: str
    title: str
    section: str


def read_forum(raw: Raw) -> Reading:
    """Return the messages of a page of a thread, or the threads of a listing; raises `Unreadable`."""
    root = tree_of(raw)
    following = _following(root, raw.url)
    for dialect in DIALECTS:
        if messages := dialect.messages(root):
            page = _page(root, raw, dialect)
            if items := _items(messages, page):
                return Reading(items, (Lead(following, PageRole.THREAD, page.thread),) if following else ())
    for dialect in DIALECTS:
        if leads := _leads(root, raw, dialect):
            return Reading(leads=leads, older=following)
    raise Unreadable(f"không phải trang {', '.join(dialect.name for dialect in DIALECTS)}")


_NEXT = path(
    "(//a[.pageNav-jump--next or .js-pagenav-next-button or @rel='next'] | //link[@rel='next'])"
    "[@href and not(@data-page='0')]/@href"
)
# vBulletin shows a thread at the address of any of its messages too, which does not name the thread.
_NAMED = re.compile(r"[0-9]|.*\bt=[0-9]")
_ITSELF = path("//link[@rel='canonical']/@href | //a[@rel='next' or @rel='prev']/@href")


def _is_nameless(url: str) -> bool:
    _, script, asked = url.rpartition("/showthread.php?")
    return bool(script) and _NAMED.match(asked) is None


def _following(root: html.HtmlElement, url: str) -> str | None:
    here = url.partition("#")[0]
    return next((link for link in _local(_NEXT(root), url) if link.partition("#")[0] != here), None)


_TITLE = path("//title/text()")


def _page(root: html.HtmlElement, raw: Raw, dialect: Dialect) -> _Page:
    url = raw.url
    if _is_nameless(url):
        url = next((link for link in _local(_ITSELF(root), url) if not _is_nameless(link)), url)
    title = _line(dialect.title(root)) or _line(_TITLE(root))
    return _Page(raw, dialect, dialect.first_page(url), title, _line(dialect.section(root)))


def _local(links: Iterable[str], url: str) -> Iterator[str]:
    for link in links:
        try:
            if same_host(canonical_url(link), url):
                yield link
        except ValueError:
            continue


_ROW = path("ancestor::*[self::tr or .structItem or .node-extra][1]")
_TIMES = path(".//time/@datetime")


def _leads(root: html.HtmlElement, raw: Raw, dialect: Dialect) -> tuple[Lead, ...]:
    found: dict[str, Lead] = {}
    latest: dict[html.HtmlElement, datetime | None] = {}
    for link in dialect.threads(root):
        row = next(iter(_ROW(link)), link)
        if row not in latest:
            latest[row] = max(filter(None, (said(value, raw.at) for value in _TIMES(row))), default=None)
        for href in _local([link.get("href")], raw.url):
            thread = dialect.first_page(href)
            found.setdefault(thread, Lead(thread, PageRole.THREAD, published=latest[row]))
    return tuple(found.values())


_NUMBER = re.compile(r"(?:^|post[-_]?)([0-9]{1,20})$")


def _items(messages: Iterable[html.HtmlElement], page: _Page) -> tuple[Item, ...]:
    found = {}
    for message in messages:
        named = message.get("data-content") or message.get("data-node-id") or message.get("id") or ""
        number, bodies = _NUMBER.search(named), page.dialect.body(message)
        if number and bodies:
            anchor = page.dialect.anchor.format(number.group(1))
            # A message may be shown above the others too, cut short; its own place comes later.
            found[anchor] = _item(message, bodies[0], anchor, page)
    return tuple(found.values())


def _item(message: html.HtmlElement, body: html.HtmlElement, anchor: str, page: _Page) -> Item:
    dialect, raw = page.dialect, page.raw
    published, modified = (_moment(at(message), raw.at) for at in (dialect.published, dialect.modified))
    quotes = _taken_out(body, dialect)
    parent = next((url for quote in quotes if (url := dialect.answered(quote, page.thread))), None)
    facts = {"section": page.section, "links": _links(body, raw.url), "media": _media(body, raw.url)}
    return Item(
        url=page.thread,
        anchor=anchor,
        title=page.title,
        kind=PostKind.FORUM,
        text=_words(body, dialect),
        quotes=tuple(words for quote in quotes if (words := _words(quote, dialect))),
        handle=_line(map(_shown, dialect.handle(message)[:1])) or None,
        published=published,
        # Discourse says of every message when it was last changed.
        modified=modified if modified != published else None,
        position=_position(dialect.position(message)),
        parent=parent,
        facts={name: fact for name, fact in facts.items() if fact},
    )


_POSITION = re.compile(r"[0-9][0-9.,]{0,11}$")
# "Sửa lần cuối bởi X; 21-01-2019 lúc 10:34. Lý do: …"
_EDITED = re.compile(r";\s*(.{1,80}?)\.(?:\s|$)")


def _line(words: Iterable[str]) -> str:
    return " ".join(normalise("".join(words)).split())


def _shown(node: Any) -> str:
    return node if isinstance(node, str) else visible(node)


def _moment(found: Iterable[Any], now: datetime) -> datetime | None:
    for node in found:
        machine = () if isinstance(node, str) else (node.get("datetime"), node.get("title"))
        text = _shown(node)
        edited = _EDITED.search(text)
        for value in (*machine, edited.group(1) if edited else text):
            if value and (moment := said(value, now)):
                return moment
    return None


def _position(found: Iterable[str]) -> int | None:
    match = next((match for text in found if (match := _POSITION.search(text.strip()))), None)
    return int(re.sub(r"[.,]", "", match.group())) if match else None


def _taken_out(body: html.HtmlElement, dialect: Dialect) -> list[html.HtmlElement]:
    """Remove the quotes from `body` and return them, outermost only."""
    quotes: dict[html.HtmlElement, None] = {}
    for quote in dialect.quotes(body):
        if quotes.keys().isdisjoint(quote.iterancestors()):
            quotes[quote] = None
    for quote in quotes:
        quote.drop_tree()
    return list(quotes)


def _words(element: html.HtmlElement, dialect: Dialect) -> str:
    for node in dialect.unsaid(element):
        node.drop_tree()
    return normalise(visible(element))


_LINKS = path(".//a[@href and not(.lightbox)]/@href")
_MEDIA = path(".//*[self::img or self::video or self::source or self::iframe or @data-video-src]")
_SOURCES = ("data-url", "data-src", "data-video-src", "src")
_DECORATION = frozenset({"smilie", "inlineimg", "emoji", "avatar", "site-icon"})
_DECORATION_PATH = re.compile(r"/(?:smil(?:ie|ey)s|emojis?|(?:custom|user_)?avatars?)/", re.I)


def _links(body: html.HtmlElement, url: str) -> list[str]:
    """Return the addresses on other hosts that `body` links to, also through a redirect of its own host."""
    found = (_beyond(link, url) for link in _LINKS(body))
    return list(dict.fromkeys(link for link in found if link))[:MOST_LINKS]


def _beyond(link: str, url: str) -> str | None:
    try:
        if not same_host(link, url):
            return canonical_url(link)
        named = (value for _, value in parse_qsl(urlsplit(link).query) if value.startswith("http"))
        return next((canonical_url(value) for value in named if not same_host(value, url)), None)
    except ValueError:
        return None


def _media(body: html.HtmlElement, url: str) -> list[str]:
    found: dict[str, None] = {}
    for node in _MEDIA(body):
        if _DECORATION.isdisjoint((node.get("class") or "").split()):
            for value in filter(None, map(node.get, _SOURCES)):
                try:
                    source = canonical_url(urljoin(url, value))
                except ValueError:  # a placeholder, until a script puts the picture there
                    continue
                if not _DECORATION_PATH.search(source):
                    found[source] = None
                break
    return list(found)[:MOST_LINKS]
