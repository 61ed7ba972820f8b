"""How well readings agree, one's own numbers, and the readings that a lead is asked to settle."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from api import problems
from api.auth import SignedIn, Who, desk_of
from api.bounds import Id
from review import adjudication, golden, quality
from review.decision import ActNeeded, Verdict
from review.errors import CorrectionNeeded, ReasonNeeded, ReviewError
from review.permissions import Action, may
from review_ui.page import page, say
from store.vocabulary import Outcome

router = APIRouter()

Text = Annotated[str, Form()]
CHOICES = (4, 12, 26, 52)


@router.get("/quality")
def numbers(
    request: Request, who: Who, weeks: Annotated[int, Query(ge=1, le=104)] = quality.WEEKS
) -> Response:
    """Show agreement and one's own numbers; to a lead those of each reviewer, and the known cases."""
    desk = desk_of(request)
    period = quality.full_weeks(desk.clock(), weeks)
    person = who.person
    lead = may(person, Action.LEAD)
    with desk.records.read() as session:
        whole = quality.desk(session, person, period)
        own = quality.own(session, person, person.id, period) if may(person, Action.REVIEW) else None
        people = quality.everybody(session, person, period) if lead else []
        known = golden.listing(session, person) if lead else []
        disputes = adjudication.listing(session, person) if lead else []
    return page(
        request, "quality.html", who, last=period.until - timedelta(days=1), whole=whole, own=own,
        people=people, known=known,
        disputes=len(disputes), weeks=weeks, choices=CHOICES,
    )  # fmt: skip


@router.post("/quality/golden/{golden_id}/retire")
def retire(request: Request, who: Who, golden_id: Id, reason: Text = "") -> Response:
    """Show a known case to nobody any more (lead)."""
    desk = desk_of(request)
    with desk.records.write() as session:
        golden.retire(session, who.person, golden_id, reason, desk.clock())
    return RedirectResponse("/quality", 303)


@router.get("/adjudication")
def disputes(request: Request, who: Who, settled: bool = False) -> Response:
    """List what waits for a lead, or what was settled last (lead)."""
    with desk_of(request).records.read() as session:
        rows = adjudication.listing(session, who.person, settled=settled)
    return page(request, "adjudications.html", who, rows=rows, settled=settled)


@router.get("/adjudication/{adjudication_id}")
def dispute(request: Request, who: Who, adjudication_id: Id) -> Response:
    """Show two readings of one text side by side (lead)."""
    return _show(request, who, adjudication_id)


@router.post("/adjudication/{adjudication_id}/settle")
def settle(
    request: Request, who: Who, adjudication_id: Id, outcome: Annotated[Outcome, Form()], reason: Text = "",
    correction: Text = "",
    act: Text = "",
) -> Response:  # fmt: skip
    """Say which outcome is right (lead); what is missing is asked for, with what was written kept."""
    desk = desk_of(request)
    verdict = Verdict(outcome, reason, correction, act)
    try:
        with desk.records.write() as session:
            adjudication.settle(session, who.person, adjudication_id, verdict, desk.clock())
    except (ActNeeded, ReasonNeeded, CorrectionNeeded) as error:
        return _show(request, who, adjudication_id, verdict, error)
    return RedirectResponse(f"/adjudication/{adjudication_id}", 303)


@router.post("/adjudication/{adjudication_id}/golden")
def mark(request: Request, who: Who, adjudication_id: Id) -> Response:
    """Keep what was settled as a known answer (lead)."""
    desk = desk_of(request)
    with desk.records.write() as session:
        golden.mark(session, who.person, adjudication_id, desk.clock())
    return RedirectResponse(f"/adjudication/{adjudication_id}", 303)


def _show(
    request: Request,
    who: SignedIn,
    number: int,
    given: Verdict | None = None,
    error: ReviewError | None = None,
) -> Response:
    with desk_of(request).records.read() as session:
        found = adjudication.load(session, who.person, number)
    return page(
        request, "adjudication.html", who, found=found, given=given, outcomes=list(Outcome),
        error=say(request, error.template, **error.values) if error else "",
        status=problems.status_of(error) if error else 200,
    )  # fmt: skip
