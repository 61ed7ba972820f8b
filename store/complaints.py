"""What reports count of complaints."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.complaint_tables import Complaint
from store.vocabulary import ComplaintState


def counts(session: Session, since: datetime, until: datetime) -> dict[str, int]:
    """Return how many complaints were typed in in a period, how many ended each way in it, and how many wait.

    Keys are `received`, `upheld`, `changed`, `withdrawn` and `waiting`; the last is as of now.
    """
    counted = dict.fromkeys(("received", "upheld", "changed", "withdrawn", "waiting"), 0)
    counted["received"] = (
        session.scalar(select(func.count()).where(Complaint.typed_at >= since, Complaint.typed_at < until))
        or 0
    )
    ended = session.execute(
        select(Complaint.state, func.count())
        .where(Complaint.closed_at >= since, Complaint.closed_at < until)
        .group_by(Complaint.state)
    )
    counted |= {ComplaintState(row[0]).value: row[1] for row in ended}
    counted["waiting"] = (
        session.scalar(select(func.count()).select_from(Complaint).where(Complaint.closed_at.is_(None))) or 0
    )
    return counted
