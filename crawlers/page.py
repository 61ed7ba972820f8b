"""What was read from a page, and the one careful way from bytes to a tree."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from lxml import etree, html

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
LARGEST = 10_000_000

_META_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([a-zA-Z0-9_-]{2,40})""", re.I)
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Unreadable(Exception):
    """A page cannot be read; the message says why."""


@dataclass(frozen=True)
class Item:
    """One public item on a page. `text` is the author's own words, `quotes` the words of others."""

    url: str
    anchor: str
    title: str
    text: str
    handle: str | None
    published: datetime | None
    quotes: tuple[str, ...] = ()


def decode(body: bytes, charset: str | None = None) -> str:
    """Return a page as text: by the server's word, else the page's, else UTF-8, else Windows-1258."""
    if len(body) > LARGEST:
        raise Unreadable(f"trang dài {len(body)} byte, quá {LARGEST}")
    declared = _META_CHARSET.search(body[:4096])
    choices = [charset, declared.group(1).decode() if declared else None, "utf-8", "cp1258"]
    for choice in choices:
        try:
            if choice:
                return _NOT_XML.sub("", body.decode(choice))
        except (LookupError, UnicodeDecodeError, UnicodeError):
            continue
    return _NOT_XML.sub("", body.decode("utf-8", "replace"))


def tree(text: str, url: str) -> html.HtmlElement:
    """Return the tree of a page with absolute links; raises `Unreadable`."""
    if not text.strip():
        raise Unreadable("trang trống")
    try:
        # A hostile page must not make the parser recurse or swell; libxml2 stops at a depth of 256.
        parser = html.HTMLParser(encoding="utf-8", huge_tree=False, recover=True)
        root: html.HtmlElement = html.document_fromstring(text.encode("utf-8"), parser=parser, base_url=url)
        root.make_links_absolute(url, resolve_base_href=False, handle_failures="discard")
    except (etree.LxmlError, ValueError, RecursionError) as error:
        raise Unreadable(f"HTML hỏng: {error}") from error
    return root


def visible(element: html.HtmlElement) -> str:
    """Return the text of an element as a reader sees it: one line a block, no scripts."""
    parts: list[str] = []
    for event, node in etree.iterwalk(element, events=("start", "end", "comment", "pi")):
        block = node.tag in _BLOCKS
        if event == "start":
            parts.append("\n" if block else "")
            parts.append(_flat(node.text or "") if node.tag not in _UNSEEN else "")
        else:
            parts.append("\n" if block or node.tag == "br" else "")
            parts.append(_flat(node.tail or "") if node is not element else "")
    return re.sub(r"[ \t]*\n\s*", "\n", "".join(parts)).strip()


def moment(value: str | None) -> datetime | None:
    """Return an ISO time as an aware datetime, taken as Vietnam's where it names no zone."""
    if not value:
        return None
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    found = found.replace(tzinfo=VIETNAM) if found.tzinfo is None else found
    # Before the web, or after tomorrow, is a mistake of the page.
    return found if 1990 < found.year <= datetime.now(UTC).year + 1 else None


_UNSEEN = frozenset({"script", "style", "noscript", "template"})
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "dd", "div", "dl", "dt", "figcaption", "figure", "footer"}
    | {"form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre"}
    | {"section", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"}
)


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)
