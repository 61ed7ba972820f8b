"""What waits for a person to be read blind: second reviews and, unmarked among them, known cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from review import golden, second_review
from review.errors import NothingToRead
from review.permissions import Action, Person, may, require
from review.reading import Reading
from store.complaint_tables import Complaint
from store.second_review_tables import SecondReview
from store.tables import Case
from store.vocabulary import ComplaintState, SecondReviewWhy


@dataclass(frozen=True)
class Unread:
    """A case that waits; named by the case alone, so that nothing tells why it was asked for."""

    case: Case
    asked_at: datetime


def waiting(session: Session, person: Person, case_id: int | None = None) -> list[Unread]:
    """Return what waits for `person`, asked first first, each case once. Two queries.

    With `case_id` that case alone. Without the reviews of complaints: those are one person's, who reads the
    complaint too.
    """
    found: dict[int, Unread] = {}
    unread = [
        *(Unread(one.case, one.asked_at) for one in _reviews(session, person, case_id)),
        *(Unread(one.golden.case, one.asked_at) for one in golden.waiting(session, person, case_id)),
    ]
    for one in sorted(unread, key=lambda one: (one.asked_at, one.case.id)):
        found.setdefault(one.case.id, one)
    return list(found.values())


def awaits(session: Session, person: Person, case_id: int) -> bool:
    """Say whether `person` is to read a case blind; then they are shown nothing of what others said of it."""
    if not may(person, Action.REVIEW):
        return False
    complaint = exists().where(
        Complaint.case_id == case_id,
        Complaint.assigned_id == person.id,
        Complaint.state == ComplaintState.ASSIGNED,
    )
    review = second_review.unanswered(person, case_id).where(SecondReview.why != SecondReviewWhy.COMPLAINT)
    known = golden.unanswered(person, case_id)
    return bool(session.scalar(select(or_(complaint, review.exists(), known.exists()))))


def to_read(session: Session, person: Person, case_id: int) -> Unread:
    """Return a case that waits for `person`; raises `NothingToRead`."""
    for one in waiting(session, person, case_id):
        return one
    raise NothingToRead(case=case_id)


def answer(session: Session, person: Person, case_id: int, reading: Reading, seen: str, at: datetime) -> None:
    """Keep what `person` found in a case that waits for them, for all that it was asked for.

    `seen` is the content hash of the text shown. Raises `NotAllowed`, `NothingToRead`, `CaseChanged` and what
    `Reading.check` raises.
    """
    require(person, Action.REVIEW)
    reading.check()
    reviews = _reviews(session, person, case_id)
    known = golden.waiting(session, person, case_id)
    if not reviews and not known:
        raise NothingToRead(case=case_id)
    for review in reviews:
        second_review.answer(
            session,
            person,
            review.id,
            reading.outcome,
            str(reading.act),
            reading.harms,
            reading.reason,
            seen,
            at,
        )
    for asked in known:
        golden.answer(session, person, asked, reading, seen, at)


def _reviews(session: Session, person: Person, case_id: int | None) -> Sequence[SecondReview]:
    found = second_review.waiting(session, person, case_id)
    return [one for one in found if one.why != SecondReviewWhy.COMPLAINT]
