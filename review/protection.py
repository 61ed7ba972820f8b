"""Whether people have found protected speech in a case, and whether that stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.second_review_tables import SecondReview
from store.tables import Decision
from store.vocabulary import HARMFUL, Outcome

# It takes so many persons to say otherwise; migration 0010 has the same number.
PERSONS = 2


@dataclass(frozen=True)
class Finding:
    """What one person concluded on a case: that it is protected speech, that it does harm, or neither."""

    person: int
    protected: bool
    harm: bool
    at: datetime


def findings(session: Session, case_id: int) -> list[Finding]:
    """Return what people concluded on a case, by decision (unless undone) or second review."""
    decided = session.execute(
        select(Decision.user_id, Decision.outcome, Decision.at).where(
            Decision.case_id == case_id, Decision.undone_at.is_(None)
        )
    )
    reviewed = session.execute(
        select(
            SecondReview.reviewer_id, SecondReview.outcome, SecondReview.protected, SecondReview.answered_at
        ).where(SecondReview.case_id == case_id, SecondReview.answered_at.is_not(None))
    )
    return [
        *(Finding(d.user_id, d.outcome == Outcome.PROTECTED, d.outcome in HARMFUL, d.at) for d in decided),
        *(
            Finding(r.reviewer_id, r.protected, r.outcome in HARMFUL and not r.protected, r.answered_at)
            for r in reviewed
        ),
    ]


def stands(found: Iterable[Finding]) -> bool:
    """Say whether protected speech was found and not, since then, harm by two different persons.

    So nobody opens the gate by relabelling a case alone; a dismissal says neither and opens nothing.
    """
    known = list(found)
    return any(
        len({other.person for other in known if other.harm and other.at > one.at}) < PERSONS
        for one in known
        if one.protected
    )
