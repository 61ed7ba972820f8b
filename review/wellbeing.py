"""How a person wants to work: when to be told of a break."""

from __future__ import annotations

from sqlalchemy.orm import Session

from review.permissions import Action, Person, require
from store.queue_tables import Preference

BREAK_MINUTES = 50
LONGEST = 480


def preference(session: Session, person: Person) -> Preference:
    """Return what a person chose, or the default: a break after 50 minutes."""
    found = session.get(Preference, person.id)
    return found or Preference(user_id=person.id, break_minutes=BREAK_MINUTES)


def choose(session: Session, person: Person, break_minutes: int) -> Preference:
    """Keep what a person chose; no event tells of it, for how somebody rests is nobody's business."""
    require(person, Action.READ)
    minutes = min(max(0, break_minutes), LONGEST)
    return session.merge(Preference(user_id=person.id, break_minutes=minutes))
