"""The JSON API of what is held and why: holdings, legal holds, and the week's digest of the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from api.auth import Who, desk_of
from api.bounds import Id
from review import legal_hold
from review.permissions import Action, require
from store.holdings import holdings

router = APIRouter(prefix="/api/v1")


class NewHold(BaseModel):
    """What is to be kept past its term, and why."""

    subject: Literal["case", "post"]
    number: Id
    reason: str


class Lift(BaseModel):
    reason: str


class HoldAnswer(BaseModel):
    id: int
    case_id: int | None
    post_id: int | None
    reason: str
    by: str
    at: datetime


@router.get("/privacy")
def privacy(request: Request, who: Who) -> dict[str, Any]:
    """Give what is held of posts, how many, how long and why, and the last purge."""
    require(who.person, Action.AUDIT)
    desk = desk_of(request)
    with desk.records.read() as session:
        return holdings(session, desk.terms, desk.clock()).to_dict()


@router.get("/holds")
def holds(request: Request, who: Who) -> list[HoldAnswer]:
    """List the legal holds that stand."""
    with desk_of(request).records.read() as session:
        return [
            HoldAnswer(
                id=one.id,
                case_id=one.case_id,
                post_id=one.post_id,
                reason=one.reason,
                by=one.by.name,
                at=one.at,
            )
            for one in legal_hold.standing(session, who.person)
        ]


@router.post("/holds", status_code=201)
def place(request: Request, who: Who, given: NewHold) -> dict[str, int]:
    """Keep a case or a post, with copies and captures, whatever its term."""
    desk = desk_of(request)
    with desk.records.write() as session:
        made = legal_hold.place(session, who.person, given.subject, given.number, given.reason, desk.clock())
        return {"id": made.id}


@router.post("/holds/{hold_id}/lift", status_code=204)
def lift(request: Request, who: Who, hold_id: Id, given: Lift) -> None:
    """Lift a hold, with a reason."""
    desk = desk_of(request)
    with desk.records.write() as session:
        legal_hold.lift(session, who.person, hold_id, given.reason, desk.clock())
