"""What is held of posts and why, and the legal holds."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from api.auth import Who, desk_of
from api.bounds import Id
from review import legal_hold
from review.permissions import Action, require
from review_ui.page import page
from store.holdings import holdings

router = APIRouter()

Text = Annotated[str, Form()]


@router.get("/privacy")
def privacy(request: Request, who: Who) -> Response:
    """Show what is held, how long and why (lead, auditor)."""
    require(who.person, Action.AUDIT)
    desk = desk_of(request)
    with desk.records.read() as session:
        held = holdings(session, desk.terms, desk.clock())
        holds = legal_hold.standing(session, who.person)
    return page(request, "privacy.html", who, held=held, holds=holds)


@router.post("/privacy/holds")
def place(
    request: Request,
    who: Who,
    number: Annotated[Id, Form()],
    subject: Annotated[Literal["case", "post"], Form()] = "case",
    reason: Text = "",
) -> Response:
    """Hold a case or a post."""
    desk = desk_of(request)
    with desk.records.write() as session:
        legal_hold.place(session, who.person, subject, number, reason, desk.clock())
    return RedirectResponse("/privacy", 303)


@router.post("/privacy/holds/{hold_id}/lift")
def lift(request: Request, who: Who, hold_id: Id, reason: Text = "") -> Response:
    """Lift a hold."""
    desk = desk_of(request)
    with desk.records.write() as session:
        legal_hold.lift(session, who.person, hold_id, reason, desk.clock())
    return RedirectResponse("/privacy", 303)
