"""The random sample: each decision that stands draws a lot, and some are read again by somebody else.

The lot comes from a key that no user has and from the text alone (`store.keys.Keys.lot`), so who decides can
neither tell it beforehand nor draw again by undoing. Every lot is kept, drawn or not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, joinedload

from review import golden, second_review
from review.decision import UNDO_WITHIN
from review.reading import who_know
from store.quality_tables import Adjudication, Draw
from store.records import lock
from store.tables import Case, Decision
from store.vocabulary import CaseState, SecondReviewWhy

_AT_ONCE = 500
# Transactions end in another order than their decisions are numbered; none is late by so many.
_BEHIND = 5_000


@dataclass(frozen=True)
class Sampling:
    """`lot` gives a number in [0, 1) for a name. `second` is the share of decisions that are read again,
    `golden` that after which their maker is asked to read a case with a known answer."""

    lot: Callable[[str], float]
    second: float
    golden: float


def draw(session: Session, sampling: Sampling, at: datetime) -> int:
    """Draw the lots of decisions that can be undone no more; return how many were drawn for a review."""
    lock(session, "draw")
    newest = session.scalar(select(func.max(Draw.decision_id))) or 0
    fresh = session.scalars(
        select(Decision)
        .where(
            Decision.id > newest - _BEHIND, Decision.at <= at - UNDO_WITHIN, Decision.undone_at.is_(None),
            ~exists().where(Draw.decision_id == Decision.id),
        )
        .order_by(Decision.id)
        .limit(_AT_ONCE)
    ).all()  # fmt: skip
    drawn = 0
    for decision in fresh:
        seen = decision.snapshot["content_hash"]
        lot = sampling.lot(f"second:{decision.case_id}:{seen}")
        review_id = _ask(session, decision, seen, at) if lot < sampling.second else None
        session.add(Draw(decision_id=decision.id, lot=lot, share=sampling.second, review_id=review_id, at=at))
        drawn += review_id is not None
        if sampling.lot(f"golden:{decision.id}") < sampling.golden:
            golden.assign(session, decision.user_id, at)
    session.flush()
    return drawn


def _ask(session: Session, decision: Decision, seen: str, at: datetime) -> int | None:
    """Ask for a review of the text that was decided, if that decision stands on it and no lead settled it."""
    case = session.get_one(Case, decision.case_id, options=[joinedload(Case.post)])
    stands = case.state == CaseState.DECIDED and case.version == decision.case_version + 1
    settled = select(Adjudication.id).where(
        Adjudication.case_id == case.id, Adjudication.content_hash == seen, Adjudication.outcome.is_not(None)
    )
    if not stands or case.content_hash != seen or session.scalar(settled.limit(1)) is not None:
        return None
    return second_review.ask(session, case, SecondReviewWhy.SAMPLE, who_know(session, case.id), at).id
