"""The content of the sample site, as data: labelled for tests, the labels never served."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from store.text import fold

_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


@dataclass(frozen=True)
class Article:
    """An article; `act` and `harm` are the truth. `copy_of` names the article it copies, and `how`."""

    slug: str
    title: str
    act: str
    author: str
    published: datetime
    standfirst: str
    body: tuple[str, ...]
    harm: tuple[str, ...] = ()
    copy_of: str | None = None
    how: str | None = None

    @property
    def text(self) -> str:
        """What a reader reads, headline first: the text that a crawler should bring home."""
        return "\n\n".join((self.title, self.standfirst, *self.body))


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
    copy_of: int | None = None
    how: str | None = None


@dataclass(frozen=True)
class Thread:
    """A thread of the forum."""

    id: int
    slug: str
    title: str
    messages: tuple[Message, ...]


@cache
def articles() -> tuple[Article, ...]:
    """Return all articles, newest first, copies made from what they copy."""
    rows = _read("articles.yaml")
    originals = _originals(rows, "slug")
    found = [_article(_filled(row, originals)) for row in rows]
    return tuple(sorted(found, key=lambda article: (-article.published.timestamp(), article.slug)))


@cache
def threads() -> tuple[Thread, ...]:
    """Return all threads with their messages in order, copies made from what they copy."""
    rows = _read("threads.yaml")
    originals = _originals((message for row in rows for message in row["messages"]), "id")
    return tuple(_thread(row, [_filled(message, originals) for message in row["messages"]]) for row in rows)


def _read(name: str) -> list[dict[str, Any]]:
    text = (files("crawlers.sample_site") / "data" / name).read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = yaml.safe_load(text)
    return rows


def _originals(rows: Iterable[dict[str, Any]], key: str) -> dict[Any, dict[str, Any]]:
    return {row[key]: row for row in rows if "copy_of" not in row}


def _filled(row: dict[str, Any], originals: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    """Return the row of a copy with the labels of what it copies, and its words as `how` says."""
    if "copy_of" not in row:
        return row
    original = originals[row["copy_of"]]
    words: dict[str, Any] = {
        name: _copied(original[name], row) for name in ("title", "text") if name in original
    }
    return {**original, **row, **words}


def _copied(text: str, row: dict[str, Any]) -> str:
    if row["how"] == "folded":
        return fold(text)
    for old, new in row.get("changes", {}).items():
        text = text.replace(old, new)
    return text


def _article(row: dict[str, Any]) -> Article:
    standfirst, *body = row["text"].splitlines()
    return Article(
        slug=row["slug"],
        title=row["title"],
        act=row["act"],
        author=row["author"],
        published=_time(row["published"]),
        standfirst=standfirst,
        body=tuple(body),
        harm=tuple(row.get("harm", ())),
        copy_of=row.get("copy_of"),
        how=row.get("how"),
    )


def _thread(row: dict[str, Any], messages: list[dict[str, Any]]) -> Thread:
    begun, pace = _time(row["begun"]), timedelta(minutes=row["pace"])
    return Thread(
        row["id"],
        row["slug"],
        row["title"],
        tuple(_message(message, begun + index * pace) for index, message in enumerate(messages)),
    )


def _message(row: dict[str, Any], published: datetime) -> Message:
    return Message(
        id=row["id"],
        author=row["author"],
        act=row["act"],
        text=row["text"].strip(),
        published=published,
        harm=tuple(row.get("harm", ())),
        quotes=row.get("quotes"),
        copy_of=row.get("copy_of"),
        how=row.get("how"),
    )


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value).replace(tzinfo=_VIETNAM)
