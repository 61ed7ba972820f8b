"""Reads an article page: the body by trafilatura, the rest by what the page says of itself and shows."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import urljoin

from lxml import html
from trafilatura import bare_extraction
from trafilatura.settings import Document, use_config

from crawlers.canonical import canonical_url, same_host
from crawlers.reading.article_body import body_of, drop_pointers, is_name, links, media, signature
from crawlers.reading.dates import moment, said
from crawlers.reading.linked_data import Described, described
from crawlers.reading.markup import tree_of, visible, xpath
from crawlers.reading.page import Item, Raw, Reading, Unreadable
from store.text import fold, normalise

_CONFIG = use_config()
# A run must not hang on one page; and a short notice is still an article.
_CONFIG.set("DEFAULT", "EXTRACTION_TIMEOUT", "0")
_CONFIG.set("DEFAULT", "MIN_EXTRACTED_SIZE", "60")
_CONFIG.set("DEFAULT", "MIN_OUTPUT_SIZE", "20")
_PUBLISHED = (
    "article:published_time",
    "og:article:published_time",
    "datepublished",
    "pubdate",
    "publish-date",
)
_MODIFIED = ("article:modified_time", "og:updated_time", "datemodified", "lastmod")
_PUBLISHED_AT = xpath("//*[@itemprop='datePublished']/@datetime | //time[@datetime]/@datetime")
_MODIFIED_AT = xpath("//*[@itemprop='dateModified']/@datetime")
_AUTHORS = ("dable:author", "article:author", "author")
_SECTIONS = ("article:section", "articlesection")
_MEDIA = ("og:image", "og:image:url", "og:video", "og:video:url")
_BYLINES = xpath("//*[@rel='author' or @itemprop='author']")
_TRAIL = xpath("(//*[contains(@class, 'breadcrumb')])[1]//a")
_HEADINGS = xpath("//h1")
_BESIDE = (xpath("following::*[position() <= 40]"), xpath("preceding::*[position() <= 12]"))
_CANONICAL = xpath("//link[@rel='canonical']/@href")
_DAY = re.compile(r"[0-9] ?[-/.] ?[0-9]|\btháng\b|\btrước\b|\bhôm\b", re.I)
_SITE = re.compile(r"\s*[-–—|•·:].{1,60}")

Metas = dict[str, list[str]]


def read_article(raw: Raw) -> Reading:
    """Return the article on a page; raises `Unreadable` when there is none.

    `text` is the headline, the standfirst where the page body lacks it, and the body. JSON-LD is believed
    before the metas, and these before what the page shows.
    """
    root = tree_of(raw)
    metas, url = _metas(root), _canonical(root, raw.url)
    title = _title(root, metas)
    data = described(root, (raw.url, url), title)
    title = title or data.headline or normalise(str(root.xpath("string(//title)")))
    drop_pointers(root)
    paragraphs = [line for line in _paragraphs(root, raw.url) if fold(line) != fold(title)]
    body = body_of(root, paragraphs)
    signed = paragraphs.pop() if paragraphs and is_name(paragraphs[-1]) else ""
    authors = _authors(root, metas, data, signed or (signature(body) if body else ""))
    names = {fold(name) for name in authors}
    # An author is nowhere in what a reviewer sees.
    paragraphs = [line for line in paragraphs if fold(line) not in names]
    lead = _lead(metas, data, title)
    if lead and not _holds(paragraphs, lead):
        paragraphs.insert(0, lead)
    published = _moment((data.published, *_all(metas, _PUBLISHED), *_PUBLISHED_AT(root)))
    published = published or _shown_time(root, raw.at)
    modified = _moment((data.modified, *_all(metas, _MODIFIED), *_MODIFIED_AT(root)))
    item = Item(
        url=url,
        anchor="",
        title=title,
        text="\n\n".join([title, *paragraphs] if title else paragraphs),
        handle=", ".join(authors)[:200] or None,
        published=published,
        modified=modified if modified and not (published and modified < published) else None,
        facts=_facts(
            lead=lead,
            section=_section(root, metas, data, title),
            links=links(body, raw.url) if body else [],
            media=media(body, (*_all(metas, _MEDIA), *data.media), raw.url),
            comments=data.comments,
        ),
    )
    return Reading((item,))


def _paragraphs(root: html.HtmlElement, url: str) -> Iterator[str]:
    try:
        found = bare_extraction(
            root,
            url=url,
            include_comments=False,
            include_tables=False,
            favor_precision=True,
            config=_CONFIG,
        )
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Unreadable(f"không trích được bài: {error}") from error
    if not isinstance(found, Document) or not (found.text or "").strip():
        raise Unreadable("trang không có bài viết")
    lines = (normalise(line) for line in str(found.text).split("\n"))
    return (line for line in lines if line and not line.startswith((">>", "»")))


def _metas(root: html.HtmlElement) -> Metas:
    found: Metas = defaultdict(list)
    for meta in root.iter("meta"):
        if content := (meta.get("content") or "").strip():
            for key in {meta.get("property"), meta.get("name"), meta.get("itemprop")} - {None}:
                found[str(key).lower()].append(content[:2000])
    return found


def _all(metas: Metas, names: Iterable[str]) -> list[str]:
    return [value for name in names for value in metas.get(name, ())]


def _first(values: Iterable[str]) -> str:
    return next((line for value in values if (line := normalise(value).replace("\n", " "))), "")


def _title(root: html.HtmlElement, metas: Metas) -> str:
    named = _first(_all(metas, ("og:title",)))
    shown = max(
        (normalise(visible(heading)).replace("\n", " ") for heading in _HEADINGS(root)), key=len, default=""
    )
    # Some sites put their own name after the headline that they show.
    is_shown = shown and named.startswith(shown) and _SITE.fullmatch(named[len(shown) :])
    return shown if is_shown or not named else named


def _lead(metas: Metas, data: Described, title: str) -> str:
    said = (*_all(metas, ("og:description",)), data.description, *_all(metas, ("description",)))
    lead = _first(said)
    return "" if lead.endswith(("...", "…")) or fold(lead) == fold(title) else lead


def _holds(paragraphs: list[str], lead: str) -> bool:
    opening = fold(lead)[:60]
    return any(opening in fold(line) for line in paragraphs)


def _authors(root: html.HtmlElement, metas: Metas, data: Described, signed: str) -> tuple[str, ...]:
    """Return who wrote the article, people before organisations: a site often names itself in their place."""
    shown = (visible(byline) for byline in _BYLINES(root))
    for names in (data.people, (signed,), shown, data.organisations, _all(metas, _AUTHORS)):
        lines = (normalise(name).replace("\n", " ")[:100] for name in names)
        if found := tuple(dict.fromkeys(line for line in lines if line and "://" not in line)):
            return found[:20]
    return ()


def _section(root: html.HtmlElement, metas: Metas, data: Described, title: str) -> str:
    trail = [normalise(visible(step)) for step in _TRAIL(root)[:20]]
    shown = trail[-1] if len(trail) > 1 and fold(trail[-1]) != fold(title) else ""
    return _first((data.section, *_all(metas, _SECTIONS), data.trail, shown))[:200]


def _moment(values: Iterable[str]) -> datetime | None:
    return next((found for value in values if (found := moment(value))), None)


def _shown_time(root: html.HtmlElement, now: datetime) -> datetime | None:
    """Return the time that stands in a few words near the headline: after it, or else just before it."""
    for heading in _HEADINGS(root)[:3]:
        for beside in _BESIDE:
            for element in beside(heading):
                parts = list(islice(element.itertext(), 12))
                words = " ".join(parts).split() if len(parts) < 12 else []
                line = " ".join(words[:11])
                if len(words) <= 10 and _DAY.search(line[:81]) and (found := said(line, now)):
                    return found
    return None


def _facts(**known: Any) -> dict[str, Any]:
    return {name: value for name, value in known.items() if value not in ("", [], None)}


def _canonical(root: html.HtmlElement, url: str) -> str:
    """Return the canonical URL that the page names, if it is of its own host, else that of `url`."""
    for named in _CANONICAL(root):
        try:
            if same_host(named, url):
                return canonical_url(urljoin(url, named))
        except ValueError:
            continue
    return canonical_url(url)
