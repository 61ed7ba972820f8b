"""The JSON API of quality: agreement, adjudication and known cases."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from api.auth import Who, desk_of
from api.bounds import Id
from api.schemas import Plain
from review import adjudication, golden, quality
from review.adjudication import Disputed
from review.decision import Verdict
from review.permissions import Action, may
from store.agreement import Agreement
from store.quality_tables import Golden
from store.vocabulary import Outcome

router = APIRouter(prefix="/api/v1")


class AgreementAnswer(Plain):
    """`kappa` with the bounds of its 95 % interval; null for fewer than ten pairs."""

    pairs: int
    same: int
    share: float | None
    kappa: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, found: Agreement) -> AgreementAnswer:
        return cls.model_validate(found)


class NumbersAnswer(Plain):
    """A reviewer's own numbers, as `review.quality.Numbers` says."""

    user_id: int
    name: str
    decisions: int
    second: AgreementAnswer
    known: AgreementAnswer
    settled: int
    right: int
    complaints: int
    changed: int


class DeskAnswer(Plain):
    """The agreement of the whole desk, by harm too, and how the sample was drawn."""

    all: AgreementAnswer
    known: AgreementAnswer
    harms: dict[str, AgreementAnswer]
    lots: int
    drawn: int
    least: float | None
    most: float | None
    waiting: int


class QualityAnswer(BaseModel):
    """`own` is null for who does not review, `people` for who is no lead."""

    since: datetime
    until: datetime
    desk: DeskAnswer
    own: NumbersAnswer | None
    people: list[NumbersAnswer] | None


class SideAnswer(Plain):
    reading: dict[str, Any]
    name: str


class AdjudicationRow(BaseModel):
    id: int
    why: str
    case_id: int
    opened_at: datetime
    settled_at: datetime | None
    outcome: str | None


class AdjudicationAnswer(AdjudicationRow):
    """Two readings of one text, in no order; names only when it is settled."""

    text: str
    edited: bool
    sides: list[SideAnswer]
    complaints: list[str]
    reason: str
    golden_id: int | None

    @classmethod
    def of(cls, found: Disputed) -> AdjudicationAnswer:
        row = found.row
        return cls(
            id=row.id, why=row.why, case_id=row.case_id, opened_at=row.opened_at, settled_at=row.settled_at,
            outcome=row.outcome, text=found.text, edited=found.edited,
            sides=[SideAnswer.model_validate(side) for side in found.sides],
            complaints=list(found.complaints), reason=row.reason,
            golden_id=found.golden.id if found.golden else None,
        )  # fmt: skip


class Settled(BaseModel):
    """Which outcome is right and why; with a correction its wording, with protected speech its act."""

    outcome: Outcome
    reason: str
    correction: str = ""
    act: str = ""


class GoldenAnswer(BaseModel):
    """A case with a known answer, and how many answered it, and rightly."""

    id: int
    case_id: int
    outcome: str
    marked_at: datetime
    retired_at: datetime | None
    retired_why: str
    answered: int
    right: int

    @classmethod
    def of(cls, row: tuple[Golden, int, int]) -> GoldenAnswer:
        one, answered, right = row
        return cls(
            id=one.id, case_id=one.case_id, outcome=one.outcome, marked_at=one.marked_at,
            retired_at=one.retired_at, retired_why=one.retired_why, answered=answered, right=right,
        )  # fmt: skip


class Marked(BaseModel):
    adjudication: Id


class Made(BaseModel):
    id: int


class Reason(BaseModel):
    reason: str = ""


@router.get("/quality")
def numbers(
    request: Request, who: Who, weeks: Annotated[int, Query(ge=1, le=104)] = quality.WEEKS
) -> QualityAnswer:
    """Give agreement over the last full weeks, and one's own numbers; to a lead those of each reviewer."""
    desk = desk_of(request)
    period = quality.full_weeks(desk.clock(), weeks)
    person = who.person
    with desk.records.read() as session:
        whole = quality.desk(session, person, period)
        own = quality.own(session, person, person.id, period) if may(person, Action.REVIEW) else None
        people = quality.everybody(session, person, period) if may(person, Action.LEAD) else None
    return QualityAnswer(
        since=period.since, until=period.until, desk=DeskAnswer.model_validate(whole),
        own=NumbersAnswer.model_validate(own) if own else None,
        people=[NumbersAnswer.model_validate(one) for one in people] if people is not None else None,
    )  # fmt: skip


@router.get("/adjudications")
def disputes(request: Request, who: Who, settled: bool = False) -> list[AdjudicationRow]:
    """List what waits for a lead other than those who read it, or what was settled last (lead)."""
    with desk_of(request).records.read() as session:
        rows = adjudication.listing(session, who.person, settled=settled)
    return [
        AdjudicationRow(
            id=row.id, why=row.why, case_id=row.case_id, opened_at=row.opened_at, settled_at=row.settled_at,
            outcome=row.outcome,
        )
        for row in rows
    ]  # fmt: skip


@router.get("/adjudications/{adjudication_id}")
def dispute(request: Request, who: Who, adjudication_id: Id) -> AdjudicationAnswer:
    """Give both readings side by side (lead)."""
    with desk_of(request).records.read() as session:
        return AdjudicationAnswer.of(adjudication.load(session, who.person, adjudication_id))


@router.post("/adjudications/{adjudication_id}/settle")
def settle(request: Request, who: Who, adjudication_id: Id, given: Settled) -> None:
    """Say which outcome is right, and why (lead)."""
    desk = desk_of(request)
    verdict = Verdict(given.outcome, given.reason, given.correction, given.act)
    with desk.records.write() as session:
        adjudication.settle(session, who.person, adjudication_id, verdict, desk.clock())


@router.get("/golden")
def known(request: Request, who: Who) -> list[GoldenAnswer]:
    """List the cases with a known answer (lead)."""
    with desk_of(request).records.read() as session:
        return [GoldenAnswer.of(row) for row in golden.listing(session, who.person)]


@router.post("/golden", status_code=201)
def mark(request: Request, who: Who, given: Marked) -> Made:
    """Show a settled case again to others, unmarked (lead)."""
    desk = desk_of(request)
    with desk.records.write() as session:
        return Made(id=golden.mark(session, who.person, given.adjudication, desk.clock()).id)


@router.post("/golden/{golden_id}/retire")
def retire(request: Request, who: Who, golden_id: Id, given: Reason) -> None:
    """Show it to nobody any more, with a reason (lead)."""
    desk = desk_of(request)
    with desk.records.write() as session:
        golden.retire(session, who.person, golden_id, given.reason, desk.clock())
