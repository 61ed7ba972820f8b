"""What people tell the queue: who a case is for, what not to show again, what to look for, how they work."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from store.base import Base, Id, one_of, primary_key, to
from store.tables import User
from store.vocabulary import Channel, FilterKind


class Assignment(Base):
    """The one person that a case is kept for: given by a lead, or handed over by who held it."""

    __tablename__ = "assignment"

    case_id: Mapped[int] = mapped_column(Id, ForeignKey("case.id"), primary_key=True)
    user_id: Mapped[int] = to("user.id", index=True)
    by_id: Mapped[int] = to("user.id")
    note: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime]

    user: Mapped[User] = relationship(foreign_keys=[user_id])
    by: Mapped[User] = relationship(foreign_keys=[by_id])


class PutAside(Base):
    """A case that is not given to a person again unless they ask: they skipped it, or have decided it."""

    __tablename__ = "put_aside"
    __table_args__ = (Index("ix_put_aside_case_id", "case_id"),)

    user_id: Mapped[int] = mapped_column(Id, ForeignKey("user.id"), primary_key=True)
    case_id: Mapped[int] = mapped_column(Id, ForeignKey("case.id"), primary_key=True)
    at: Mapped[datetime]


class SavedFilter(Base):
    """A filter of the queue or a search that a person keeps; `shared` by a lead, everyone sees it.

    `query` is the address's part after the question mark. With an alert, new matches are told to `alert_to`
    by `channel`; `mark` is the highest case, or post, that was looked at, `checked_at` when.
    """

    __tablename__ = "saved_filter"
    __table_args__ = (
        one_of("kind", FilterKind),
        one_of("channel", Channel),
        UniqueConstraint("user_id", "name"),
        CheckConstraint("name <> ''", name="name"),
        CheckConstraint("(channel IS NULL) = (alert_to = '')", name="alert"),
    )

    id: Mapped[int] = primary_key()
    user_id: Mapped[int] = to("user.id")
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(80))
    query: Mapped[str]
    shared: Mapped[bool] = mapped_column(default=False)
    channel: Mapped[str | None] = mapped_column(String(16))
    alert_to: Mapped[str] = mapped_column(default="")
    mark: Mapped[int] = mapped_column(Id, default=0)
    checked_at: Mapped[datetime]
    made_at: Mapped[datetime]

    user: Mapped[User] = relationship()


class Preference(Base):
    """How a person wants to work: minutes until a break is called to mind, 0 for never."""

    __tablename__ = "preference"
    __table_args__ = (CheckConstraint("break_minutes BETWEEN 0 AND 480", name="break_minutes"),)

    user_id: Mapped[int] = mapped_column(Id, ForeignKey("user.id"), primary_key=True)
    break_minutes: Mapped[int] = mapped_column(default=50)
