"""How well the desk reads: the lots of the sample, cases with a known answer, what a lead settled."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from store.base import Base, Id, one_of, primary_key, to
from store.tables import Case, Decision, User
from store.vocabulary import Dispute, Outcome


class Draw(Base):
    """The lot of one decision: drawn for a second review when `lot` < `share`. Never changed or removed.

    `lot` is in [0, 1); `review_id` is the review that came of it, None when none did.
    """

    __tablename__ = "draw"
    __table_args__ = (
        CheckConstraint("lot >= 0 AND lot < 1", name="lot"),
        CheckConstraint("share >= 0 AND share <= 1", name="share"),
    )

    decision_id: Mapped[int] = mapped_column(Id, ForeignKey("decision.id"), primary_key=True)
    lot: Mapped[float]
    share: Mapped[float]
    review_id: Mapped[int | None] = to("second_review.id", index=True)
    at: Mapped[datetime]

    decision: Mapped[Decision] = relationship()


class Adjudication(Base):
    """Two readings of one text that differ, and what a lead who gave neither settled.

    `about` names what differs, `second_review:ID` or `golden_answer:ID`. `first` and `second` are readings as
    `review.reading.Reading` writes them; the first of a case with a known answer is nobody's. A trigger
    refuses to change one that is settled.
    """

    __tablename__ = "adjudication"
    __table_args__ = (
        one_of("why", Dispute),
        CheckConstraint(
            "(settled_at IS NULL) = (lead_id IS NULL) AND (settled_at IS NULL) = (outcome IS NULL)",
            name="settled",
        ),
        CheckConstraint(
            f"outcome IS NULL OR outcome IN ({', '.join(repr(word.value) for word in Outcome)})",
            name="outcome",
        ),
        CheckConstraint("settled_at IS NULL OR reason <> ''", name="reason"),
        CheckConstraint(
            "lead_id IS NULL OR (lead_id <> second_id AND (first_id IS NULL OR lead_id <> first_id))",
            name="third_person",
        ),
    )

    id: Mapped[int] = primary_key()
    about: Mapped[str] = mapped_column(String(64), unique=True)
    why: Mapped[str] = mapped_column(String(16))
    case_id: Mapped[int] = to("case.id", index=True)
    content_hash: Mapped[str] = mapped_column(String(64))
    first_id: Mapped[int | None] = to("user.id")
    first: Mapped[dict[str, Any]]
    second_id: Mapped[int] = to("user.id")
    second: Mapped[dict[str, Any]]
    opened_at: Mapped[datetime]
    lead_id: Mapped[int | None] = to("user.id")
    outcome: Mapped[str | None] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(default="")
    settled_at: Mapped[datetime | None]

    case: Mapped[Case] = relationship()
    first_reader: Mapped[User | None] = relationship(foreign_keys=[first_id])
    second_reader: Mapped[User] = relationship(foreign_keys=[second_id])
    lead: Mapped[User | None] = relationship(foreign_keys=[lead_id])


class Golden(Base):
    """A text of a case of which the right outcome is known, for a lead settled it; shown again, unmarked."""

    __tablename__ = "golden"
    __table_args__ = (
        CheckConstraint(
            "(retired_at IS NULL) = (retired_by IS NULL) AND (retired_at IS NULL OR retired_why <> '')",
            name="retired",
        ),
    )

    id: Mapped[int] = primary_key()
    adjudication_id: Mapped[int] = mapped_column(Id, ForeignKey("adjudication.id"), unique=True)
    case_id: Mapped[int] = to("case.id", index=True)
    content_hash: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(16))
    marked_by: Mapped[int] = to("user.id")
    marked_at: Mapped[datetime]
    retired_by: Mapped[int | None] = to("user.id")
    retired_at: Mapped[datetime | None]
    retired_why: Mapped[str] = mapped_column(default="")

    case: Mapped[Case] = relationship()


class GoldenAnswer(Base):
    """A person was asked to read a case with a known answer, and what they answered, once (a trigger)."""

    __tablename__ = "golden_answer"
    __table_args__ = (
        UniqueConstraint("golden_id", "user_id", name="uq_golden_answer_golden_id_user_id"),
        CheckConstraint(
            "(answered_at IS NULL) = (outcome IS NULL) AND (answered_at IS NULL) = (act IS NULL)",
            name="answer",
        ),
        CheckConstraint(
            f"outcome IS NULL OR outcome IN ({', '.join(repr(word.value) for word in Outcome)})",
            name="outcome",
        ),
    )

    id: Mapped[int] = primary_key()
    golden_id: Mapped[int] = to("golden.id")
    user_id: Mapped[int] = to("user.id", index=True)
    asked_at: Mapped[datetime]
    outcome: Mapped[str | None] = mapped_column(String(16))
    act: Mapped[str | None] = mapped_column(String(32))
    harms: Mapped[list[Any]] = mapped_column(default=list)
    reason: Mapped[str] = mapped_column(default="")
    answered_at: Mapped[datetime | None]

    golden: Mapped[Golden] = relationship()
