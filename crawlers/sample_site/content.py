"""The content of the sample site, as data: labelled for tests, the labels never served."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from store.text import fold

# Fixed, so that the site is the same on every day it is looked at.
_TODAY = datetime(2026, 11, 20, 8, 0, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))
_NEAR = ("Nóng hổi vừa thổi: ", " Cả nhà đọc kỹ nhé!")


@dataclass(frozen=True)
class Article:
    """An article; `act` and `harm` are the truth. `copy_of` names the article it copies, and `how`."""

    slug: str
    title: str
    act: str
    author: str
    published: datetime
    body: tuple[str, ...]
    harm: tuple[str, ...] = ()
    copy_of: str | None = None
    how: str | None = None


@dataclass(frozen=True)
class Message:
    """A message of a thread. `quotes` is the id of the message that it quotes."""

    id: int
    author: str
    act: str
    text: str
    published: datetime
    harm: tuple[str, ...] = ()
    quotes: int | None = None


@dataclass(frozen=True)
class Thread:
    """A thread of the forum."""

    id: int
    slug: str
    title: str
    messages: tuple[Message, ...] = field(default=())


@cache
def articles() -> tuple[Article, ...]:
    """Return all articles, newest first, copies made from what they copy."""
    rows = _read("articles.yaml")
    originals = {row["slug"]: _article(row) for row in rows if "copy_of" not in row}
    found = [
        *originals.values(),
        *(_copy(originals[row["copy_of"]], row) for row in rows if "copy_of" in row),
    ]
    return tuple(sorted(found, key=lambda article: (-article.published.timestamp(), article.slug)))


@cache
def threads() -> tuple[Thread, ...]:
    """Return all threads with their messages in order."""
    return tuple(_thread(row) for row in _read("threads.yaml"))


def _read(name: str) -> list[dict[str, Any]]:
    text = (files("crawlers.sample_site") / "data" / name).read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = yaml.safe_load(text)
    return rows


def _article(row: dict[str, Any]) -> Article:
    return Article(
        slug=row["slug"],
        title=row["title"],
        act=row["act"],
        author=row["author"],
        published=_TODAY - timedelta(days=row["days"], minutes=len(row["title"])),
        body=tuple(row["body"]),
        harm=tuple(row.get("harm", ())),
    )


def _copy(original: Article, row: dict[str, Any]) -> Article:
    published = _TODAY - timedelta(days=row["days"], minutes=7)
    copied = replace(
        original,
        slug=row["slug"],
        published=published,
        copy_of=row["copy_of"],
        how=row["how"],
        author="Góc chia sẻ",
    )
    if row["how"] == "folded":
        return replace(copied, title=fold(original.title), body=tuple(fold(line) for line in original.body))
    if row["how"] == "near":
        first, *rest = original.body
        return replace(copied, body=(_NEAR[0] + first, *rest[:-1], rest[-1] + _NEAR[1]))
    return copied


def _thread(row: dict[str, Any]) -> Thread:
    begun = _TODAY - timedelta(days=row["days"])
    messages = tuple(
        Message(
            id=message["id"],
            author=message["author"],
            act=message["act"],
            text=message["text"],
            published=begun + timedelta(minutes=13 * index),
            harm=tuple(message.get("harm", ())),
            quotes=message.get("quotes"),
        )
        for index, message in enumerate(row["messages"])
    )
    return Thread(row["id"], row["slug"], row["title"], messages)
