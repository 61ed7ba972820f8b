"""Reads forum pages, a message an item: XenForo 2 and vBulletin 3."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from lxml import html

from crawlers.canonical import same_host, thread_url
from crawlers.page import VIETNAM, Item, Unreadable, decode, moment, tree, visible
from store.text import normalise

_XENFORO_POST = "//article[contains(concat(' ', @class, ' '), ' message--post ')]"
_XENFORO_QUOTE = ".//blockquote[contains(@class, 'bbCodeBlock--quote')]"
_XENFORO_LINK = (
    "//*[contains(@class, 'structItem-title')]//a[@href and not(contains(@class, 'labelLink'))]"
    " | //a[contains(@class, 'node-extra-title') and @href]"
)
_VBULLETIN_POST = "//table[starts-with(@id, 'post') and number(substring-after(@id, 'post')) > 0]"
_VBULLETIN_QUOTE = (
    ".//div[div[contains(@class, 'smallfont') and starts-with(normalize-space(.), 'Quote')] and table]"
)
_VBULLETIN_LINK = "//a[starts-with(@id, 'thread_title_') and @href]"
_VBULLETIN_TIME = re.compile(r"(\d{2})-(\d{2})-(\d{4}), (\d{2}):(\d{2})")
_NEXT = "//a[contains(@class, 'pageNav-jump--next') or @rel='next']/@href | //link[@rel='next']/@href"


@dataclass(frozen=True)
class ForumPage:
    """A page of a forum: the messages of a thread, or links to threads; and the page after it."""

    items: tuple[Item, ...]
    threads: tuple[str, ...]
    next_page: str | None


def read_forum(body: bytes, url: str, charset: str | None = None) -> ForumPage:
    """Return what a forum page holds; raises `Unreadable` when it is of no known kind."""
    root = tree(decode(body, charset), url)
    title = _title(root)
    items = tuple(_xenforo(root, url, title)) or tuple(_vbulletin(root, url, title))
    threads = [] if items else _threads(root, url)
    if not items and not threads:
        raise Unreadable("không phải trang XenForo 2 hay vBulletin 3")
    following = next((str(href) for href in root.xpath(_NEXT) if same_host(str(href), url)), None)
    return ForumPage(items, tuple(threads), following)


def _title(root: html.HtmlElement) -> str:
    headings = root.xpath(
        "//h1[contains(@class, 'p-title-value')] | //td[contains(@class, 'navbar')]//strong"
    )
    found = [visible(heading) for heading in headings] + [str(root.xpath("string(//title)"))]
    return next((normalise(text).split("\n")[0] for text in found if text.strip()), "")


def _xenforo(root: html.HtmlElement, url: str, title: str) -> Iterator[Item]:
    for post in root.xpath(_XENFORO_POST):
        number = re.sub(r"\D", "", post.get("data-content") or post.get("id") or "")
        bodies = post.xpath(".//*[contains(@class, 'message-body')]//*[contains(@class, 'bbWrapper')]")
        if not number or not bodies:
            continue
        quotes = _taken_out(
            bodies[0], _XENFORO_QUOTE, (".//*[contains(@class, 'bbCodeBlock-expandContent')]",)
        )
        times = post.xpath(".//time[@datetime]/@datetime")
        yield Item(
            url=thread_url(url),
            anchor=f"post-{number}",
            title=title,
            text=normalise(visible(bodies[0])),
            handle=post.get("data-author") or None,
            published=moment(str(times[0])) if times else None,
            quotes=quotes,
        )


def _vbulletin(root: html.HtmlElement, url: str, title: str) -> Iterator[Item]:
    for post in root.xpath(_VBULLETIN_POST):
        number = post.get("id").removeprefix("post")
        bodies = post.xpath(f".//div[@id='post_message_{number}']")
        if not bodies:
            continue
        quotes = _taken_out(bodies[0], _VBULLETIN_QUOTE, (".//td/div[2]", ".//td"))
        authors = post.xpath(".//a[contains(@class, 'bigusername')]")
        heads = post.xpath(".//td[contains(@class, 'thead')]")
        yield Item(
            url=thread_url(url),
            anchor=f"post{number}",
            title=title,
            text=normalise(visible(bodies[0])),
            handle=normalise(visible(authors[0])) or None if authors else None,
            published=_vbulletin_time(visible(heads[0])) if heads else None,
            quotes=quotes,
        )


def _taken_out(body: html.HtmlElement, quote_path: str, words_paths: tuple[str, ...]) -> tuple[str, ...]:
    """Remove the quotes from `body` and return their words, without who said them; outermost only."""
    quotes: list[html.HtmlElement] = []
    for quote in body.xpath(quote_path):
        if not any(ancestor in quotes for ancestor in quote.iterancestors()):
            quotes.append(quote)
    said = []
    for quote in quotes:
        words = next((found[0] for path in words_paths if (found := quote.xpath(path))), quote)
        said.append(normalise(visible(words)))
        quote.drop_tree()
    return tuple(text for text in said if text)


def _vbulletin_time(head: str) -> datetime | None:
    match = _VBULLETIN_TIME.search(head)
    if match is None:
        return None
    day, month, year, hour, minute = map(int, match.groups())
    try:
        return datetime(year, month, day, hour, minute, tzinfo=VIETNAM).astimezone(UTC)
    except ValueError:
        return None


def _threads(root: html.HtmlElement, url: str) -> list[str]:
    found = []
    for link in (*root.xpath(_XENFORO_LINK), *root.xpath(_VBULLETIN_LINK)):
        href = link.get("href")
        try:
            if same_host(href, url):
                found.append(thread_url(href))
        except ValueError:
            continue
    return list(dict.fromkeys(found))
