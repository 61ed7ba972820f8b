"""Renders the pages of the sample site: a path in, a page out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from crawlers.sample_site.content import Article, Thread, articles, threads

PER_PAGE = 10
# One article lies where robots.txt forbids, and the feed links to it: a crawler must leave it alone.
FORBIDDEN = "/noi-bo/"
FORBIDDEN_SLUG = "lich-cat-dien-phuong-ben-nuoc"

_THREAD = re.compile(r"^/dien-dan/chu-de/([a-z0-9-]+)\.([0-9]{1,9})/(?:page-([0-9]{1,4}))?$")


@dataclass(frozen=True)
class Page:
    """What the site answers; `modified` is when the newest thing on the page was published."""

    status: int
    content_type: str
    body: bytes
    modified: datetime

    @property
    def etag(self) -> str:
        """The entity tag: the same bytes have the same one."""
        return f'"{hashlib.sha256(self.body).hexdigest()[:24]}"'

    @property
    def last_modified(self) -> str:
        """`modified` as an HTTP date."""
        return format_datetime(self.modified.astimezone(UTC), usegmt=True)


def render(path: str, base_url: str) -> Page:
    """Return the page at `path`; one that is not there has status 404."""
    base = base_url.rstrip("/")
    fixed = _FIXED.get(path)
    if fixed is not None:
        return fixed(base)
    if article := next((a for a in articles() if path_of(a.slug) == path), None):
        return article_page(article, base)
    if match := _THREAD.match(path):
        slug, number, page = match.group(1), int(match.group(2)), int(match.group(3) or 1)
        thread = next((t for t in threads() if (t.slug, t.id) == (slug, number)), None)
        return thread_page(thread, page, base) if thread else _missing(base)
    return _missing(base)


def path_of(slug: str) -> str:
    """Return the path of an article."""
    return f"{FORBIDDEN if slug == FORBIDDEN_SLUG else '/bai/'}{slug}.html"


def article_page(article: Article, base: str) -> Page:
    """Return the page of an article, with links to some of the other articles."""
    others = [a for a in articles() if a.slug != article.slug]
    related = [a for a in others if a.act == article.act][:4]
    return _page(
        "article.html", base, modified=article.published, article=article, related=related, newest=others[:5]
    )


def thread_page(thread: Thread, page: int, base: str) -> Page:
    """Return a page of a thread, `PER_PAGE` messages long; pages are counted from 1."""
    last = -(-len(thread.messages) // PER_PAGE)
    if not 1 <= page <= last:
        return _missing(base)
    shown = thread.messages[(page - 1) * PER_PAGE : page * PER_PAGE]
    return _page(
        "thread.html",
        base,
        modified=shown[-1].published,
        thread=thread,
        messages=shown,
        by_id={message.id: message for message in thread.messages},
        page=page,
        last=last,
    )


def _missing(base: str) -> Page:
    return _page("missing.html", base, status=404)


def _plain(media_type: str, text: str) -> Page:
    return Page(200, f"{media_type}; charset=utf-8", text.encode(), _newest())


def _page(
    name: str,
    base: str,
    *,
    status: int = 200,
    media_type: str = "text/html",
    modified: datetime | None = None,
    **values: Any,
) -> Page:
    text = _environment().get_template(name).render(base=base, **values)
    return Page(status, f"{media_type}; charset=utf-8", text.encode(), modified or _newest())


def _newest() -> datetime:
    return max(articles()[0].published, *(thread.messages[-1].published for thread in threads()))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(path_of=path_of, rfc822=format_datetime)
    return environment


def _source(name: str) -> str:
    return (files("crawlers.sample_site") / "templates" / name).read_text(encoding="utf-8")


_FIXED: dict[str, Callable[[str], Page]] = {
    "/": lambda base: _page("home.html", base, articles=articles()[:12], threads=threads()),
    "/robots.txt": lambda base: _plain("text/plain", f"User-agent: *\nDisallow: {FORBIDDEN}\n"),
    "/style.css": lambda base: _plain("text/css", _source("style.css")),
    "/rss.xml": lambda base: _page("rss.xml", base, media_type="application/rss+xml", articles=articles()),
    "/dien-dan/": lambda base: _page("forum.html", base, threads=threads()),
}
