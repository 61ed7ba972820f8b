"""One's own access tokens: made with a name and scopes, shown once, revoked."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from api import tokens
from api.auth import PROVED, SignedIn, Who, desk_of
from api.bounds import Count, Id
from api.scopes import NEEDS, Scope
from review.errors import ReviewError
from review.permissions import may
from review_ui.page import page, say

router = APIRouter()
DAYS = (7, 30, 90, 365)


@router.get("/tokens")
def listing(request: Request, who: Who) -> Response:
    return _tokens(request, who)


@router.post("/tokens", dependencies=PROVED)
def create(
    request: Request,
    who: Who,
    name: Annotated[str, Form()] = "",
    scopes: Annotated[list[Scope] | None, Form()] = None,
    days: Annotated[Count, Form()] = 90,
) -> Response:
    """Make a token; it is on this answer and nowhere else."""
    desk = desk_of(request)
    try:
        with desk.records.write() as session:
            made, token = tokens.create(session, who.person, name, scopes or (), days, desk.clock())
    except ReviewError as error:
        return _tokens(request, who, error=say(request, error.template, **error.values), status=422)
    return _tokens(request, who, made=made.name, token=token)


@router.post("/tokens/{token_id}/revoke")
def revoke(request: Request, who: Who, token_id: Id) -> Response:
    desk = desk_of(request)
    with desk.records.write() as session:
        tokens.revoke(session, who.person, token_id, desk.clock())
    return RedirectResponse("/tokens", 303)


def _tokens(
    request: Request, who: SignedIn, *, made: str = "", token: str = "", error: str = "", status: int = 200
) -> Response:
    desk = desk_of(request)
    with desk.records.read() as session:
        found = tokens.usable(session, who.person.id, desk.clock())
    scopes = [scope for scope in Scope if may(who.person, NEEDS[scope])]
    return page(
        request, "tokens.html", who, status=status, tokens=found, made=made, token=token, error=error,
        scopes=scopes, days=DAYS,
    )  # fmt: skip
