"""What a page says of its article in JSON-LD (schema.org); pages are hostile, so all of it is bounded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from html import unescape
from typing import Any

from lxml import html

from crawlers.canonical import canonical_url
from crawlers.reading.markup import xpath
from store.text import fold, normalise

_SCRIPTS = xpath("//script[contains(@type, 'ld+json')]/text()")
_MOST_SCRIPTS, _LONGEST_SCRIPT, _MOST_NODES = 40, 2_000_000, 2000
_MOST_VALUES, _LONGEST = 50, 2000
_ARTICLES = frozenset({"BlogPosting", "LiveBlogPosting", "SocialMediaPosting", "Report"})
_ORGANISATIONS = ("Organization", "Corporation", "WebSite")
_HOMES = frozenset({"", "home", "trang chu", "trang nhat"})
_TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")
_LONE_BACKSLASH = re.compile(r"""\\(?!["\\/bfnrtu])""")
# What can still be had of an object that is no JSON, mostly for a quotation mark in a headline.
_PAIR = re.compile(
    r'"(@type|headline|description|datePublished|dateModified|articleSection|commentCount)"'
    r'\s*:\s*"((?:[^"\\]|\\.){1,2000})"\s*[,}\r\n]'
)
_AUTHOR = re.compile(r'"author"\s*+:\s*+\[?\s*+\{[^{}\[\]]{0,300}?"name"\s*:\s*"([^"\\]{1,200})"')
_AUTHOR_TYPE = re.compile(r'"author"\s*+:\s*+\[?\s*+\{[^{}\[\]]{0,300}?"@type"\s*:\s*"([A-Za-z]{1,40})"')

Node = dict[str, Any]


@dataclass(frozen=True)
class Described:
    """An article by its JSON-LD; what is not said is empty. Times and addresses are as they stand there."""

    headline: str = ""
    description: str = ""
    section: str = ""
    trail: str = ""
    published: str = ""
    modified: str = ""
    people: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    comments: int | None = None


def described(root: html.HtmlElement, urls: Iterable[str], title: str) -> Described:
    """Return what the JSON-LD of a page says of the article with one of `urls` or with `title`.

    Where none has, it is the first article. `trail` is the last section of the breadcrumbs.
    """
    nodes = list(_nodes(root))
    articles = [node for node in nodes if any(map(_is_article, _types(node)))]
    known, headline = {_address(url) for url in urls}, fold(title)
    article = next(
        (node for node in articles if known & set(_addresses(node))),
        next(
            (node for node in articles if headline and fold(_line(node.get("headline"))) == headline),
            articles[0] if articles else {},
        ),
    )
    named = {_string(node.get("@id")): node for node in nodes if len(node) > 1}
    authors = [(_line(author.get("name"), 200), author) for author in _things(article.get("author"), named)]
    return Described(
        headline=_line(article.get("headline")) or _line(article.get("name")),
        description=_line(article.get("description"), 2000),
        section=_line(article.get("articleSection"), 200),
        trail=_trail(nodes, title),
        published=_line(article.get("datePublished"), 60),
        modified=_line(article.get("dateModified"), 60),
        people=tuple(name for name, author in authors if name and not _is_organisation(author)),
        organisations=tuple(name for name, author in authors if name and _is_organisation(author)),
        media=tuple(_media(article, named)),
        comments=_comments(article),
    )


def _nodes(root: html.HtmlElement) -> Iterator[Node]:
    for script in _SCRIPTS(root)[:_MOST_SCRIPTS]:
        waiting, seen = [_parsed(str(script)[:_LONGEST_SCRIPT])], 0
        while waiting and (seen := seen + 1) < _MOST_NODES:
            value = waiting.pop()
            if isinstance(value, list):
                waiting += reversed(value[:_MOST_NODES])
            elif isinstance(value, dict):
                yield value
                waiting += [value[key] for key in ("mainEntity", "@graph") if key in value]


def _parsed(script: str) -> Any:
    begin = min((at for at in map(script.find, "{[") if at >= 0), default=0)
    script = script[begin : max(script.rfind("}"), script.rfind("]")) + 1]
    for mend in (str, _mended, lambda text: _mended(unescape(text))):
        try:
            return json.loads(mend(script), strict=False)
        except (ValueError, RecursionError):
            continue
    return _rescued(script)


def _mended(script: str) -> str:
    return _LONE_BACKSLASH.sub("", _TRAILING_COMMA.sub("", script))


def _rescued(script: str) -> Node:
    node: Node = {}
    for key, value in _PAIR.findall(script):
        with suppress(ValueError):
            node.setdefault(key, json.loads(f'"{value}"', strict=False))
    if author := _AUTHOR.search(script):
        kind = _AUTHOR_TYPE.search(script)
        node["author"] = {"name": author.group(1), "@type": kind.group(1) if kind else "Person"}
    return node


def _types(node: Node) -> list[str]:
    return [value.rpartition("/")[2] for value in _list(node.get("@type")) if isinstance(value, str)]


def _is_article(kind: str) -> bool:
    return kind.endswith("Article") or kind in _ARTICLES


def _is_organisation(node: Node) -> bool:
    return any(kind.endswith(_ORGANISATIONS) for kind in _types(node))


def _addresses(node: Node) -> Iterator[str]:
    for key in ("url", "mainEntityOfPage", "@id"):
        for value in _list(node.get(key)):
            yield _address(_string(value.get("@id") if isinstance(value, dict) else value))


def _address(url: str) -> str:
    """Return an address without what two spellings of it may differ in."""
    try:
        return canonical_url(url).partition("://")[2].removeprefix("www.").rstrip("/")
    except ValueError:
        return f"no address: {url}"


def _things(value: Any, named: dict[str, Node]) -> Iterator[Node]:
    """Return each of the things that a value is, names or nodes, and the node where only its @id stands."""
    for thing in _list(value):
        if isinstance(thing, dict):
            yield thing if len(thing) > 1 else named.get(_string(thing.get("@id")), thing)
        elif isinstance(thing, str):
            yield {"name": thing, "url": thing}


def _trail(nodes: list[Node], title: str) -> str:
    names = []
    for step in next((_list(n.get("itemListElement")) for n in nodes if "BreadcrumbList" in _types(n)), []):
        if isinstance(step, dict):
            item = step.get("item")
            names.append(_line(step.get("name") or (item.get("name") if isinstance(item, dict) else ""), 200))
    return next((n for n in reversed(names) if fold(n) not in _HOMES and fold(n) != fold(title)), "")


def _media(article: Node, named: dict[str, Node]) -> Iterator[str]:
    for key in ("image", "video", "associatedMedia", "thumbnailUrl"):
        for thing in _things(article.get(key), named):
            for part in ("contentUrl", "url", "embedUrl"):
                if address := _string(thing.get(part)):
                    yield address
                    break


def _comments(article: Node) -> int | None:
    for counter in _list(article.get("interactionStatistic")):
        if isinstance(counter, dict):
            kind = counter.get("interactionType")
            name = " ".join(_types(kind)) if isinstance(kind, dict) else _line(kind)
            if name.endswith("CommentAction"):
                return _number(counter.get("userInteractionCount"))
    return _number(article.get("commentCount"))


def _number(value: Any) -> int | None:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _list(value: Any) -> list[Any]:
    return value[:_MOST_VALUES] if isinstance(value, list) else [] if value is None else [value]


def _string(value: Any) -> str:
    return unescape(value).strip() if isinstance(value, str) and len(value) <= _LONGEST else ""


def _line(value: Any, most: int = 500) -> str:
    if isinstance(value, list) and value:
        value = value[0]
    return normalise(unescape(value[: 4 * most])).replace("\n", " ")[:most] if isinstance(value, str) else ""
