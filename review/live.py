"""What happens to cases, as it happens: the activity log read on from where one was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.tables import Activity, User

TOLD = (
    "leased", "released", "skipped", "expired", "decided", "escalated", "undone", "reopened", "assigned",
    "unassigned", "handed_over", "changed", "judged_again",
)  # fmt: skip
MOST = 500


@dataclass(frozen=True)
class Change:
    """One thing that happened to a case; `user_id` and `name` are of who did it, None for the system."""

    id: int
    case_id: int
    what: str
    user_id: int | None
    name: str | None


def last(session: Session) -> int:
    """Return the number of the latest change, 0 when there is none."""
    return session.scalar(select(func.max(Activity.id))) or 0


def since(session: Session, after: int, limit: int = MOST) -> Sequence[Change]:
    """Return what happened after change `after`, oldest first; one query along the primary key."""
    rows = session.execute(
        select(Activity.id, Activity.case_id, Activity.what, Activity.user_id, User.name)
        .outerjoin(User, User.id == Activity.user_id)
        .where(Activity.id > after, Activity.what.in_(TOLD))
        .order_by(Activity.id)
        .limit(limit)
    )
    return [Change(*row) for row in rows]
