"""Reads sitemaps (sitemaps.org) and those for news: a set of pages, or an index of more sitemaps."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import replace
from io import BytesIO

from lxml import etree
from scrapy.utils.gz import gunzip

from crawlers.canonical import same_host
from crawlers.reading.dates import moment
from crawlers.reading.feeds import is_feed, read_feed, web_address, xml_text
from crawlers.reading.page import LARGEST, Lead, Raw, Reading, Unreadable
from store.vocabulary import PageRole

MOST_ARTICLES = 5000
# Of an index only the sitemaps that changed last; what is older was read before, or is history.
MOST_SITEMAPS = 20
_GZIP = b"\x1f\x8b"
_ROLES = {"url": PageRole.ARTICLE, "sitemap": PageRole.LISTING}
_MOST = {PageRole.ARTICLE: MOST_ARTICLES, PageRole.LISTING: MOST_SITEMAPS}


def read_sitemap(raw: Raw) -> Reading:
    """Return the pages of its own host that a sitemap names, newest first and undated last.

    It may be packed by gzip, a plain list of addresses, or a feed. Raises `Unreadable` for anything else.
    """
    if raw.body.startswith(_GZIP):
        raw = replace(raw, body=_unpacked(raw.body))
    if is_feed(raw.body):
        return read_feed(raw)
    text = xml_text(raw).strip()
    if text.startswith("<"):
        # Of a sitemap that breaks off, the last address may be only a part of one.
        return _newest(_listed(text[: text.rfind(">") + 1]), raw.url)
    lines = [line for line in text.splitlines() if line.startswith(("http://", "https://"))]
    if not lines or not text.startswith(lines[0]):
        raise Unreadable("không phải sitemap")
    return _newest((Lead(line, PageRole.ARTICLE) for line in lines), raw.url)


def _unpacked(body: bytes) -> bytes:
    try:
        return bytes(gunzip(body, max_size=LARGEST))
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise Unreadable(f"không giải nén được sitemap: {error}") from error


def _listed(text: str) -> Iterable[Lead]:
    context = etree.iterparse(
        BytesIO(text.encode()),
        tag=("{*}url", "{*}sitemap"),
        encoding="utf-8",
        recover=True,
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
    )
    try:
        for _, element in context:
            role = _ROLES[etree.QName(element).localname]
            dated = element.findtext(".//{*}publication_date") or element.findtext("{*}lastmod")
            yield Lead(element.findtext("{*}loc") or "", role, published=moment(dated))
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    except (etree.LxmlError, ValueError) as error:
        raise Unreadable(f"XML hỏng: {error}") from error
    # A name that was mended may be none that `etree.QName` takes.
    if context.root is None or str(context.root.tag).rpartition("}")[2] not in {"urlset", "sitemapindex"}:
        raise Unreadable("không phải sitemap")


def _newest(leads: Iterable[Lead], base: str) -> Reading:
    found: dict[str, Lead] = {}
    for lead in leads:
        url = web_address(lead.url, base)
        if url is not None and same_host(url, base):
            found.setdefault(url, replace(lead, url=url))
    ordered = sorted(found.values(), key=lambda lead: -lead.published.timestamp() if lead.published else 0.0)
    kept = [[lead for lead in ordered if lead.role == role][:most] for role, most in _MOST.items()]
    return Reading(leads=tuple(lead for part in kept for lead in part))
