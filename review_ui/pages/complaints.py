"""Letters about decisions: what waits, a form to type one in, and one with what is to be done."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from api import problems
from api.auth import SignedIn, Who, desk_of
from api.bounds import Count, Day, Id
from api.complaint_routes import PAGE
from review import redress
from review.errors import NoSuchCase, NotStanding, ReasonNeeded, ReferenceTaken, ReviewError
from review.permissions import Action, require
from review.redress import Letter
from review_ui.page import page, say
from review_ui.reading_form import Answer, incomplete
from review_ui.render import VIETNAM
from store.vocabulary import ComplaintKind, Outcome

router = APIRouter()

Text = Annotated[str, Form()]
_ROW = re.compile("[1-9][0-9]{0,17}")


class Sheet(BaseModel):
    """The form of a letter as it was filled in."""

    case: str = ""
    kind: ComplaintKind = ComplaintKind.COMPLAINT
    reference: str = ""
    received_on: Day | None = None
    said: str = ""


@router.get("/complaints")
def listing(request: Request, who: Who, closed: bool = False, offset: Count = 0) -> Response:
    """List letters that wait, or that were answered."""
    desk = desk_of(request)
    with desk.records.read() as session:
        rows = redress.listing(session, who.person, closed=closed, offset=offset, limit=PAGE + 1)
    return page(
        request, "complaints.html", who, rows=rows[:PAGE], closed=closed, offset=offset,
        more=len(rows) > PAGE, today=_today(request), due=redress.DUE_DAYS, size=PAGE,
    )  # fmt: skip


@router.get("/complaints/new")
def empty(request: Request, who: Who, case: str = "") -> Response:
    """Show the empty form of a letter."""
    require(who.person, Action.REVIEW)
    return _form(request, who, Sheet(case=case))


@router.post("/complaints/new")
def receive(request: Request, who: Who, sheet: Annotated[Sheet, Form()]) -> Response:
    """Keep a letter that was typed in; what is missing or wrong comes back with the form."""
    require(who.person, Action.REVIEW)
    if not _ROW.fullmatch(sheet.case.strip()) or sheet.received_on is None:
        return _form(request, who, sheet, say(request, "Hãy ghi số ca và ngày nhận đơn."), 422)
    letter = Letter(sheet.kind, sheet.reference, sheet.received_on, sheet.said)
    desk = desk_of(request)
    try:
        with desk.records.write() as session:
            made = redress.receive(session, who.person, int(sheet.case), letter, desk.clock()).id
    except (NoSuchCase, NotStanding, ReasonNeeded, ReferenceTaken) as error:
        return _form(request, who, sheet, *_words(request, error))
    return _to(made)


@router.get("/complaints/{complaint_id}")
def one(request: Request, who: Who, complaint_id: Id) -> Response:
    """Show a letter with the case it is about."""
    return _one(request, who, complaint_id, Answer())


@router.post("/complaints/{complaint_id}/assign")
def assign(request: Request, who: Who, complaint_id: Id, to: Annotated[Id, Form()]) -> Response:
    """Give it to somebody who had no part in the case (lead)."""
    desk = desk_of(request)
    with desk.records.write() as session:
        redress.assign(session, who.person, complaint_id, to, desk.clock())
    return _to(complaint_id)


@router.post("/complaints/{complaint_id}/answer")
def answer(request: Request, who: Who, complaint_id: Id, given: Annotated[Answer, Form()]) -> Response:
    """Keep what the one to whom it was given found."""
    require(who.person, Action.REVIEW)
    reading = given.reading()
    if reading is None:
        return _one(request, who, complaint_id, given, incomplete(request), 422)
    desk = desk_of(request)
    try:
        with desk.records.write() as session:
            redress.answer(session, who.person, complaint_id, reading, given.seen, desk.clock())
    except ReasonNeeded as error:
        return _one(request, who, complaint_id, given, *_words(request, error))
    return _to(complaint_id)


@router.post("/complaints/{complaint_id}/withdraw")
def withdraw(request: Request, who: Who, complaint_id: Id, reason: Text = "") -> Response:
    """End it, for its writer took it back (lead)."""
    desk = desk_of(request)
    with desk.records.write() as session:
        redress.withdraw(session, who.person, complaint_id, reason, desk.clock())
    return _to(complaint_id)


def _form(request: Request, who: SignedIn, sheet: Sheet, error: str = "", status: int = 200) -> Response:
    return page(
        request, "complaint_form.html", who, status=status, sheet=sheet, error=error,
        kinds=list(ComplaintKind), today=_today(request),
    )  # fmt: skip


def _one(
    request: Request, who: SignedIn, number: int, given: Answer, error: str = "", status: int = 200
) -> Response:
    with desk_of(request).records.read() as session:
        found = redress.load(session, who.person, number)
    return page(
        request, "complaint.html", who, status=status, found=found, given=given, error=error,
        outcomes=list(Outcome), today=_today(request), due=redress.DUE_DAYS,
    )  # fmt: skip


def _words(request: Request, error: ReviewError) -> tuple[str, int]:
    return say(request, error.template, **error.values), problems.status_of(error)


def _today(request: Request) -> date:
    return desk_of(request).clock().astimezone(VIETNAM).date()


def _to(number: int) -> Response:
    return RedirectResponse(f"/complaints/{number}", 303)
