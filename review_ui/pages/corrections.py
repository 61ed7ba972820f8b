"""Corrections as a lead writes and publishes them, with how often their claim was seen before and since."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from api import problems, views
from api import reports as room
from api.auth import SignedIn, Who, desk_of
from review.errors import ReviewError
from review.permissions import Action, require
from review_ui.page import page, say
from store import claims, corrections
from store.corrections import SMS, Told

router = APIRouter()


class Sheet(BaseModel):
    """The form of a correction as it was filled in; `do` is the button that was pressed."""

    headline: str = ""
    body: str = ""
    short: str = ""
    spoken: str = ""
    reason: str = ""
    do: Literal["preview", "publish"] = "publish"

    def told(self) -> Told:
        return Told(self.headline, self.body, self.short, self.spoken)


Filled = Annotated[Sheet, Form()]


@router.get("/corrections")
def listing(request: Request, who: Who) -> Response:
    """List all corrections with how often their claim was seen before and since."""
    desk = desk_of(request)
    with desk.records.read() as session:
        found = room.every_correction(session, who.person, desk.clock())
    return page(request, "corrections.html", who, found=found)


@router.get("/corrections/{claim_id}")
def form(request: Request, who: Who, claim_id: str) -> Response:
    """Show the correction of a claim with its versions, and the form by which it is published (lead)."""
    with desk_of(request).records.read() as session:
        told = room.begun(session, who.person, claim_id)
    sheet = Sheet(headline=told.headline, body=told.body, short=told.short, spoken=told.spoken)
    return _form(request, who, claim_id, sheet)


@router.post("/corrections/{claim_id}")
def publish(request: Request, who: Who, claim_id: str, sheet: Filled) -> Response:
    """Publish a correction, or its next version (lead)."""
    if sheet.do == "preview":
        require(who.person, Action.LEAD)
        return _form(request, who, claim_id, sheet, preview=True)
    try:
        room.publish_correction(desk_of(request), who.person, claim_id, sheet.told(), sheet.reason)
    except room.NotTold as error:
        return _form(request, who, claim_id, sheet, error=error)
    return RedirectResponse(f"/corrections/{quote(claim_id, safe='')}", 303)


@router.post("/corrections/{claim_id}/withdraw")
def withdraw(request: Request, who: Who, claim_id: str, reason: Annotated[str, Form()] = "") -> Response:
    """Take a correction back, with a reason (lead)."""
    room.withdraw_correction(desk_of(request), who.person, claim_id, reason)
    return RedirectResponse(f"/corrections/{quote(claim_id, safe='')}", 303)


def _form(
    request: Request, who: SignedIn, claim_id: str, sheet: Sheet, *, preview: bool = False,
    error: ReviewError | None = None,
) -> Response:  # fmt: skip
    with desk_of(request).records.read() as session:
        claim = claims.newest(session, claim_id)
        rows = corrections.versions(session, claim_id)
        names = views.names(session, {row.by for row in rows})
    if claim is None:
        raise room.NoCorrection(claim=claim_id)
    return page(
        request, "correction_form.html", who, status=problems.status_of(error) if error else 200, claim=claim,
        versions=rows, names=names, sheet=sheet, preview=preview, sms=SMS,
        error=say(request, error.template, **error.values) if error else "",
    )  # fmt: skip
