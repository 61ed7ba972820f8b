"""Opening the original: an archived page or its picture may show who wrote a post, so it takes a reason.

The reason is given once and is in the audit log before anything is shown; it opens the originals of one case
to one person for `OPEN_FOR`. Each look leaves an event of its own besides.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from review.access import require_visible
from review.errors import NotOpened, ReasonNeeded
from review.permissions import Action, Person, require
from store import audit
from store.tables import Event

OPEN_FOR = timedelta(minutes=15)
OPENED = "original.opened"


def open_originals(session: Session, person: Person, case_id: int, reason: str) -> None:
    """Let a person see the originals of a case for a while; raises `ReasonNeeded`, `NoSuchCase`."""
    require(person, Action.REVIEW)
    require_visible(session, person, case_id)
    if not reason.strip():
        raise ReasonNeeded()
    audit.append(session, person.actor, OPENED, f"case:{case_id}", reason=reason.strip())


def is_open(session: Session, person: Person, case_id: int) -> bool:
    """Say whether a person gave a reason for this case a little while ago."""
    # By the clock of the log itself: events carry its time.
    since = (datetime.now(UTC) - OPEN_FOR).isoformat(timespec="microseconds")
    asked = select(Event.id).where(
        Event.subject == f"case:{case_id}",
        Event.actor == person.actor,
        Event.action == OPENED,
        Event.at >= since,
    )
    return session.scalar(asked.limit(1)) is not None


def require_open(session: Session, person: Person, case_id: int) -> None:
    """Raise `NotOpened` unless a person gave a reason for this case a little while ago."""
    if not is_open(session, person, case_id):
        raise NotOpened(case=case_id, minutes=int(OPEN_FOR.total_seconds() // 60))
