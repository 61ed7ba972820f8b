"""Says of an answer of the program what a stranger's text has brought into it: nothing, if all is well."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from urllib.parse import urlsplit
from xml.etree import ElementTree

import tinyhtml5

from crawlers.reading.page import Item

# Where a browser goes by itself, or when somebody clicks.
_ADDRESSES = frozenset(
    [
        "href",
        "src",
        "action",
        "formaction",
        "poster",
        "data",
        "background",
        "cite",
        "longdesc",
        "manifest",
        "ping",
        "srcset",
        "hx-get",
        "hx-post",
        "hx-put",
        "hx-patch",
        "hx-delete",
        "hx-push-url",
        "hx-replace-url",
    ]
)
# What runs a text, or makes a page of it.
_RUN = re.compile(r"on[a-z]+|srcdoc|(?:data-)?hx-(?:on.*|vars|vals|ext|include)", re.IGNORECASE)
_FORMULA = re.compile(r"[=+@\t\r\uff1d\uff0b\uff0d\uff20]|-(?![\d.,]+$)")
_DECLARED = re.compile(rb"<!(?:DOCTYPE|ENTITY)")
# Control signs, those that turn a line round, and those that nobody sees: of no words.
_UNSAID = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufffe\uffff]"
)
_WEB = ("https://", "http://")

Shape = Counter[tuple[str, tuple[str, ...]]]


@dataclass(frozen=True)
class Read:
    """A page as browsers read it."""

    elements: list[ElementTree.Element]

    @classmethod
    def of(cls, text: str) -> Read:
        root = tinyhtml5.parse(text, namespace_html_elements=False)
        return cls([one for one in root.iter() if isinstance(one.tag, str)])

    @property
    def shape(self) -> Shape:
        """How often each element with such attributes is there."""
        return Counter((_name(one.tag), tuple(sorted(map(_name, one.attrib)))) for one in self.elements)

    def wrong(self, outside: frozenset[str] = frozenset()) -> list[str]:
        """Return what runs, or leads to or loads from elsewhere but to the addresses `outside`."""
        return [wrong for one in self.elements for wrong in _of_element(one, outside)]


def _name(name: object) -> str:
    return str(name).rpartition("}")[2].lower()


def _of_element(element: ElementTree.Element, outside: frozenset[str]) -> Iterator[str]:
    tag, words = _name(element.tag), element.text or ""
    if tag == "script" and words.strip():
        if element.get("type") != "application/ld+json":
            yield f"a script: {words[:80]!r}"
        else:
            json.loads(words)
    if tag in {"base", "object", "embed", "frame", "plaintext"}:
        yield f"<{tag}>"
    if tag == "meta" and element.get("http-equiv"):
        yield f"<meta http-equiv={element.get('http-equiv')}>"
    for key, value in element.attrib.items():
        name = _name(key)
        if _RUN.fullmatch(name):
            yield f"<{tag} {name}={value[:80]!r}>"
        elif name in _ADDRESSES and not _inside(value, outside if tag in {"a", "link"} else frozenset()):
            yield f"<{tag} {name}={value[:80]!r}> leads elsewhere"


def _inside(address: str, outside: frozenset[str]) -> bool:
    # Browsers leave out line ends and tabs, and take a backslash for a slash.
    read = re.sub(r"[\t\r\n]", "", address.strip()).replace("\\", "/")
    parts = urlsplit(read)
    return (not parts.scheme and not read.startswith("//")) or address in outside


def in_csv(text: str) -> list[str]:
    """Return the cells of a table that a spreadsheet would reckon, and rows that a text of another began."""
    rows = list(csv.reader(StringIO(text, newline="")))
    wrong = [f"a formula: {cell[:80]!r}" for row in rows for cell in row if _FORMULA.match(cell)]
    return wrong + [f"a row of {len(row)} cells: {row}" for row in rows if len(row) != len(rows[0])]


def in_xml(content: bytes) -> list[str]:
    """Return what is wrong with an XML file; raises `ElementTree.ParseError` where it is none."""
    ElementTree.fromstring(content)
    return ["a declaration"] if _DECLARED.search(content) else []


def in_record(item: Item) -> list[str]:
    """Return what of a post is not words, or an address that is not of the web."""
    words = {"title": item.title, "text": item.text} | {
        f"quote {n}": one for n, one in enumerate(item.quotes)
    }
    wrong = [f"{name}: {found[0]!r}" for name, said in words.items() if (found := _UNSAID.search(said))]
    facts = item.facts
    addresses = [item.url, item.parent, item.again, *facts.get("links", ()), *facts.get("media", ())]
    return wrong + [f"leads to {one!r}" for one in addresses if one and not str(one).startswith(_WEB)]
