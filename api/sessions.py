"""Sessions of browsers: opened, found, given a new token, listed and ended."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload

from api.sign_in_rules import Rules
from review.errors import ReviewError
from review.permissions import Action, Person, require
from store import audit
from store.people_tables import KnownDevice, SignInBy
from store.records import Records
from store.tables import User, UserSession

_TOUCH_EVERY = timedelta(minutes=5)
DEVICE_KNOWN_FOR = timedelta(days=180)
# Sixteen hex digits of the token's hash: enough to say which, of no use to get in.
_HANDLE = 16


class NoSuchSession(ReviewError):
    template = "Phiên này không còn nữa."


@dataclass(frozen=True)
class Browser:
    """Who asks, as far as the connection tells: an address, and what the browser calls itself."""

    address: str = ""
    agent: str = ""


def fingerprint(token: str) -> str:
    """Return what is kept of a token: its SHA-256, in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


def start(
    session: Session,
    rules: Rules,
    user_id: int,
    browser: Browser,
    how: SignInBy,
    at: datetime,
    proved_at: datetime | None,
    old: str = "",
) -> str:
    """Open a session and return its token. The one with token `old` ends, as do all that ran out."""
    session.execute(
        delete(UserSession).where(
            (UserSession.expires_at <= at)
            | (UserSession.seen_at <= at - rules.idle)
            | (UserSession.token_sha256 == fingerprint(old))
        )
    )
    token = secrets.token_urlsafe(32)
    session.add(
        UserSession(
            token_sha256=fingerprint(token), user_id=user_id, csrf=secrets.token_urlsafe(24), created_at=at,
            seen_at=at, expires_at=at + rules.longest, address=browser.address[:64],
            agent=browser.agent[:200], how=how, proved_at=proved_at,
        )
    )  # fmt: skip
    return token


def living(records: Records, rules: Rules, token_sha256: str, at: datetime) -> UserSession | None:
    """Return the living session with this hash of its token, with its user."""
    with records.read() as session:
        found = session.scalar(
            select(UserSession)
            .where(UserSession.token_sha256 == token_sha256)
            .options(joinedload(UserSession.user))
        )
    return found if found is not None and found.user.active and alive(found, rules, at) else None


def find(records: Records, rules: Rules, token: str, at: datetime) -> UserSession | None:
    """Return the living session of a token with its user, and note that it was used."""
    found = living(records, rules, fingerprint(token), at)
    if found is None:
        return None
    if at - found.seen_at > min(_TOUCH_EVERY, rules.idle / 4):
        with records.write() as session:
            current = session.get(UserSession, found.token_sha256)
            if current is not None:
                current.seen_at = at
    return found


def alive(found: UserSession, rules: Rules, at: datetime) -> bool:
    """Say whether a session may still be used: neither idle for too long nor too old, by today's rules."""
    return found.seen_at + rules.idle > at and min(found.expires_at, found.created_at + rules.longest) > at


def renew(session: Session, token_sha256: str, how: SignInBy | None = None) -> str:
    """Give a session a new token, and new `csrf`, and return the token: what was known of the old is void.

    Called when what the person may do changes. All other sessions of the person end.
    """
    row = session.get_one(UserSession, token_sha256)
    end_all(session, row.user_id, keep=token_sha256)
    token = secrets.token_urlsafe(32)
    row.token_sha256, row.csrf, row.how = fingerprint(token), secrets.token_urlsafe(24), how or row.how
    session.flush()
    return token


def proved(session: Session, token_sha256: str, at: datetime) -> None:
    """Note that the person of a session has just given their password."""
    session.get_one(UserSession, token_sha256).proved_at = at


def listing(session: Session, by: Person, user_id: int, rules: Rules, at: datetime) -> Sequence[UserSession]:
    """Return the living sessions of a person, the last used first; of others for the administrator."""
    _require_own(by, user_id)
    rows = session.scalars(
        select(UserSession).where(UserSession.user_id == user_id).order_by(UserSession.seen_at.desc())
    )
    return [row for row in rows if alive(row, rules, at)]


def handle(row: UserSession) -> str:
    """Return by what a session is named in a form."""
    return row.token_sha256[:_HANDLE]


def end(session: Session, by: Person, user_id: int, handle: str) -> None:
    """End one session of a person; raises `NoSuchSession`."""
    _require_own(by, user_id)
    row = session.scalar(
        select(UserSession).where(
            UserSession.user_id == user_id, UserSession.token_sha256.startswith(handle, autoescape=True)
        )
    )
    if row is None or len(handle) != _HANDLE:
        raise NoSuchSession()
    session.delete(row)
    audit.append(session, by.actor, "session.ended", f"user:{user_id}", how=row.how)


def end_others(session: Session, by: Person, user_id: int, keep: str | None) -> None:
    """End all sessions of a person but the one whose token hash is `keep`, and forget their browsers."""
    _require_own(by, user_id)
    end_all(session, user_id, keep)
    audit.append(session, by.actor, "session.ended", f"user:{user_id}", all=True)


def end_all(session: Session, user_id: int, keep: str | None = None) -> None:
    """Sign a user out everywhere, but for the session whose token hash is `keep`."""
    ended = delete(UserSession).where(UserSession.user_id == user_id)
    session.execute(ended if keep is None else ended.where(UserSession.token_sha256 != keep))


def know(session: Session, user_id: int, at: datetime) -> str:
    """Make a browser known as a person's, and return the token it is known by."""
    session.execute(delete(KnownDevice).where(KnownDevice.expires_at <= at))
    token = secrets.token_urlsafe(32)
    session.add(
        KnownDevice(token_sha256=fingerprint(token), user_id=user_id, expires_at=at + DEVICE_KNOWN_FOR)
    )
    return token


def known(session: Session, login: str, token: str, at: datetime) -> str | None:
    """Return the hash of `token` when it is that of a browser known as the person's of `login`."""
    return session.scalar(
        select(KnownDevice.token_sha256)
        .join(User, User.id == KnownDevice.user_id)
        .where(
            KnownDevice.token_sha256 == fingerprint(token),
            KnownDevice.expires_at > at,
            User.login == login,
        )
    )


def forget(session: Session, user_id: int) -> None:
    """Let no browser be known as this person's."""
    session.execute(delete(KnownDevice).where(KnownDevice.user_id == user_id))


def _require_own(by: Person, user_id: int) -> None:
    if by.id != user_id:
        require(by, Action.ADMINISTER)
