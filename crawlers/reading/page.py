"""What comes into a reader, and what it makes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from store.vocabulary import PageRole, PostKind

# A page is read whole in memory; what is larger is refused while it is fetched.
LARGEST = 20_000_000


class Unreadable(Exception):
    """A page cannot be read; the message says why."""


@dataclass(frozen=True)
class Raw:
    """A page as it was fetched at `at`, decoded of content coding; `charset` is the server's word.

    `thread` is the first page of the thread that it was asked for as a part of, or the permalink of what the
    one item on it answers: not every interface says so itself.
    """

    body: bytes
    url: str
    at: datetime
    charset: str | None = None
    thread: str | None = None


@dataclass(frozen=True)
class Item:
    """One public item on a page. `text` is the author's own words, `quotes` the words of others.

    `url` with `anchor` is where it stays: its permalink. `position` counts from 1 within its thread;
    `parent` is the permalink of the item that it answers. `again` is the page by which this item alone
    is looked at again, where that is not the page it was read from. `facts` is what else the page says of
    it: `section`, `lead`, `links`, `media`, `comments`.
    """

    url: str
    anchor: str
    title: str
    text: str
    handle: str | None
    published: datetime | None
    quotes: tuple[str, ...] = ()
    kind: PostKind = PostKind.ARTICLE
    modified: datetime | None = None
    position: int | None = None
    parent: str | None = None
    again: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Lead:
    """A page that another leads to.

    `thread` is the first page of the thread that it belongs to; `published` when it was published or last
    changed, where the page that leads to it says so.
    """

    url: str
    role: PageRole
    thread: str | None = None
    published: datetime | None = None


@dataclass(frozen=True)
class Reading:
    """What a page holds, and where it leads; `older` is the page after it in a listing.

    Out of one that is `passing`, a feed of the latest comments say, items go without being gone.
    """

    items: tuple[Item, ...] = ()
    leads: tuple[Lead, ...] = ()
    older: str | None = None
    passing: bool = False


Reader = Callable[[Raw], Reading]
