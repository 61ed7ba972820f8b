"""The one careful way from text to a tree, and from a tree to what a reader sees."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast
from urllib.parse import urljoin

from lxml import etree, html

from crawlers.reading.charset import decode
from crawlers.reading.page import Raw, Unreadable


def tree_of(raw: Raw) -> html.HtmlElement:
    """Return the tree of a page with absolute links; raises `Unreadable`."""
    return tree(decode(raw.body, raw.charset), raw.url)


def tree(text: str, url: str) -> html.HtmlElement:
    """Return the tree of a page with absolute links; raises `Unreadable`."""
    if not text.strip():
        raise Unreadable("trang trống")
    try:
        # A hostile page must not make the parser recurse or swell; libxml2 stops at a depth of 256.
        parser = html.HTMLParser(encoding="utf-8", huge_tree=False, recover=True)
        root: html.HtmlElement = html.document_fromstring(text.encode("utf-8"), parser=parser, base_url=url)
        _make_absolute(root, _base(root, url))
    except (etree.LxmlError, ValueError, RecursionError) as error:
        raise Unreadable(f"HTML hỏng: {error}") from error
    return root


def _make_absolute(root: html.HtmlElement, base: str) -> None:
    """Make absolute the links that readers follow; lxml's own way looks into styles too, and costs more."""
    for element in _LINKING(root):
        for name in ("href", "src"):
            value = element.get(name)
            if value is None:
                continue
            try:
                element.set(name, urljoin(base, value.strip()))
            except ValueError:
                del element.attrib[name]


def _base(root: html.HtmlElement, url: str) -> str:
    """Return what relative links are relative to: as in a browser, also where that is another host."""
    for named in root.xpath("//base/@href")[:1]:
        with suppress(ValueError):
            return urljoin(url, str(named).strip())
    return url


def xpath(expression: str) -> Callable[[html.HtmlElement], list[Any]]:
    """Return an XPath that finds elements or strings, compiled once."""
    return cast("Callable[[html.HtmlElement], list[Any]]", etree.XPath(expression, smart_strings=False))


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
    return "\n".join(filter(None, map(str.strip, "".join(parts).split("\n"))))


_LINKING = xpath("//*[@href or @src]")
_UNSEEN = frozenset({"script", "style", "noscript", "template"})
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "dd", "div", "dl", "dt", "figcaption", "figure", "footer"}
    | {"form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre"}
    | {"section", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"}
)


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)
