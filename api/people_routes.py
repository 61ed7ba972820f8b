"""The JSON API of people: signing in by a code, one's sessions and second factor, and who there is."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from api import accounts, auth, people, second_factor, sessions
from api.auth import PROVED, Changing, NoProvider, Who, desk_of
from review import access
from review.permissions import MAY, Action, require
from store.people_tables import SignInBy
from store.tables import UserSession
from store.vocabulary import Role

router = APIRouter(prefix="/api/v1")


class Code(BaseModel):
    code: str


class Password(BaseModel):
    password: str


class NewPerson(BaseModel):
    login: str
    name: str = ""
    role: Role = Role.REVIEWER


class NewRole(BaseModel):
    role: Role


class Lanes(BaseModel):
    """The lanes a person is limited to; none: no limit."""

    lanes: list[str]


class Outside(BaseModel):
    """What the provider calls a person; nothing: it does not vouch for them."""

    name: str


class Active(BaseModel):
    active: bool


class GivenOnce(BaseModel):
    """A password that is shown this once, and must be changed at the first sign-in."""

    login: str
    password: str


class SessionAnswer(BaseModel):
    """A signed-in browser; `handle` names it, `current` says it is the one that asks."""

    handle: str
    address: str
    agent: str
    how: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    current: bool

    @classmethod
    def of(cls, row: UserSession, current: str) -> SessionAnswer:
        return cls(
            handle=sessions.handle(row), address=row.address, agent=row.agent, how=row.how,
            created_at=row.created_at, seen_at=row.seen_at, expires_at=row.expires_at,
            current=row.token_sha256 == current,
        )  # fmt: skip


class FactorAnswer(BaseModel):
    """One's second factor: since when it counts (null: none), codes left, whether the role needs it."""

    since: datetime | None
    codes_left: int
    needed: bool


class SecretAnswer(BaseModel):
    """A new secret for an authenticator app, in base32 and as otpauth: URI; it counts once confirmed."""

    secret: str
    uri: str


class CodesAnswer(BaseModel):
    """Recovery codes, shown this once."""

    codes: list[str]


class PersonAnswer(BaseModel):
    login: str
    name: str
    role: str
    active: bool
    must_change: bool
    lanes: list[str]
    factor_since: datetime | None
    outside: str | None
    bound: bool
    seen_at: datetime | None

    @classmethod
    def of(cls, known: people.Known) -> PersonAnswer:
        user, outside = known.user, known.outside
        return cls(
            login=user.login, name=user.name, role=user.role, active=user.active,
            must_change=user.must_change, lanes=list(known.lanes), factor_since=known.factor_since,
            outside=outside.name if outside else None,
            bound=outside is not None and outside.subject is not None, seen_at=known.seen_at,
        )  # fmt: skip


@router.post("/sign-in/code", dependencies=[Depends(auth.first_in_header)])
def enter_code(request: Request, response: Response, given: Code) -> dict[str, bool]:
    """Finish a sign-in that asked for a code, by one of the app or a recovery code."""
    user = auth.enter_code(request, response, given.code)
    return {"must_change": user.must_change}


@router.get("/permissions")
def permissions(who: Who) -> dict[str, list[Action]]:
    """Give what each role may do."""
    return {role: [action for action in Action if action in MAY[role]] for role in Role}


@router.get("/me/sessions")
def my_sessions(request: Request, who: Changing) -> list[SessionAnswer]:
    return _sessions(request, who, who.user.id)


@router.post("/me/sessions/end", status_code=204)
def end_my_others(request: Request, who: Changing) -> None:
    """Sign out everywhere but here."""
    with desk_of(request).records.write() as session:
        sessions.end_others(session, who.person, who.user.id, keep=who.token_sha256)


@router.post("/me/sessions/{handle}/end", status_code=204)
def end_mine(request: Request, who: Changing, handle: str) -> None:
    with desk_of(request).records.write() as session:
        sessions.end(session, who.person, who.user.id, handle)


@router.post("/me/reauthenticate", status_code=204)
def reauthenticate(request: Request, who: Changing, given: Password) -> None:
    """Give one's password again: for a quarter of an hour what makes a way in is then done."""
    auth.reauthenticate(request, who, given.password)


@router.get("/me/second-factor")
def my_factor(request: Request, who: Changing) -> FactorAnswer:
    desk = desk_of(request)
    with desk.records.read() as session:
        found = second_factor.standing(session, who.user, desk.sign_in)
    return FactorAnswer(since=found.since, codes_left=found.codes_left, needed=found.needed)


@router.post("/me/second-factor", dependencies=PROVED)
def begin_factor(request: Request, who: Changing) -> SecretAnswer:
    """Make a secret for an authenticator app."""
    desk = desk_of(request)
    with desk.records.write() as session:
        secret = second_factor.begin(session, desk.sign_in, who.user, desk.clock())
    return SecretAnswer(secret=secret, uri=second_factor.address_of(secret, who.user.login))


@router.post("/me/second-factor/confirm")
def confirm_factor(request: Request, response: Response, who: Changing, given: Code) -> CodesAnswer:
    """Let the secret count, by a code of it. The session gets a new token, all others end."""
    desk = desk_of(request)
    with desk.records.write() as session:
        codes = second_factor.confirm(session, desk.sign_in, who.user, given.code, desk.clock())
        auth.renew(request, response, session, who, SignInBy.CODE)
    return CodesAnswer(codes=codes)


@router.post("/me/second-factor/codes")
def renew_codes(request: Request, who: Changing, given: Code) -> CodesAnswer:
    desk = desk_of(request)
    second_factor.prove(desk.records, desk.sign_in, who.user.id, given.code, desk.clock())
    with desk.records.write() as session:
        return CodesAnswer(codes=second_factor.renew_codes(session, who.user))


@router.post("/me/second-factor/off", status_code=204)
def give_up_factor(request: Request, response: Response, who: Changing, given: Code) -> None:
    desk = desk_of(request)
    second_factor.prove(desk.records, desk.sign_in, who.user.id, given.code, desk.clock())
    with desk.records.write() as session:
        second_factor.give_up(session, desk.sign_in, who.user)
        auth.renew(request, response, session, who, SignInBy.PASSWORD)


@router.get("/people")
def everyone(request: Request, who: Who) -> list[PersonAnswer]:
    with desk_of(request).records.read() as session:
        return [PersonAnswer.of(known) for known in people.everyone(session, who.person)]


@router.post("/people", dependencies=PROVED, status_code=201)
def invite(request: Request, who: Who, given: NewPerson) -> GivenOnce:
    login, password = people.invite(desk_of(request).records, who.person, given.login, given.name, given.role)
    return GivenOnce(login=login, password=password)


@router.get("/people/{login}")
def one(request: Request, who: Who, login: str) -> PersonAnswer:
    with desk_of(request).records.read() as session:
        return PersonAnswer.of(people.one(session, who.person, login))


@router.post("/people/{login}/role", dependencies=PROVED, status_code=204)
def set_role(request: Request, who: Who, login: str, given: NewRole) -> None:
    """Give a person another role; their sessions end."""
    with desk_of(request).records.write() as session:
        accounts.set_role(session, who.person, login, given.role)


@router.post("/people/{login}/lanes", status_code=204)
def set_lanes(request: Request, who: Who, login: str, given: Lanes) -> None:
    """Limit a person to lanes; what they hold outside of them goes back to the queue."""
    require(who.person, Action.ADMINISTER)
    desk = desk_of(request)
    with desk.records.write() as session:
        access.limit(session, who.person, accounts.get(session, login).id, given.lanes, desk.clock())


@router.post("/people/{login}/outside", dependencies=PROVED, status_code=204)
def set_outside(request: Request, who: Who, login: str, given: Outside) -> None:
    """Say what the provider calls a person."""
    provider = desk_of(request).sign_in.provider
    require(who.person, Action.ADMINISTER)
    if provider is None:
        raise NoProvider()
    with desk_of(request).records.write() as session:
        accounts.name_outside(session, who.person, login, provider.issuer, given.name.strip())


@router.post("/people/{login}/reset", dependencies=PROVED)
def reset(request: Request, who: Who, login: str) -> GivenOnce:
    require(who.person, Action.ADMINISTER)
    with desk_of(request).records.write() as session:
        return GivenOnce(login=login, password=accounts.reset(session, login, who.person.actor))


@router.post("/people/{login}/second-factor/off", dependencies=PROVED, status_code=204)
def take_factor_away(request: Request, who: Who, login: str) -> None:
    """Remove the second factor of somebody who lost it."""
    require(who.person, Action.ADMINISTER)
    with desk_of(request).records.write() as session:
        second_factor.take_away(session, who.person, accounts.get(session, login).id)


@router.post("/people/{login}/active", dependencies=PROVED, status_code=204)
def set_active(request: Request, who: Who, login: str, given: Active) -> None:
    with desk_of(request).records.write() as session:
        accounts.set_active(session, who.person, login, given.active)


@router.get("/people/{login}/sessions")
def sessions_of(request: Request, who: Who, login: str) -> list[SessionAnswer]:
    require(who.person, Action.ADMINISTER)
    with desk_of(request).records.read() as session:
        user_id = accounts.get(session, login).id
    return _sessions(request, who, user_id)


@router.post("/people/{login}/sessions/end", status_code=204)
def end_all(request: Request, who: Who, login: str) -> None:
    """Sign a person out everywhere."""
    require(who.person, Action.ADMINISTER)
    with desk_of(request).records.write() as session:
        user_id = accounts.get(session, login).id
        sessions.end_others(session, who.person, user_id, keep=None)


@router.post("/people/{login}/sessions/{handle}/end", status_code=204)
def end_one(request: Request, who: Who, login: str, handle: str) -> None:
    require(who.person, Action.ADMINISTER)
    with desk_of(request).records.write() as session:
        sessions.end(session, who.person, accounts.get(session, login).id, handle)


def _sessions(request: Request, who: auth.SignedIn, user_id: int) -> list[SessionAnswer]:
    desk = desk_of(request)
    with desk.records.read() as session:
        rows = sessions.listing(session, who.person, user_id, desk.sign_in, desk.clock())
    return [SessionAnswer.of(row, who.token_sha256) for row in rows]
