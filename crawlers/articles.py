"""Reads an article page: headline, standfirst and body, by trafilatura."""

from __future__ import annotations

from urllib.parse import urljoin

from lxml import html
from trafilatura import bare_extraction
from trafilatura.settings import Document, use_config

from crawlers.canonical import canonical_url, same_host
from crawlers.page import Item, Unreadable, decode, moment, tree
from store.text import fold, normalise

_CONFIG = use_config()
# A run must not hang on one page; and a short notice is still an article.
_CONFIG.set("DEFAULT", "EXTRACTION_TIMEOUT", "0")
_CONFIG.set("DEFAULT", "MIN_EXTRACTED_SIZE", "60")
_CONFIG.set("DEFAULT", "MIN_OUTPUT_SIZE", "20")
_DATES = (
    "//meta[@property='article:published_time']/@content",
    "//meta[@itemprop='datePublished']/@content",
    "//meta[@name='pubdate' or @name='publish-date']/@content",
    "//time[@datetime]/@datetime",
)
_STANDFIRSTS = ("//meta[@property='og:description']/@content", "//meta[@name='description']/@content")


def read_article(body: bytes, url: str, charset: str | None = None) -> Item:
    """Return the article on a page; raises `Unreadable` when there is none.

    `text` is the headline, the standfirst where the page body lacks it, and the body.
    """
    text = decode(body, charset)
    root = tree(text, url)
    try:
        found = bare_extraction(
            root,
            url=url,
            include_comments=False,
            include_tables=False,
            favor_precision=True,
            with_metadata=True,
            config=_CONFIG,
        )
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Unreadable(f"không trích được bài: {error}") from error
    if not isinstance(found, Document) or not (found.text or "").strip():
        raise Unreadable("trang không có bài viết")
    title = normalise(_first(root, ("//meta[@property='og:title']/@content",)) or found.title or "")
    paragraphs = [normalise(line) for line in str(found.text).split("\n")]
    paragraphs = [line for line in paragraphs if line and fold(line) != fold(title)]
    if paragraphs and _is_byline(paragraphs[-1]):
        paragraphs.pop()
    standfirst = normalise(_first(root, _STANDFIRSTS) or "")
    if standfirst and not standfirst.endswith(("...", "…")) and not _holds(paragraphs, standfirst):
        paragraphs.insert(0, standfirst)
    return Item(
        url=_canonical(root, url),
        anchor="",
        title=title,
        text="\n\n".join([title, *paragraphs] if title else paragraphs),
        handle=found.author or None,
        published=next((m for path in _DATES for value in _all(root, path) if (m := moment(value))), None),
    )


def _holds(paragraphs: list[str], standfirst: str) -> bool:
    opening = fold(standfirst)[:60]
    return any(opening in fold(line) for line in paragraphs)


def _is_byline(line: str) -> bool:
    """Say whether a last line is a name: an author is nowhere in what a reviewer sees."""
    said = line.strip("()").split()
    return 2 <= len(said) <= 6 and all(
        word.strip("-–,")[:1].isupper() for word in said if word not in {"-", "–"}
    )


def _canonical(root: html.HtmlElement, url: str) -> str:
    """Return the canonical URL that the page names, if it is of its own host, else that of `url`."""
    for named in _all(root, "//link[@rel='canonical']/@href"):
        try:
            if same_host(named, url):
                return canonical_url(urljoin(url, named))
        except ValueError:
            continue
    return canonical_url(url)


def _all(root: html.HtmlElement, path: str) -> list[str]:
    return [str(value) for value in root.xpath(path)]


def _first(root: html.HtmlElement, paths: tuple[str, ...]) -> str | None:
    return next((value for path in paths for value in _all(root, path) if value.strip()), None)
