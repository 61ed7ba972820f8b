"""Compares a reading with the one before it; where they differ, a lead is asked to settle it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from review import complaint, reading
from review.reading import Reading
from store import audit
from store.complaint_tables import Complaint
from store.quality_tables import Adjudication, Draw, GoldenAnswer
from store.second_review_tables import SecondReview
from store.tables import Decision, Referral
from store.vocabulary import ComplaintState, Dispute, Outcome, ReferralState, SecondReviewWhy


def compare(session: Session, review: SecondReview, at: datetime) -> Adjudication | None:
    """Compare an answered second review with what it looked at again; where they differ, ask a lead.

    That is the decision that was drawn or complained of, or the proposal of a referral, which it differs from
    unless it found the grounds of that referral. A complaint is closed as upheld where they agree.
    """
    if review.why == SecondReviewWhy.SAMPLE:
        drawn = session.scalar(
            select(Decision)
            .join(Draw, Draw.decision_id == Decision.id)
            .where(Draw.review_id == review.id)
            .order_by(Decision.id.desc())
            .limit(1)
        )
        return _with_decision(session, review, drawn, at)
    if review.why == SecondReviewWhy.COMPLAINT:
        return _with_complaints(session, review, at)
    return _with_proposal(session, review, at)


def compare_golden(session: Session, answer: GoldenAnswer, at: datetime) -> Adjudication | None:
    """Open an adjudication when an answer differs from the known one, which is nobody's reading."""
    golden = answer.golden
    if answer.outcome == golden.outcome:
        return None
    known = Reading(Outcome(golden.outcome), reason="")
    given = reading.of_answer(answer)
    opened = Adjudication(
        about=f"golden_answer:{answer.id}", why=Dispute.GOLDEN, case_id=golden.case_id,
        content_hash=golden.content_hash, first_id=None, first=known.to_json(), second_id=answer.user_id,
        second=given.to_json(), opened_at=at,
    )  # fmt: skip
    return _opened(session, opened)


def _with_decision(
    session: Session, review: SecondReview, decision: Decision | None, at: datetime
) -> Adjudication | None:
    if decision is None or decision.outcome == review.outcome:
        return None
    return _open(session, review, decision.user_id, reading.of_decision(decision), at)


def _with_complaints(session: Session, review: SecondReview, at: datetime) -> Adjudication | None:
    about = session.scalars(
        select(Complaint)
        .where(Complaint.review_id == review.id, Complaint.state == ComplaintState.ASSIGNED)
        .order_by(Complaint.id)
    ).all()
    opened = None
    for one in about:
        if one.decision.outcome == review.outcome:
            complaint.close(
                session, one, ComplaintState.UPHELD, review.reason, f"user:{review.reviewer_id}", at
            )
        else:
            complaint.change_state(one, ComplaintState.DISPUTED)
            opened = opened or _with_decision(session, review, one.decision, at)
    return opened


def _with_proposal(session: Session, review: SecondReview, at: datetime) -> Adjudication | None:
    proposal = session.scalar(
        select(Referral)
        .where(
            Referral.case_id == review.case_id,
            Referral.content_hash == review.content_hash,
            Referral.state == ReferralState.PROPOSED,
        )
        .order_by(Referral.id.desc())
        .limit(1)
    )
    if proposal is None or proposal.rule in review.grounds:
        return None
    first = Reading(Outcome.REPORT, reason=proposal.why_not_milder)
    return _open(session, review, proposal.proposer_id, first, at)


def _open(
    session: Session, review: SecondReview, first_id: int, first: Reading, at: datetime
) -> Adjudication | None:
    if review.reviewer_id is None:
        return None
    opened = Adjudication(
        about=f"second_review:{review.id}", why=Dispute(review.why), case_id=review.case_id,
        content_hash=review.content_hash, first_id=first_id, first=first.to_json(),
        second_id=review.reviewer_id, second=reading.of_answer(review).to_json(), opened_at=at,
    )  # fmt: skip
    return _opened(session, opened)


def _opened(session: Session, opened: Adjudication) -> Adjudication:
    session.add(opened)
    session.flush()
    # Not in the log of the case, which everybody reads: others may still be asked to read it blind.
    audit.append(
        session, audit.SYSTEM, "adjudication.opened", f"adjudication:{opened.id}", case=opened.case_id,
        why=opened.why, about=opened.about, outcomes=[opened.first["outcome"], opened.second["outcome"]],
    )  # fmt: skip
    return opened
