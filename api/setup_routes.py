"""The JSON API of setting up an installation; people are invited and sources steered by their own routes."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api import setup
from api.auth import SignedIn, Who, desk_of
from store.installation import LONGEST
from store.installation_tables import SetupState

router = APIRouter(prefix="/api/v1/setup")


class SetupAnswer(BaseModel):
    """How setting up stands; `agency_set`, from the settings, goes before `agency`, from the records;
    `days` says how long each rule keeps a post."""

    state: SetupState
    agency: str
    agency_set: str
    steps: dict[str, bool]
    sources: list[str]
    people: dict[str, int]
    days: dict[str, int]


class Agency(BaseModel):
    name: str = Field(max_length=LONGEST)


class State(BaseModel):
    state: SetupState


@router.get("")
def standing(request: Request, who: Who) -> SetupAnswer:
    """Say what is set up and what is not (admin)."""
    return _standing(request, who)


@router.post("/agency")
def name_agency(request: Request, who: Who, agency: Agency) -> SetupAnswer:
    """Keep the name of the agency that reports and corrections are signed with (admin)."""
    setup.name_agency(desk_of(request), who.person, agency.name)
    return _standing(request, who)


@router.post("/state")
def set_state(request: Request, who: Who, wanted: State) -> SetupAnswer:
    """Finish setting up, put it off, or take it up again (admin)."""
    setup.set_state(desk_of(request), who.person, wanted.state)
    return _standing(request, who)


def _standing(request: Request, who: SignedIn) -> SetupAnswer:
    desk = desk_of(request)
    with desk.records.read() as session:
        return SetupAnswer.model_validate(setup.plain(setup.standing(desk, session, who.person)))
