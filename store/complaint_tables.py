"""Complaints and requests for correction about decisions, as staff typed them in."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from store.base import Base, one_of, primary_key, to
from store.tables import Case, Decision, User
from store.vocabulary import ComplaintKind, ComplaintState


class Complaint(Base):
    """A letter about one decision, and what became of it.

    `reference` is the letter's number in the register of mail: who wrote it is there, and not here. `said` is
    what it says. `decider_id` is who made the decision, kept here too so that the database itself can refuse
    to let them judge the complaint. `answer` is what the writer is told.
    """

    __tablename__ = "complaint"
    __table_args__ = (
        one_of("kind", ComplaintKind),
        one_of("state", ComplaintState),
        CheckConstraint("reference <> '' AND said <> ''", name="whole"),
        CheckConstraint("assigned_id IS NULL OR assigned_id <> decider_id", name="somebody_else"),
        CheckConstraint(
            "state IN ('received', 'withdrawn') OR (assigned_id IS NOT NULL AND review_id IS NOT NULL)",
            name="reviewed",
        ),
        CheckConstraint(
            "(closed_at IS NOT NULL) = (state IN ('upheld', 'changed', 'withdrawn'))"
            " AND (closed_at IS NULL OR answer <> '')",
            name="closed",
        ),
    )

    id: Mapped[int] = primary_key()
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16), default=ComplaintState.RECEIVED)
    reference: Mapped[str] = mapped_column(String(100), unique=True)
    received_on: Mapped[date]
    said: Mapped[str]
    case_id: Mapped[int] = to("case.id", index=True)
    decision_id: Mapped[int] = to("decision.id")
    decider_id: Mapped[int] = to("user.id")
    typed_by: Mapped[int] = to("user.id")
    typed_at: Mapped[datetime]
    assigned_id: Mapped[int | None] = to("user.id", index=True)
    review_id: Mapped[int | None] = to("second_review.id", index=True)
    answer: Mapped[str] = mapped_column(default="")
    closed_at: Mapped[datetime | None]

    case: Mapped[Case] = relationship()
    decision: Mapped[Decision] = relationship()
    assigned: Mapped[User | None] = relationship(foreign_keys=[assigned_id])
