"""Setting up an installation, for its first administrator."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from api import people
from api import setup as room
from api.auth import PROVED, SignedIn, Who, desk_of
from api.problems import status_of
from review.errors import ReviewError
from review_ui.page import page, say
from store.installation_tables import SetupState
from store.retention import Rule
from store.vocabulary import Role

router = APIRouter()

Text = Annotated[str, Form()]


@router.get("/setup")
def setup(request: Request, who: Who) -> Response:
    return _page(request, who)


@router.post("/setup/agency")
def name_agency(request: Request, who: Who, name: Text = "") -> Response:
    """Keep the name of the agency."""
    try:
        room.name_agency(desk_of(request), who.person, name)
    except room.NotKept as error:
        return _page(request, who, error)
    return RedirectResponse("/setup#sources", 303)


@router.post("/setup/people", dependencies=PROVED)
def invite(
    request: Request, who: Who, login: Text = "", name: Text = "",
    role: Annotated[Role, Form()] = Role.REVIEWER,
) -> Response:  # fmt: skip
    """Add a person; the one-time password is shown once, on the answer."""
    try:
        made, password = people.invite(desk_of(request).records, who.person, login, name, role)
    except ReviewError as error:
        return _page(request, who, error)
    return _page(request, who, made=made, password=password)


@router.post("/setup/state")
def set_state(request: Request, who: Who, state: Annotated[SetupState, Form()]) -> Response:
    """Finish setting up, put it off, or take it up again."""
    room.set_state(desk_of(request), who.person, state)
    return RedirectResponse("/setup" if state == SetupState.PENDING else "/", 303)


def _page(
    request: Request, who: SignedIn, error: ReviewError | None = None, made: str = "", password: str = ""
) -> Response:
    desk = desk_of(request)
    with desk.records.read() as session:
        standing = room.standing(desk, session, who.person)
    return page(
        request, "setup.html", who, status=status_of(error) if error else 200, standing=standing,
        terms=[(rule.value, standing.terms.of(rule).days) for rule in Rule],
        error=say(request, error.template, **error.values) if error else "", made=made, password=password,
        roles=[role for role in Role if role != Role.ADMIN],
    )  # fmt: skip
