"""What reviewers say beside a decision: which near copies say the same, and notes for each other."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from store.base import Base, Id, one_of, primary_key, to
from store.tables import User
from store.vocabulary import CopyVerdict


class CopyMark(Base):
    """What a person found of a near copy: that it says the same as the text under review, or something else.

    It is of two texts, not of two posts: `shown` is the content hash of the text of the case, `copy` that of
    the other. Once either is edited the pair is another and nobody has said anything of it yet.
    """

    __tablename__ = "copy_mark"
    __table_args__ = (one_of("verdict", CopyVerdict), CheckConstraint("shown <> copy", name="two_texts"))

    case_id: Mapped[int] = mapped_column(Id, ForeignKey("case.id"), primary_key=True)
    shown: Mapped[str] = mapped_column(String(64), primary_key=True)
    copy: Mapped[str] = mapped_column(String(64), primary_key=True)
    verdict: Mapped[str] = mapped_column(String(16))
    user_id: Mapped[int] = to("user.id")
    at: Mapped[datetime]


class Note(Base):
    """A reviewer's note to colleagues on a case; never sent out, never changed or removed (triggers)."""

    __tablename__ = "note"
    __table_args__ = (CheckConstraint("text <> ''", name="text"),)

    id: Mapped[int] = primary_key()
    case_id: Mapped[int] = to("case.id", index=True)
    user_id: Mapped[int] = to("user.id")
    text: Mapped[str]
    at: Mapped[datetime]

    user: Mapped[User] = relationship()
