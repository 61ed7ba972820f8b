"""Second looks at what a case shows, by somebody who is told nothing of the first."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from store.base import Base, Id, one_of, primary_key, to
from store.tables import Case, User
from store.vocabulary import Outcome, SecondReviewWhy


class SecondReview(Base):
    """One blind review of a text (`content_hash`) of a case: asked for, then answered once and for all.

    At most one of each `why` waits for a text. `harms` are keys of the label scheme; `grounds` are the
    referral rules of `policy`, the policy in force when it was answered, that those harms are grounds for;
    `protected` says that it found protected speech, and then there are none. A trigger refuses to change or
    remove an answer, and to take one from a person who is barred.
    """

    __tablename__ = "second_review"
    __table_args__ = (
        one_of("why", SecondReviewWhy),
        CheckConstraint(
            f"outcome IS NULL OR outcome IN ({', '.join(repr(word.value) for word in Outcome)})",
            name="outcome",
        ),
        CheckConstraint(
            "(answered_at IS NULL) = (reviewer_id IS NULL) AND (answered_at IS NULL) = (outcome IS NULL)"
            " AND (answered_at IS NULL) = (act IS NULL) AND (answered_at IS NULL) = (protected IS NULL)",
            name="answer",
        ),
        CheckConstraint("outcome <> 'protected' OR protected", name="protected"),
        Index(
            "uq_second_review_waiting",
            "case_id",
            "content_hash",
            "why",
            unique=True,
            sqlite_where=text("answered_at IS NULL"),
            postgresql_where=text("answered_at IS NULL"),
        ),
    )

    id: Mapped[int] = primary_key()
    case_id: Mapped[int] = to("case.id", index=True)
    content_hash: Mapped[str] = mapped_column(String(64))
    why: Mapped[str] = mapped_column(String(16))
    asked_at: Mapped[datetime]
    reviewer_id: Mapped[int | None] = to("user.id", index=True)
    outcome: Mapped[str | None] = mapped_column(String(16))
    act: Mapped[str | None] = mapped_column(String(32))
    harms: Mapped[list[Any]] = mapped_column(default=list)
    protected: Mapped[bool | None]
    policy: Mapped[str | None] = mapped_column(String(100))
    grounds: Mapped[list[Any]] = mapped_column(default=list)
    reason: Mapped[str] = mapped_column(default="")
    answered_at: Mapped[datetime | None]

    case: Mapped[Case] = relationship()
    reviewer: Mapped[User | None] = relationship()


class SecondReviewBar(Base):
    """A person who must not answer a second review: they know what the first one said."""

    __tablename__ = "second_review_bar"

    review_id: Mapped[int] = mapped_column(Id, ForeignKey("second_review.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(Id, ForeignKey("user.id"), primary_key=True)
