"""A complaint: the moves it may make, and what is recorded of each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from review.errors import IllegalMove
from store import audit
from store.complaint_tables import Complaint
from store.vocabulary import ComplaintState

MOVES: Mapping[ComplaintState, frozenset[ComplaintState]] = {
    ComplaintState.RECEIVED: frozenset({ComplaintState.ASSIGNED, ComplaintState.WITHDRAWN}),
    # Assigned again: to another person, or for a text that was edited meanwhile.
    ComplaintState.ASSIGNED: frozenset(
        {
            ComplaintState.ASSIGNED,
            ComplaintState.DISPUTED,
            ComplaintState.UPHELD,
            ComplaintState.WITHDRAWN,
        }
    ),
    ComplaintState.DISPUTED: frozenset({ComplaintState.UPHELD, ComplaintState.CHANGED}),
    ComplaintState.UPHELD: frozenset(),
    ComplaintState.CHANGED: frozenset(),
    ComplaintState.WITHDRAWN: frozenset(),
}


def move(current: ComplaintState, target: ComplaintState) -> ComplaintState:
    """Return `target`; raises `IllegalMove` when a complaint in `current` may not go there."""
    if target not in MOVES[current]:
        raise IllegalMove(current=current, target=target)
    return target


def change_state(complaint: Complaint, target: ComplaintState) -> None:
    """Move a complaint; raises `IllegalMove`."""
    complaint.state = move(ComplaintState(complaint.state), target)


def close(
    session: Session, complaint: Complaint, target: ComplaintState, answer: str, actor: str, at: datetime
) -> None:
    """End a complaint with the answer that its writer is given, and record it."""
    change_state(complaint, target)
    complaint.answer, complaint.closed_at = answer, at
    session.flush()
    record(session, complaint, actor, target.value, answer=answer)


def record(session: Session, complaint: Complaint, actor: str, what: str, **detail: Any) -> None:
    """Write the event of one change. Not in the log of the case: it would tell who is to read it blind."""
    audit.append(
        session, actor, f"complaint.{what}", f"complaint:{complaint.id}", case=complaint.case_id,
        decision=complaint.decision_id, **detail,
    )  # fmt: skip
