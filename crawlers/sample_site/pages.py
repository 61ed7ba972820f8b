"""Renders the pages of the sample site: a path in, a page out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import format_datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from crawlers.sample_site.content import Thread, articles, threads

PER_PAGE = 10
# One article lies where robots.txt forbids, and the feed links to it: a crawler must leave it alone.
FORBIDDEN = "/noi-bo/"
FORBIDDEN_SLUG = "lich-cat-dien-phuong-ben-nuoc"

_ARTICLE = re.compile(r"^/(?:bai|noi-bo)/([a-z0-9-]+)\.html$")
_THREAD = re.compile(r"^/dien-dan/chu-de/([a-z0-9-]+)\.(\d+)/(?:page-(\d+))?$")


@dataclass(frozen=True)
class Page:
    """What the site answers."""

    status: int
    content_type: str
    body: bytes

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.body).hexdigest()[:24]}"'


def render(path: str, base_url: str) -> Page:
    """Return the page at `path`; one that is not there has status 404."""
    base = base_url.rstrip("/")
    fixed = _FIXED.get(path)
    if fixed is not None:
        return fixed(base)
    if match := _ARTICLE.match(path):
        return _article(match.group(1), path, base)
    if match := _THREAD.match(path):
        return _thread(match.group(1), int(match.group(2)), int(match.group(3) or 1), base)
    return _page("missing.html", base, status=404)


def path_of(slug: str) -> str:
    """Return the path of an article."""
    return f"{FORBIDDEN if slug == FORBIDDEN_SLUG else '/bai/'}{slug}.html"


def _article(slug: str, path: str, base: str) -> Page:
    found = next((a for a in articles() if a.slug == slug and path_of(slug) == path), None)
    if found is None:
        return _page("missing.html", base, status=404)
    related = [a for a in articles() if a.slug != slug and a.act == found.act][:4]
    return _page("article.html", base, article=found, related=related)


def _thread(slug: str, number: int, page: int, base: str) -> Page:
    found = next((t for t in threads() if t.id == number and t.slug == slug), None)
    last = _pages(found) if found else 0
    if found is None or not 1 <= page <= last:
        return _page("missing.html", base, status=404)
    shown = found.messages[(page - 1) * PER_PAGE : page * PER_PAGE]
    by_id = {message.id: message for message in found.messages}
    return _page("thread.html", base, thread=found, messages=shown, by_id=by_id, page=page, last=last)


def _pages(thread: Thread) -> int:
    return -(-len(thread.messages) // PER_PAGE)


def _plain(media_type: str, text: str) -> Page:
    return Page(200, f"{media_type}; charset=utf-8", text.encode())


def _page(
    name: str, base: str, *, status: int = 200, content_type: str = "text/html; charset=utf-8", **values: Any
) -> Page:
    text = (
        _environment().get_template(name).render(base=base, path_of=path_of, rfc822=format_datetime, **values)
    )
    return Page(status, content_type, text.encode())


@cache
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _source(name: str) -> str:
    return (files("crawlers.sample_site") / "templates" / name).read_text(encoding="utf-8")


_FIXED: dict[str, Callable[[str], Page]] = {
    "/": lambda base: _page("home.html", base, articles=articles()[:12], threads=threads()),
    "/robots.txt": lambda base: _plain("text/plain", f"User-agent: *\nDisallow: {FORBIDDEN}\n"),
    "/style.css": lambda base: _plain("text/css", _source("style.css")),
    "/rss.xml": lambda base: _page(
        "rss.xml", base, content_type="application/rss+xml; charset=utf-8", articles=articles()
    ),
    "/dien-dan/": lambda base: _page("forum.html", base, threads=threads()),
}
