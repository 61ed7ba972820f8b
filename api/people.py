"""What an administrator sees of each person: lanes, second factor, provider, and when they were last here."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api import accounts
from review import access
from review.permissions import Action, Person, require
from store.people_tables import LaneGrant, OutsideIdentity, SecondFactor
from store.records import Records
from store.tables import User, UserSession
from store.vocabulary import Role


@dataclass(frozen=True)
class Known:
    """A person. `lanes` empty: all. `seen_at` is of the sessions that there still are."""

    user: User
    lanes: tuple[str, ...]
    factor_since: datetime | None
    outside: OutsideIdentity | None
    seen_at: datetime | None


def everyone(session: Session, by: Person) -> list[Known]:
    """Return all people in order of login; for the administrator. Five queries, however many there are."""
    require(by, Action.ADMINISTER)
    return _known(session, list(session.scalars(select(User).order_by(User.login))))


def one(session: Session, by: Person, login: str) -> Known:
    """Return one person; for the administrator. Raises `accounts.NoSuchUser`."""
    require(by, Action.ADMINISTER)
    return _known(session, [accounts.get(session, login)])[0]


def invite(records: Records, by: Person, login: str, name: str, role: Role) -> tuple[str, str]:
    """Add a person; return the login as it is kept and the one-time password.

    For the administrator. Raises `accounts.BadLogin` and `accounts.LoginTaken`.
    """
    require(by, Action.ADMINISTER)
    login = login.strip().lower()
    with records.write() as session:
        return login, accounts.invite(session, login, name, role, by.actor)


def _known(session: Session, users: list[User]) -> list[Known]:
    ids = [user.id for user in users]
    granted: dict[int, set[str]] = defaultdict(set)
    for row in session.execute(select(LaneGrant.user_id, LaneGrant.lane).where(LaneGrant.user_id.in_(ids))):
        granted[row.user_id].add(row.lane)
    factors = session.scalars(select(SecondFactor).where(SecondFactor.user_id.in_(ids)))
    since = {row.user_id: row.confirmed_at for row in factors}
    identities = session.scalars(select(OutsideIdentity).where(OutsideIdentity.user_id.in_(ids)))
    outside = {row.user_id: row for row in identities}
    last = select(UserSession.user_id, func.max(UserSession.seen_at).label("seen_at"))
    seen = session.execute(last.where(UserSession.user_id.in_(ids)).group_by(UserSession.user_id))
    seen_at = {row.user_id: row.seen_at for row in seen}
    return [
        Known(
            user,
            tuple(lane for lane in access.all_lanes() if lane in granted[user.id]),
            since.get(user.id),
            outside.get(user.id),
            seen_at.get(user.id),
        )
        for user in users
    ]
