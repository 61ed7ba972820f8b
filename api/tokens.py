"""Tokens of programs: made and revoked by their owner, shown once, good for some days and some routes."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from api.desk import Desk
from api.scopes import NEEDS, ROUTES, Scope
from review.errors import ReviewError
from review.permissions import Person, may
from store import audit
from store.records import lock
from store.tables import User
from store.token_tables import AccessToken
from store.vocabulary import Role

PREFIX = "kt_"
MOST = 20
MOST_DAYS = 366
_TOUCH_EVERY = timedelta(minutes=5)


class BadToken(ReviewError):
    template = "Mã truy cập sai, đã hết hạn hoặc đã bị hủy. Tạo mã mới ở trang Mã truy cập."


class BeyondToken(ReviewError):
    template = "Mã truy cập này không được dùng cho việc này. Việc quyết định chỉ con người làm."


class NoSuchToken(ReviewError):
    template = "Không có mã truy cập {token}."


class TokenRefused(ReviewError):
    template = "Mã truy cập cần một tên, ít nhất một quyền mà vai trò của bạn có, và từ 1 đến {days} ngày."


class TooManyTokens(ReviewError):
    template = "Bạn đã có {most} mã truy cập. Hủy mã không dùng nữa rồi tạo mã mới."


def create(
    session: Session, person: Person, name: str, scopes: Iterable[Scope], days: int, at: datetime
) -> tuple[AccessToken, str]:
    """Make a token for oneself; return its row and the token, which nobody can ever read again.

    Raises `TokenRefused` and `TooManyTokens`.
    """
    wanted = sorted(set(scopes))
    named = name.strip()[:100]
    fit = wanted and all(may(person, NEEDS[scope]) for scope in wanted)
    if not named or not fit or not 1 <= days <= MOST_DAYS:
        raise TokenRefused(days=MOST_DAYS)
    lock(session, f"tokens/{person.id}")
    if len(usable(session, person.id, at)) >= MOST:
        raise TooManyTokens(most=MOST)
    token = PREFIX + secrets.token_urlsafe(32)
    made = AccessToken(
        user_id=person.id, name=named, sha256=_hash(token), scopes=wanted, created_at=at,
        expires_at=at + timedelta(days=days),
    )  # fmt: skip
    session.add(made)
    session.flush()
    audit.append(
        session, person.actor, "token.created", f"token:{made.id}", name=named, scopes=wanted, days=days
    )
    return made, token


def revoke(session: Session, person: Person, token_id: int, at: datetime) -> None:
    """End a token of one's own; raises `NoSuchToken`, also for another's."""
    end(session, _own(session, person, token_id), person.actor, at)


def end(session: Session, token: AccessToken, actor: str, at: datetime) -> None:
    """End a token, once."""
    if token.revoked_at is None:
        token.revoked_at = at
        audit.append(session, actor, "token.revoked", f"token:{token.id}")


def usable(session: Session, user_id: int, at: datetime) -> Sequence[AccessToken]:
    """Return the tokens of a user that can be used, the newest first."""
    return session.scalars(
        select(AccessToken)
        .where(AccessToken.user_id == user_id, AccessToken.revoked_at.is_(None), AccessToken.expires_at > at)
        .order_by(AccessToken.id.desc())
    ).all()


def presented(request: Request) -> str | None:
    """Return the bearer token of a request for the API; None when it carries none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    api = request.url.path.startswith("/api/")
    return token.strip() if api and scheme.lower() == "bearer" else None


def admit(desk: Desk, token: str, route: str) -> AccessToken:
    """Return a token with its owner; `route` is method and template, such as `GET /api/v1/queue`.

    Raises `BadToken`, and `BeyondToken` for a route that its scopes do not open.
    """
    at = desk.clock()
    with desk.records.read() as session:
        found = session.scalar(
            select(AccessToken)
            .where(AccessToken.sha256 == _hash(token))
            .options(joinedload(AccessToken.user))
        )
    if found is None or found.revoked_at is not None or found.expires_at <= at or not found.user.active:
        raise BadToken()
    if ROUTES.get(route) not in found.scopes:
        raise BeyondToken()
    changes = not route.startswith("GET ")
    if changes or found.used_at is None or at - found.used_at > _TOUCH_EVERY:
        with desk.records.write() as session:
            session.get_one(AccessToken, found.id).used_at = at
            if changes:
                # What follows stands under its owner's name; this says that a program did it.
                audit.append(session, f"user:{found.user_id}", "token.used", f"token:{found.id}", route=route)
    return found


def holder(token: AccessToken) -> Person:
    """Return the owner of a token as a program acts for them: never where only people may."""
    return Person(token.user.id, Role(token.user.role), automatic=True)


def by_id(session: Session, token_id: int) -> AccessToken:
    """Return a token of anybody; raises `NoSuchToken`."""
    found = session.get(AccessToken, token_id)
    if found is None:
        raise NoSuchToken(token=token_id)
    return found


def every(session: Session, login: str | None = None) -> Sequence[AccessToken]:
    """Return the tokens of a login, or of everybody, with their owners, the newest first."""
    wanted = select(AccessToken).options(joinedload(AccessToken.user)).order_by(AccessToken.id.desc())
    return session.scalars(wanted if login is None else wanted.join(User).where(User.login == login)).all()


def _own(session: Session, person: Person, token_id: int) -> AccessToken:
    found = session.get(AccessToken, token_id)
    if found is None or found.user_id != person.id:
        raise NoSuchToken(token=token_id)
    return found


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
