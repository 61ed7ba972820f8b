"""The JSON API of one's own tokens; no token opens these routes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from api import tokens
from api.auth import PROVED, Who, desk_of
from api.bounds import Id
from api.scopes import Scope

router = APIRouter(prefix="/api/v1/tokens")


class NewToken(BaseModel):
    """`days` is how long it will be good for."""

    name: str
    scopes: list[Scope]
    days: Annotated[int, Field(ge=1, le=tokens.MOST_DAYS)] = 90


class TokenAnswer(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


class MadeToken(TokenAnswer):
    """The one answer that has the token itself."""

    token: str


@router.get("")
def listing(request: Request, who: Who) -> list[TokenAnswer]:
    """Give one's own tokens that can be used."""
    desk = desk_of(request)
    with desk.records.read() as session:
        found = tokens.usable(session, who.person.id, desk.clock())
        return [TokenAnswer.model_validate(one) for one in found]


@router.post("", status_code=201, dependencies=PROVED)
def create(request: Request, who: Who, given: NewToken) -> MadeToken:
    """Make a token; this answer alone has it."""
    desk = desk_of(request)
    with desk.records.write() as session:
        made, token = tokens.create(session, who.person, given.name, given.scopes, given.days, desk.clock())
        shown = TokenAnswer.model_validate(made).model_dump()
    return MadeToken(**shown, token=token)


@router.post("/{token_id}/revoke", status_code=204)
def revoke(request: Request, who: Who, token_id: Id) -> None:
    desk = desk_of(request)
    with desk.records.write() as session:
        tokens.revoke(session, who.person, token_id, desk.clock())
