"""The JSON of the queue: clocks, whom a case is for, filters that are kept, how a person wants to work."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from api import region
from api.auth import Who, desk_of
from api.bounds import Id
from review import assignment, lanes, saved, wellbeing
from review.permissions import Action, require
from review.saved import LONGEST_NAME, LONGEST_QUERY, Wanted
from store.queue_tables import SavedFilter
from store.vocabulary import Channel, FilterKind

router = APIRouter(prefix="/api/v1")

UserId = Annotated[int, Field(ge=1, le=2**62)]


class Clock(BaseModel):
    """The hours that a lane has, and how many of its cases are late."""

    hours: float
    overdue: int


class Colleague(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: int
    name: str


class Assigning(BaseModel):
    to: UserId | None
    note: str = Field("", max_length=1000)


class HandingOver(BaseModel):
    token: str
    to: UserId
    note: str = Field("", max_length=1000)


class Keeping(BaseModel):
    """A filter to keep; `query` is what the address has after the question mark."""

    kind: FilterKind
    name: str = Field(max_length=LONGEST_NAME)
    query: str = Field(max_length=LONGEST_QUERY)
    shared: bool = False
    channel: Channel | None = None
    alert_to: str = Field("", max_length=500)


class Kept(BaseModel):
    id: int
    kind: str
    name: str
    query: str
    shared: bool
    owner: str
    channel: str | None
    alert_to: str
    made_at: datetime

    @classmethod
    def of(cls, kept: SavedFilter, user_id: int) -> Kept:
        """Return a filter as `user_id` may see it: where its news go is its owner's alone."""
        own = kept.user_id == user_id
        return cls(
            id=kept.id, kind=kept.kind, name=kept.name, query=kept.query, shared=kept.shared,
            owner=kept.user.name, channel=kept.channel if own else None,
            alert_to=kept.alert_to if own else "", made_at=kept.made_at,
        )  # fmt: skip


class Preferences(BaseModel):
    """Minutes until a break is called to mind, 0 for never."""

    model_config = ConfigDict(from_attributes=True)
    break_minutes: int = Field(wellbeing.BREAK_MINUTES, ge=0, le=wellbeing.LONGEST)


@router.get("/clocks")
def clocks(request: Request, who: Who, asked: region.Asked) -> dict[str, Clock]:
    """Give the clock of each lane that has one of its own or a late case; `all` is every other lane's."""
    require(who.person, Action.READ)
    desk = desk_of(request)
    with desk.records.read() as session:
        late = lanes.overdue(session, desk.clock(), desk.clocks, asked)
    named = {lanes.ALL: desk.clocks.otherwise, **desk.clocks.lanes}
    return {
        lane: Clock(hours=named.get(lane, desk.clocks.otherwise), overdue=late.get(lane, 0))
        for lane in dict.fromkeys([*named, *late])
    }


@router.get("/colleagues")
def colleagues(request: Request, who: Who) -> list[Colleague]:
    """Give those to whom a case can be given."""
    with desk_of(request).records.read() as session:
        return [Colleague.model_validate(user) for user in assignment.people(session, who.person)]


@router.post("/cases/{case_id}/assign", status_code=204)
def assign(request: Request, who: Who, case_id: Id, given: Assigning) -> None:
    """Keep a queued case for one person, or for nobody (lead)."""
    desk = desk_of(request)
    with desk.records.write() as session:
        assignment.assign(session, who.person, case_id, given.to, given.note, desk.clock())


@router.post("/cases/{case_id}/hand-over", status_code=204)
def hand_over(request: Request, who: Who, case_id: Id, given: HandingOver) -> None:
    """Give a case that one holds to another person."""
    desk = desk_of(request)
    with desk.records.write() as session:
        assignment.hand_over(session, who.person, case_id, given.token, given.to, given.note, desk.clock())


@router.get("/filters")
def filters(request: Request, who: Who) -> list[Kept]:
    with desk_of(request).records.read() as session:
        return [Kept.of(kept, who.user.id) for kept in saved.visible(session, who.person)]


@router.post("/filters", status_code=201)
def keep(request: Request, who: Who, given: Keeping) -> Kept:
    """Keep a filter; one's own of the same name is replaced."""
    desk = desk_of(request)
    with desk.records.write() as session:
        made = saved.save(session, who.person, Wanted(**given.model_dump()), desk.clock())
        return Kept.of(made, who.user.id)


@router.delete("/filters/{filter_id}", status_code=204)
def forget(request: Request, who: Who, filter_id: Id) -> None:
    with desk_of(request).records.write() as session:
        saved.remove(session, who.person, filter_id)


@router.get("/me/preferences")
def preferences(request: Request, who: Who) -> Preferences:
    with desk_of(request).records.read() as session:
        return Preferences.model_validate(wellbeing.preference(session, who.person))


@router.put("/me/preferences")
def prefer(request: Request, who: Who, given: Preferences) -> Preferences:
    with desk_of(request).records.write() as session:
        made = wellbeing.choose(session, who.person, given.break_minutes)
        return Preferences.model_validate(made)
