"""The work that records owe, and the processes that do it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, Id, one_of, primary_key, to
from store.vocabulary import PageRole, TaskKind

# Rows about the processes at work on this database mean nothing in another: a transfer leaves them.
HERE = {"info": {"stays": True}}


class Task(Base):
    """Work owed: to score a post, to show it in the index, to crawl a source,
    to see its page in a browser, to send a message.

    Written with the record that owes it. `subject_id` is a post, a source or a delivery; no foreign key, for
    the index must still be told of a post that is gone. Of `crawl` there is one row a source, which never
    ends: it falls due again. What is due and has a lower `turn` is done first: 0 for what is new, 1 for what
    can wait.
    """

    __tablename__ = "task"
    __table_args__ = (
        one_of("kind", TaskKind),
        Index("ix_task_take", "kind", "turn", "due_at", "id"),
        Index("ix_task_lease_token", "lease_token"),
        Index(
            "uq_task_crawl",
            "subject_id",
            unique=True,
            sqlite_where=text("kind = 'crawl'"),
            postgresql_where=text("kind = 'crawl'"),
        ),
    )

    id: Mapped[int] = primary_key()
    kind: Mapped[str] = mapped_column(String(16))
    subject_id: Mapped[int] = mapped_column(Id, index=True)
    turn: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    owed_at: Mapped[datetime]
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    lease_token: Mapped[str | None] = mapped_column(String(64))
    worker_id: Mapped[str | None] = mapped_column(String(64))
    error: Mapped[str | None]


class Searchable(Base):
    """What the index owes a post: a version that rises with each change, last thing in its transaction."""

    __tablename__ = "searchable"

    post_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    changed_at: Mapped[datetime] = mapped_column(index=True)


class Page(Base):
    """A URL that a source leads to: the frontier of its crawls. What is not due has `due_at` None.

    Written with the page that leads to it, and moved on in the transaction of its own capture: a crawl that
    is killed leaves it due. `every` is how many seconds apart a root is asked; `thread` the first page of
    the thread that a page belongs to. A page with a flagged post is looked at again for some days from
    `watched_from` on; one of role `item` is there for the one post `post_id`.
    """

    __tablename__ = "page"
    __table_args__ = (one_of("role", PageRole), Index("ix_page_due", "source_id", "due_at"))

    id: Mapped[int] = primary_key()
    source_id: Mapped[int] = to("source.id")
    url: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str] = mapped_column(String(16))
    thread: Mapped[str | None] = mapped_column(Text, index=True)
    due_at: Mapped[datetime | None]
    every: Mapped[int | None]
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    content_hash: Mapped[str | None] = mapped_column(String(64))
    found_at: Mapped[datetime]
    asked_at: Mapped[datetime | None]
    watched_from: Mapped[datetime | None]
    post_id: Mapped[int | None] = mapped_column(Id)


class Host(Base):
    """What crawls know of a host (with its port): its robots.txt, when it was asked, until when it rests."""

    __tablename__ = "host"
    __table_args__ = HERE

    name: Mapped[str] = mapped_column(String(300), primary_key=True)
    rules: Mapped[str] = mapped_column(default="")
    rules_status: Mapped[int | None]
    rules_at: Mapped[datetime | None]
    asked_at: Mapped[datetime | None]
    rests_until: Mapped[datetime | None]


class Worker(Base):
    """A process that works on queues while its heart beats. `trouble` is why a queue rests, by queue."""

    __tablename__ = "worker"
    __table_args__ = HERE

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    host: Mapped[str] = mapped_column(String(200))
    pid: Mapped[int]
    queues: Mapped[list[Any]]
    started_at: Mapped[datetime]
    beat_at: Mapped[datetime]
    counters: Mapped[dict[str, Any]] = mapped_column(default=dict)
    trouble: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Leader(Base):
    """Which process does a duty that must be done once, and until when."""

    __tablename__ = "leader"
    __table_args__ = HERE

    duty: Mapped[str] = mapped_column(String(32), primary_key=True)
    worker_id: Mapped[str] = mapped_column(String(64))
    until: Mapped[datetime]
