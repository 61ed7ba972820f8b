"""Filters of the queue and searches that a person keeps, and that a lead shares with all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload

from review.errors import BadAlert, NoSuchFilter, ReasonNeeded
from review.permissions import Action, Person, may, require
from store import audit
from store.delivery import BadMessage, require_url
from store.queue_tables import SavedFilter
from store.tables import Case, Post
from store.vocabulary import Channel, FilterKind

LONGEST_NAME, LONGEST_QUERY = 80, 2000


@dataclass(frozen=True)
class Wanted:
    """A filter to keep: its name, what the address has after the question mark, and where new matches go."""

    kind: FilterKind
    name: str
    query: str
    shared: bool = False
    channel: Channel | None = None
    alert_to: str = ""


def visible(session: Session, person: Person) -> Sequence[SavedFilter]:
    """Return one's own filters and the shared ones, by name, with their owners."""
    require(person, Action.READ)
    mine = or_(SavedFilter.user_id == person.id, SavedFilter.shared)
    query = select(SavedFilter).where(mine).options(joinedload(SavedFilter.user))
    return session.scalars(query.order_by(SavedFilter.name, SavedFilter.id)).all()


def save(session: Session, person: Person, wanted: Wanted, at: datetime) -> SavedFilter:
    """Keep a filter; one's own of the same name is replaced. Only what matches from now on is told.

    Sharing, and telling a webhook, are for leads: what others see, and what leaves for another program, is
    theirs to answer for. Raises `NotAllowed`, `BadAlert`, and `ReasonNeeded` without a name.
    """
    require(person, Action.LEAD if wanted.shared or wanted.channel == Channel.WEBHOOK else Action.READ)
    name = wanted.name.strip()[:LONGEST_NAME]
    if not name:
        raise ReasonNeeded()
    _check(wanted)
    found = session.scalar(
        select(SavedFilter).where(SavedFilter.user_id == person.id, SavedFilter.name == name)
    ) or SavedFilter(user_id=person.id, name=name, made_at=at)
    found.kind, found.query, found.shared = wanted.kind, wanted.query[:LONGEST_QUERY], wanted.shared
    found.channel, found.alert_to = wanted.channel, wanted.alert_to.strip() if wanted.channel else ""
    subject = Case.id if wanted.kind == FilterKind.QUEUE else Post.id
    found.mark, found.checked_at = session.scalar(select(func.max(subject))) or 0, at
    session.add(found)
    session.flush()
    audit.append(
        session, person.actor, "filter.saved", f"filter:{found.id}", query=found.query, shared=found.shared,
        channel=found.channel, to=found.alert_to,
    )  # fmt: skip
    return found


def remove(session: Session, person: Person, filter_id: int) -> None:
    """Forget one's own filter, or as lead a shared one; raises `NoSuchFilter`."""
    require(person, Action.READ)
    found = session.get(SavedFilter, filter_id)
    if found is None or not (found.user_id == person.id or (found.shared and may(person, Action.LEAD))):
        raise NoSuchFilter(filter=filter_id)
    session.delete(found)
    audit.append(session, person.actor, "filter.removed", f"filter:{filter_id}", name=found.name)


def _check(wanted: Wanted) -> None:
    to = wanted.alert_to.strip()
    if wanted.channel == Channel.EMAIL:
        name, _, host = parseaddr(to)[1].rpartition("@")
        if parseaddr(to)[1] != to or not name or "." not in host:
            raise BadAlert(to=to)
    if wanted.channel == Channel.WEBHOOK:
        try:
            require_url(to)
        except BadMessage as error:
            raise BadAlert(to=to) from error
