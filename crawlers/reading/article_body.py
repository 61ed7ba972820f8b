"""Where the body of an article lies on its page, and what stands in it beside words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urljoin, urlsplit

from lxml import etree, html

from crawlers.canonical import canonical_url, same_host
from crawlers.reading.markup import visible, xpath
from store.text import normalise

_MOST, _LONGEST = 50, 2000
_OPENING = 20
_POINTS = r"[>»›→▶►➤☞👉•*+\-\s]*"
_HINT = (
    r"(?:(?:mời (?:bạn )?)?(?:xem|đọc) (?:thêm|tiếp|ngay)|(?:có thể bạn|bạn có thể) quan tâm"
    r"|(?:các )?(?:tin|bài)(?: viết)? (?:liên quan|cùng \w+ ?\w*))\b"
)
_POINTER = re.compile(rf"{_POINTS}{_HINT}|\s*(?:>>|»)", re.I)
_POINTER_ALONE = re.compile(rf"{_POINTS}(?:{_HINT})?[\s|,;:.…•*>»/\-–]*", re.I)
_UNREAD = frozenset({"script", "style", "title"})
_BLOCKS = frozenset(
    {"p", "div", "li", "ul", "ol", "h2", "h3", "h4", "h5", "h6", "td", "tr", "section", "aside", "blockquote"}
)
_WORDS = xpath(".//text()[not(ancestor::a) and not(ancestor::script)]")
_HAS_LINK = xpath("descendant-or-self::a[@href][1]")
_LINKS = xpath(".//a[@href and not(ancestor::nav or ancestor::aside or ancestor::footer or ancestor::form)]")
_MEDIA = xpath(".//img | .//video | .//video/source | .//audio | .//iframe[contains(@src, '/embed')]")
_LAZY = ("data-src", "data-original", "data-lazy-src", "src")
_NO_NAME = re.compile(r"[\d:;?!…@/]|^\W*(?:ảnh|nguồn|video|clip|theo|thẻ|từ khóa)\b", re.I)


def drop_pointers(root: html.HtmlElement) -> None:
    """Take from the tree what only points to other articles: `Xem thêm: …`, `Tin liên quan`, `>> …`."""
    blocks: dict[html.HtmlElement, None] = {}
    for element in root.iter(etree.Element):
        if element.text and _POINTER.match(element.text.lstrip()[:80]):
            block = next((e for e in (element, *element.iterancestors()) if e.tag in _BLOCKS), None)
            if block is not None:
                blocks[block] = None
    for block in blocks:
        if root in block.iterancestors() and _only_points(block):
            _drop(block)


def _drop(block: html.HtmlElement) -> None:
    if not _HAS_LINK(block):  # a heading: what it heads goes with it
        while _alone(block) and (above := block.getparent()).tag in _BLOCKS and _only_points(above):
            block = above
        while (listed := block.getnext()) is not None and _HAS_LINK(listed) and _only_points(listed):
            listed.drop_tree()
    block.drop_tree()


def _alone(block: html.HtmlElement) -> bool:
    return block.getprevious() is None and block.getnext() is None


def _only_points(block: html.HtmlElement) -> bool:
    """Say whether a block says nothing outside of its links but that they may be of interest."""
    # What is longer is an article; and the blocks of a hostile page may lie in one another.
    if sum(map(len, islice(block.itertext(), 400))) > 3000:
        return False
    words = " ".join("".join(_WORDS(block)).split())
    return len(words) <= 100 and _POINTER_ALONE.fullmatch(words) is not None


@dataclass(frozen=True)
class Body:
    """The part of a page that holds an article, and what holds its last paragraph."""

    part: html.HtmlElement
    last: html.HtmlElement


def body_of(root: html.HtmlElement, paragraphs: Iterable[str]) -> Body | None:
    """Return the smallest part of a page with all `paragraphs`, known by their openings, if there is one."""
    sought = {line[:_OPENING] for line in paragraphs if len(line) >= _OPENING}
    found = list(_openings(root, sought))
    common = [found[0], *found[0].iterancestors()] if found else []
    for element in found:
        above = {element, *element.iterancestors()}
        common = [ancestor for ancestor in common if ancestor in above]
    # Where only the whole page holds them all, it is not known which of it is the article.
    return Body(common[0], found[-1]) if common and common[0].tag not in {"body", "html"} else None


def _openings(root: html.HtmlElement, sought: set[str]) -> Iterator[html.HtmlElement]:
    """Yield the element with the text that begins as each of `sought`, where it first comes."""
    for element in root.iter(etree.Element):
        for text, owner in ((element.text, element), (element.tail, element.getparent())):
            words = text.lstrip()[: 2 * _OPENING] if text and owner is not None else ""
            opening = normalise(words)[:_OPENING] if len(words) >= _OPENING else ""
            if opening in sought and owner.tag not in _UNREAD:
                sought.remove(opening)
                yield owner
        if not sought:
            return


def signature(body: Body) -> str:
    """Return the name that stands alone after the last paragraph, or nothing."""
    block = next((e for e in (body.last, *body.last.iterancestors()) if e.tag in _BLOCKS), body.last)
    for sibling in islice(block.itersiblings(etree.Element), 3):
        line = normalise(visible(sibling))
        if is_name(line) and not _NO_NAME.search(line) and not _HAS_LINK(sibling):
            return line.strip("()")
    return ""


def is_name(line: str) -> bool:
    """Say whether a line is a few words that all begin with a capital."""
    said = line.strip("()").split()
    return 2 <= len(said) <= 6 and all(
        word.strip("-–,")[:1].isupper() for word in said if word not in {"-", "–"}
    )


def links(body: Body, url: str) -> list[str]:
    """Return where the article links to, on other hosts; buttons to share it are not of the article."""
    host, found = urlsplit(url).netloc.lower(), dict[str, None]()
    for link in _LINKS(body.part):
        try:
            address = canonical_url(link.get("href"))
        except ValueError:
            continue
        if not same_host(address, url) and host not in address and len(address) <= _LONGEST:
            found[address] = None
    return list(found)[:_MOST]


def media(body: Body | None, named: Iterable[str], url: str) -> list[str]:
    """Return the absolute addresses of pictures and videos: what the page names, then what the body shows."""
    found = dict[str, None]()
    for value in (*named, *(_shown(body.part) if body else ())):
        try:
            address = urljoin(url, value.strip())
        except ValueError:
            continue
        if address.startswith(("https://", "http://")) and len(address) <= _LONGEST:
            found[address] = None
    return list(found)[:_MOST]


def _shown(part: html.HtmlElement) -> Iterator[str]:
    for element in _MEDIA(part):
        # A picture that loads late has a blank one as its `src`.
        yield from [str(value) for name in _LAZY if (value := element.get(name))][:1]
