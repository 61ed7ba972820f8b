"""The JSON API of redress: letters about decisions, typed in, given to somebody else, and answered."""

from __future__ import annotations

from datetime import date, datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel

from api.auth import Who, desk_of
from api.bounds import Count, Day, Id
from api.quality_routes import Reason
from api.second_review_routes import AnswerGiven
from review import redress
from review.redress import Handled, Letter
from store.complaint_tables import Complaint
from store.vocabulary import ComplaintKind

router = APIRouter(prefix="/api/v1/complaints")
PAGE = 50


class New(BaseModel):
    """A letter: about which case, its number in the register, its day, and what it says. Nobody's name."""

    case_id: Id
    kind: ComplaintKind
    reference: str
    received_on: Day
    said: str

    def letter(self) -> Letter:
        return Letter(self.kind, self.reference, self.received_on, self.said)


class ComplaintRow(BaseModel):
    """`answer` is what the writer is told, "" until it is closed."""

    id: int
    case_id: int
    kind: str
    state: str
    reference: str
    received_on: date
    assigned_to: str | None
    closed_at: datetime | None
    answer: str

    @classmethod
    def of(cls, row: Complaint) -> ComplaintRow:
        return cls(
            id=row.id, case_id=row.case_id, kind=row.kind, state=row.state, reference=row.reference,
            received_on=row.received_on, assigned_to=row.assigned.name if row.assigned else None,
            closed_at=row.closed_at, answer=row.answer,
        )  # fmt: skip


class Candidate(BaseModel):
    id: int
    name: str


class ComplaintAnswer(ComplaintRow):
    """One complaint with its text. `decided` is null for who is to read the case blind.

    `candidates` had no part in the case; to one of them a lead gives it.
    """

    said: str
    text: str
    content_hash: str
    decided: str | None
    candidates: list[Candidate]

    @classmethod
    def of_one(cls, found: Handled) -> ComplaintAnswer:
        row = found.complaint
        return cls(
            **ComplaintRow.of(row).model_dump(), said=row.said, text=found.case.post.text,
            content_hash=found.case.case.content_hash, decided=None if found.blind else row.decision.outcome,
            candidates=[Candidate(id=user.id, name=user.name) for user in found.candidates],
        )  # fmt: skip


class Assigned(BaseModel):
    to: Id


@router.get("")
def listing(request: Request, who: Who, closed: bool = False, offset: Count = 0) -> list[ComplaintRow]:
    """List complaints that wait, oldest letter first, or that ended (who reviews, or audits)."""
    with desk_of(request).records.read() as session:
        rows = redress.listing(session, who.person, closed=closed, offset=offset, limit=PAGE)
    return [ComplaintRow.of(row) for row in rows]


@router.post("", status_code=201)
def receive(request: Request, who: Who, given: New) -> ComplaintRow:
    """Type a letter in."""
    desk = desk_of(request)
    with desk.records.write() as session:
        return ComplaintRow.of(
            redress.receive(session, who.person, given.case_id, given.letter(), desk.clock())
        )


@router.get("/{complaint_id}")
def one(request: Request, who: Who, complaint_id: Id) -> ComplaintAnswer:
    with desk_of(request).records.read() as session:
        return ComplaintAnswer.of_one(redress.load(session, who.person, complaint_id))


@router.post("/{complaint_id}/assign")
def assign(request: Request, who: Who, complaint_id: Id, given: Assigned) -> None:
    """Give it to somebody who had no part in the case (lead)."""
    desk = desk_of(request)
    with desk.records.write() as session:
        redress.assign(session, who.person, complaint_id, given.to, desk.clock())


@router.post("/{complaint_id}/answer")
def answer(request: Request, who: Who, complaint_id: Id, given: AnswerGiven) -> ComplaintRow:
    """Say what one found in the case, knowing the letter and not the decision (to whom it was given)."""
    desk = desk_of(request)
    with desk.records.write() as session:
        found = redress.answer(session, who.person, complaint_id, given.reading(), given.seen, desk.clock())
        return ComplaintRow.of(found)


@router.post("/{complaint_id}/withdraw")
def withdraw(request: Request, who: Who, complaint_id: Id, given: Reason) -> None:
    """End it, for its writer took it back (lead)."""
    desk = desk_of(request)
    with desk.records.write() as session:
        redress.withdraw(session, who.person, complaint_id, given.reason, desk.clock())
