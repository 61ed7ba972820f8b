"""Requests of people who are signed in by a session in the records: no password takes its time."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import select

from api.auth import COOKIE
from api.desk import Desk
from evidence.build import Tools
from evidence.errors import BundleError
from store.tables import User, UserSession
from store.vocabulary import Role

CSRF = "of the session"


def people(desk: Desk, logins: Iterable[tuple[str, Role]]) -> dict[str, int]:
    """Make people who have no password; return their ids by login."""
    with desk.records.write() as session:
        made = [
            User(login=login, name=login.title(), role=role, password_hash="x", created_at=desk.clock())
            for login, role in logins
        ]
        session.add_all(made)
        session.flush()
        return {user.login: user.id for user in made}


def sessions(desk: Desk, logins: Iterable[str]) -> dict[str, dict[str, str]]:
    """Open a session for each login; return the headers of their requests."""
    at, found = desk.clock(), {}
    with desk.records.write() as session:
        for login in logins:
            token = secrets.token_hex(8)
            user = session.scalars(select(User).where(User.login == login)).one()
            session.add(
                UserSession(
                    token_sha256=hashlib.sha256(token.encode()).hexdigest(), user_id=user.id, csrf=CSRF,
                    created_at=at, seen_at=at, expires_at=at + timedelta(hours=1),
                    proved_at=at,
                )
            )  # fmt: skip
            found[login] = {"Cookie": f"{COOKIE}={token}", "X-CSRF-Token": CSRF}
    return found


def no_tools() -> Tools:
    """What a bundle is built with, where none is to be built."""
    raise BundleError("nothing is built here")
