"""Redress: a letter about a decision is read with the case by somebody who had no part in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from review import case as cases
from review import complaint as moves
from review import second_review
from review.case_page import CasePage
from review.case_page import load as load_case
from review.errors import (
    MustBeSomebodyElse,
    NoSuchComplaint,
    NotAllowed,
    NotAssigned,
    NotStanding,
    ReasonNeeded,
    ReferenceTaken,
)
from review.permissions import Action, Person, may, require
from review.reading import Reading, who_know
from store.complaint_tables import Complaint
from store.records import lock
from store.tables import Case, Decision, Post, User
from store.vocabulary import CaseState, ComplaintKind, ComplaintState, Role, SecondReviewWhy

OPEN = (ComplaintState.RECEIVED, ComplaintState.ASSIGNED, ComplaintState.DISPUTED)
_UNREAD = (ComplaintState.RECEIVED, ComplaintState.ASSIGNED)
# Law on Complaints 02/2011/QH13, article 28: thirty days for a first complaint.
DUE_DAYS = 30


@dataclass(frozen=True)
class Letter:
    """What staff type in of a letter: its number in the register, its day, and what it says."""

    kind: ComplaintKind
    reference: str
    received_on: date
    said: str


@dataclass(frozen=True)
class Handled:
    """A complaint with its case. `blind` says that who looks is to read it, or may still be asked to: then
    they are not told what was decided. `candidates` are those to whom a lead may give it."""

    complaint: Complaint
    case: CasePage
    blind: bool
    candidates: Sequence[User]


def receive(session: Session, person: Person, case_id: int, letter: Letter, at: datetime) -> Complaint:
    """Keep a letter about the decision that stands on a case.

    Raises `ReasonNeeded` without a number or words, `ReferenceTaken`, `NoSuchCase`, `NotStanding`.
    """
    require(person, Action.REVIEW)
    reference, said = letter.reference.strip(), letter.said.strip()
    if not reference or not said:
        raise ReasonNeeded()
    lock(session, "complaint")
    if session.scalar(select(Complaint.id).where(Complaint.reference == reference)) is not None:
        raise ReferenceTaken(reference=reference)
    case = cases.get(session, case_id)
    decision = session.scalar(
        select(Decision)
        .where(Decision.case_id == case_id, Decision.undone_at.is_(None))
        .order_by(Decision.id.desc())
        .limit(1)
    )
    if case.state != CaseState.DECIDED or decision is None:
        raise NotStanding(case=case_id)
    cases.require_text(session, case)
    complaint = Complaint(
        kind=letter.kind, reference=reference, received_on=letter.received_on, said=said, case_id=case_id,
        decision_id=decision.id, decider_id=decision.user_id, typed_by=person.id, typed_at=at,
    )  # fmt: skip
    session.add(complaint)
    session.flush()
    moves.record(session, complaint, person.actor, "received", kind=letter.kind, reference=reference)
    return complaint


def assign(session: Session, person: Person, complaint_id: int, to: int, at: datetime) -> None:
    """Give a complaint, and others that wait for the same reading, to somebody with no part in the case.

    Raises `NoSuchComplaint`, `IllegalMove`, `MustBeSomebodyElse`.
    """
    require(person, Action.LEAD)
    complaint = _get(session, complaint_id)
    moves.move(ComplaintState(complaint.state), ComplaintState.ASSIGNED)
    case = cases.get(session, complaint.case_id)
    knowing = who_know(session, case.id) | {complaint.decider_id}
    if to in knowing or to not in {user.id for user in _reviewers(session)}:
        raise MustBeSomebodyElse()
    review = second_review.ask(session, case, SecondReviewWhy.COMPLAINT, knowing, at)
    together = session.scalars(
        select(Complaint).where(
            (Complaint.id == complaint.id)
            | ((Complaint.review_id == review.id) & (Complaint.state == ComplaintState.ASSIGNED))
        )
    ).all()
    for one in together:
        one.assigned_id, one.review_id = to, review.id
        moves.change_state(one, ComplaintState.ASSIGNED)
        session.flush()
        moves.record(session, one, person.actor, "assigned", to=to, review=review.id)


def answer(
    session: Session, person: Person, complaint_id: int, reading: Reading, seen: str, at: datetime
) -> Complaint:
    """Keep what the one to whom it was given found, told of the letter but not of the decision; return it.

    The same outcome upholds the decision; another goes to a lead. Raises `NoSuchComplaint`, `NotAssigned`,
    `IllegalMove`, and what `second_review.answer` raises.
    """
    require(person, Action.REVIEW)
    complaint = _get(session, complaint_id)
    if complaint.assigned_id != person.id or complaint.review_id is None:
        raise NotAssigned()
    moves.move(ComplaintState(complaint.state), ComplaintState.DISPUTED)
    reading.check()
    second_review.answer(
        session, person, complaint.review_id, reading.outcome, str(reading.act), reading.harms,
        reading.reason, seen, at,
    )  # fmt: skip
    session.refresh(complaint)
    return complaint


def withdraw(session: Session, person: Person, complaint_id: int, reason: str, at: datetime) -> None:
    """End a complaint that its writer took back; raises `NoSuchComplaint`, `ReasonNeeded`, `IllegalMove`."""
    require(person, Action.LEAD)
    if not reason.strip():
        raise ReasonNeeded()
    complaint = _get(session, complaint_id)
    moves.close(session, complaint, ComplaintState.WITHDRAWN, reason.strip(), person.actor, at)


def listing(
    session: Session, person: Person, *, closed: bool, offset: int = 0, limit: int = 50
) -> Sequence[Complaint]:
    """Return complaints: those that wait, oldest letter first, or those that ended, latest first."""
    _require_concerned(person)
    query = select(Complaint).options(joinedload(Complaint.assigned))
    if closed:
        query = query.where(Complaint.closed_at.is_not(None)).order_by(
            Complaint.closed_at.desc(), Complaint.id
        )
    else:
        query = query.where(Complaint.closed_at.is_(None)).order_by(Complaint.received_on, Complaint.id)
    return session.scalars(query.offset(offset).limit(limit)).all()


def load(session: Session, person: Person, complaint_id: int) -> Handled:
    """Return a complaint with its case; raises `NoSuchComplaint`."""
    _require_concerned(person)
    complaint = session.scalar(
        select(Complaint)
        .where(Complaint.id == complaint_id)
        .options(
            joinedload(Complaint.assigned),
            joinedload(Complaint.decision),
            joinedload(Complaint.case).joinedload(Case.post).joinedload(Post.source),
        )
    )
    if complaint is None:
        raise NoSuchComplaint(complaint=complaint_id)
    knowing = who_know(session, complaint.case_id) | {complaint.decider_id}
    return Handled(
        complaint=complaint,
        case=load_case(session, person, complaint.case_id),
        blind=complaint.state in _UNREAD
        and (complaint.assigned_id == person.id or not may(person, Action.AUDIT)),
        candidates=[user for user in _reviewers(session) if user.id not in knowing],
    )


def _reviewers(session: Session) -> Sequence[User]:
    roles = [role for role in Role if may(Person(0, role), Action.REVIEW)]
    return session.scalars(
        select(User).where(User.active, User.role.in_(roles)).order_by(User.name, User.id)
    ).all()


def _get(session: Session, complaint_id: int) -> Complaint:
    complaint = session.scalar(
        select(Complaint)
        .where(Complaint.id == complaint_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if complaint is None:
        raise NoSuchComplaint(complaint=complaint_id)
    return complaint


def _require_concerned(person: Person) -> None:
    # Not for the liaison: who complains must not come to the eyes of the police by that.
    if not (may(person, Action.REVIEW) or may(person, Action.AUDIT)):
        raise NotAllowed(role=person.role)
