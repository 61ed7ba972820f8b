"""What stands beside the case on the triage screen: late cases, kept filters, colleagues, the break."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from api.auth import SignedIn
from review import assignment, lanes, live, saved, wellbeing
from review.lanes import Region
from review.sla import Clocks


def aside_of(session: Session, who: SignedIn, at: datetime, clocks: Clocks, region: Region) -> dict[str, Any]:
    """Return the values of the left pane; five queries, none a row."""
    return {
        "live_after": live.last(session),
        "overdue": lanes.overdue(session, at, clocks, region),
        "filters": saved.visible(session, who.person),
        "colleagues": assignment.people(session, who.person),
        "break_minutes": wellbeing.preference(session, who.person).break_minutes,
    }
