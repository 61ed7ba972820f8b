"""People who have chosen their password, as after their first sign-in."""

from __future__ import annotations

from sqlalchemy.orm import Session

from api import accounts
from store.tables import User
from store.vocabulary import Role


def join(session: Session, login: str, role: Role, password: str) -> User:
    """Invite somebody, let them choose `password`, and return them."""
    given = accounts.invite(session, login, login.title(), role, "system")
    user = accounts.get(session, login)
    accounts.change_password(session, user, given, password)
    return user
