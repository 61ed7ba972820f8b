"""Who is asking: server-side sessions, and a token that a foreign page cannot know."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import delete, select
from sqlalchemy.orm import joinedload

from api import accounts, admission, tokens
from api.desk import Desk
from review.permissions import Person
from store import audit
from store.tables import User, UserSession
from store.vocabulary import Role

COOKIE = "kiemtin_session"
FIRST_COOKIE = "kiemtin_first"
IDLE = timedelta(hours=8)
LONGEST = timedelta(days=7)
_TOUCH_EVERY = timedelta(minutes=5)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class NotSignedIn(Exception):
    """Nobody is signed in; pages lead to sign-in, the API answers 401."""


class MustChangePassword(Exception):
    """The person must choose a password before anything else."""


class ForeignRequest(Exception):
    """An unsafe request did not carry the session's token, or came from another site."""


@dataclass(frozen=True)
class SignedIn:
    """A signed-in person, and the token their pages carry."""

    user: User
    person: Person
    csrf: str
    token_sha256: str


def desk_of(request: Request) -> Desk:
    """Return the desk of the application that serves `request`."""
    desk: Desk = request.app.state.desk
    return desk


async def signed_in_or_changing(request: Request) -> SignedIn:
    """Return who is signed in, even if they must change their password first; raises `NotSignedIn`.

    An unsafe request must carry the token of the session (header `X-CSRF-Token` or field `csrf`); else
    raises `ForeignRequest`. A program shows its access token instead, and no cookie is looked at. Raises
    what `tokens.admit` and `admission.admit` raise.
    """
    if (token := tokens.presented(request)) is not None:
        return await _by_token(request, token)
    found = await run_in_threadpool(_session, request)
    if found is None:
        raise NotSignedIn()
    if request.method not in _SAFE:
        await _require_own(request, found.csrf)
    await admission.admit(request, desk_of(request), found.user.id, found.token_sha256)
    person = Person(found.user.id, Role(found.user.role))
    return SignedIn(found.user, person, found.csrf, found.token_sha256)


async def _by_token(request: Request, token: str) -> SignedIn:
    # A browser sends this header for no page of another site, so there is nothing to ride on.
    desk = desk_of(request)
    route = f"{request.method} {request.scope['route'].path}"
    found = await run_in_threadpool(tokens.admit, desk, token, route)
    await admission.admit(request, desk, found.user.id, found.sha256)
    return SignedIn(found.user, tokens.holder(found), "", found.sha256)


async def signed_in(who: Annotated[SignedIn, Depends(signed_in_or_changing)]) -> SignedIn:
    """Return who is signed in; raises `NotSignedIn`, `MustChangePassword`, `ForeignRequest`."""
    if who.user.must_change:
        raise MustChangePassword()
    return who


Who = Annotated[SignedIn, Depends(signed_in)]


def sign_in(request: Request, response: Response, login: str, password: str) -> User:
    """Check a password, open a session and set its cookie; raises what `accounts.check` raises."""
    desk = desk_of(request)
    at = desk.clock()
    user = accounts.check(desk.records, login.strip().lower(), password, at)
    token = secrets.token_urlsafe(32)
    with desk.records.write() as session:
        # An old session of this browser ends: its cookie may have been planted.
        old = request.cookies.get(COOKIE)
        session.execute(
            delete(UserSession).where(
                (UserSession.expires_at < at) | (UserSession.token_sha256 == _hash(old or ""))
            )
        )
        session.add(
            UserSession(
                token_sha256=_hash(token), user_id=user.id, csrf=secrets.token_urlsafe(24),
                created_at=at, seen_at=at, expires_at=at + LONGEST,
            )
        )  # fmt: skip
    response.set_cookie(
        COOKIE, token, max_age=int(LONGEST.total_seconds()), httponly=True, samesite="lax",
        secure=desk.secure_cookies, path="/",
    )  # fmt: skip
    return user


def sign_out(request: Request, response: Response, who: SignedIn) -> None:
    """End the session."""
    with desk_of(request).records.write() as session:
        session.execute(delete(UserSession).where(UserSession.token_sha256 == who.token_sha256))
        audit.append(session, who.person.actor, "signout", f"user:{who.user.id}")
    response.delete_cookie(COOKIE, path="/")


def first_token(request: Request, response: Response) -> str:
    """Return the token that the sign-in form carries, before there is a session, and set its cookie."""
    token = request.cookies.get(FIRST_COOKIE) or secrets.token_urlsafe(24)
    response.set_cookie(
        FIRST_COOKIE,
        token,
        httponly=True,
        samesite="strict",
        secure=desk_of(request).secure_cookies,
        path="/",
    )
    return token


def require_first(request: Request, token: str) -> None:
    """Raise `ForeignRequest` unless a sign-in carries the token of this browser's form."""
    _require_same_site(request)
    expected = request.cookies.get(FIRST_COOKIE, "")
    if not expected or not secrets.compare_digest(expected.encode(), token.encode()):
        raise ForeignRequest()


def _session(request: Request) -> UserSession | None:
    desk = desk_of(request)
    token = request.cookies.get(COOKIE)
    if not token:
        return None
    at = desk.clock()
    with desk.records.read() as session:
        found = session.scalar(
            select(UserSession)
            .where(UserSession.token_sha256 == _hash(token))
            .options(joinedload(UserSession.user))
        )
    if found is None or not found.user.active or found.expires_at <= at or found.seen_at + IDLE <= at:
        return None
    if at - found.seen_at > _TOUCH_EVERY:
        _touch(desk, found.token_sha256, at)
    return found


def _touch(desk: Desk, token_sha256: str, at: datetime) -> None:
    with desk.records.write() as session:
        current = session.get(UserSession, token_sha256)
        if current is not None:
            current.seen_at = at


async def _require_own(request: Request, csrf: str) -> None:
    _require_same_site(request)
    token = request.headers.get("X-CSRF-Token")
    if token is None and request.headers.get("Content-Type", "").startswith(
        ("application/x-www-form-urlencoded", "multipart/form-data")
    ):
        token = str((await request.form()).get("csrf", ""))
    if not secrets.compare_digest(csrf.encode(), (token or "").encode()):
        raise ForeignRequest()


def _require_same_site(request: Request) -> None:
    # Browsers say where a request comes from; a program that says nothing still needs the token.
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise ForeignRequest()
    origin = request.headers.get("Origin")
    if origin not in {None, "null"} and origin.split("://")[-1] != request.headers.get("Host"):
        raise ForeignRequest()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
