"""What must hold before anything is proposed, approved or sent, asked anew at each of these steps."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from review import grounds, protection, second_review
from review.errors import ReviewError
from review.referral_errors import (
    EvidenceChanged,
    NotAgreed,
    NotReferable,
    NotYetReviewed,
    PolicyChanged,
    StandsProtected,
)
from store import referred
from store.second_review_tables import SecondReview
from store.tables import Assessment, Case, Post, Referral
from store.vocabulary import SecondReviewWhy

EXPIRED = "hết hạn phê duyệt"


def require_referable(session: Session, case: Case, rule: str) -> grounds.Grounds:
    """Return the grounds in force if `rule` of them holds for `case` as it reads now.

    Its latest assessment must be by the policy in force, of the text shown, name the rule, and not be of
    protected speech; and no finding of protected speech by a person may stand. Raises `PolicyChanged`,
    `NotReferable`, `StandsProtected`.
    """
    in_force = grounds.in_force(session)
    post = session.get_one(Post, case.post_id, populate_existing=True)
    latest = session.scalar(
        select(func.max(Assessment.id)).where(
            Assessment.post_id == post.id, Assessment.post_version == post.version
        )
    )
    assessment = session.get(Assessment, latest) if latest is not None else None
    if assessment is None or assessment.id != post.assessment_id or post.content_hash != case.content_hash:
        raise NotReferable(case=case.id)
    # Protection first: what is protected stays so whatever else is amiss.
    if assessment.protected or protection.stands(protection.findings(session, case.id)):
        raise StandsProtected(case=case.id)
    if not assessment.referable or rule not in assessment.detail.get("referable", ()):
        raise NotReferable(case=case.id)
    if assessment.policy != in_force.policy or rule not in in_force.rules:
        raise PolicyChanged()
    return in_force


def require_open(session: Session, case: Case, referral: Referral) -> None:
    """Raise unless `referral` still stands on what was proposed: the same evidence, by the same policy."""
    text_then, evidence_then = referral.content_hash, referral.evidence_sha256
    if case.content_hash != text_then or evidence_now(session, case.id) != evidence_then:
        raise EvidenceChanged()
    if grounds.in_force(session).policy != referral.policy:
        raise PolicyChanged()
    require_referable(session, case, referral.rule)


def agreeing(session: Session, referral: Referral) -> SecondReview:
    """Return the blind review that a referral may stand on; raises `NotYetReviewed` or `NotAgreed`."""
    review = review_of(session, referral)
    if review is None:
        raise NotYetReviewed()
    if review.protected or referral.rule not in review.grounds:
        raise NotAgreed()
    return review


def review_of(session: Session, referral: Referral) -> SecondReview | None:
    """Return the blind review that counts for a referral, see `counting`."""
    return counting(referral, second_review.standing(session, referral.case_id, referral.content_hash))


def counting(referral: Referral, latest: SecondReview | None) -> SecondReview | None:
    """Return `latest`, the latest answered review of a referral's text, if it counts for the referral.

    One by the proposer does not, nor one by another policy.
    """
    if latest is None or latest.reviewer_id == referral.proposer_id or latest.policy != referral.policy:
        return None
    return latest


def ask_for_review(session: Session, case: Case, referral: Referral, at: datetime) -> None:
    """Ask for the blind review of a proposal, unless one that counts was given.

    So nobody asks until one agrees.
    """
    if review_of(session, referral) is None:
        second_review.ask(session, case, SecondReviewWhy.REFERRAL, [referral.proposer_id], at)


def why_lapsed(session: Session, case: Case, referral: Referral, at: datetime) -> str:
    """Return why an approval no longer holds, "" while it does."""
    if referral.expires_at is None or referral.expires_at <= at:
        return EXPIRED
    try:
        require_open(session, case, referral)
        agreeing(session, referral)
    except ReviewError as error:
        return str(error)
    return ""


def evidence_now(session: Session, case_id: int) -> str:
    """Return the hash of what would be referred of a case now, "" where there is nothing."""
    try:
        return referred.evidence_sha256(referred.evidence_of(session, case_id))
    except referred.NoEvidence:
        return ""
