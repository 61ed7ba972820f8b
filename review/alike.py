"""Cases that say the same as one already decided: each looked at and chosen, then decided as that one was.

The only way to decide many cases at once. Each gets a decision of its own, with its own snapshot, and each
can be undone. A referral is never made, nor touched, this way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, joinedload

from review import decision, queue
from review.case import get
from review.decision import Verdict
from review.errors import ReviewError
from review.permissions import Action, Person, may, require
from store import cluster
from store.tables import Assessment, Case, Decision, Post, Referral
from store.vocabulary import CaseState, Outcome, ReferralState

MOST = 50
_LOOKED_AT = 200
_OVER = (ReferralState.REJECTED, ReferralState.EXPIRED, ReferralState.WITHDRAWN, ReferralState.RECALLED)


class NothingToRepeat(ReviewError):
    template = "Ca {case} không có quyết định nào của bạn còn hiệu lực trên đúng lời đang hiện."


class NotAlike(ReviewError):
    template = "Ca {case} không cùng lời và không cùng tuyên bố với ca {like}: hãy quyết định riêng."


class UnderReferral(ReviewError):
    template = "Ca {case} đang có đề nghị chuyển công an: không quyết định hàng loạt."


@dataclass(frozen=True)
class Seen:
    """A case that a person chose, as they saw it: its version, and the content hash of its text."""

    case_id: int
    version: int
    content_hash: str


def candidates(session: Session, person: Person, case_id: int, at: datetime) -> Sequence[Case]:
    """Return free cases whose text is a near copy of that of a case, or that match a claim it matches.

    Only matches that the policy confirms count. With post, source and assessment; first to review first, at
    most 50. Three queries.
    """
    require(person, Action.REVIEW)
    case = get(session, case_id)
    near = cluster.near(session, case.cluster_id)
    claims = _confirmed(_claims(session, [case.id]).get(case.id))
    shown = joinedload(Case.post)
    found = session.scalars(
        select(Case)
        .where(Case.state == CaseState.QUEUED, Case.cluster_id.in_(near) | (Case.harm == case.harm))
        .options(shown.joinedload(Post.source), shown.joinedload(Post.assessment))
        .order_by(Case.priority.desc(), Case.id)
        .limit(_LOOKED_AT)
    )
    same = [
        one
        for one in found
        if one.cluster_id in near
        or (one.post.assessment is not None and claims & _confirmed(one.post.assessment.detail.get("claims")))
    ]
    return same[:MOST]


def decide_like(
    session: Session, person: Person, case_id: int, chosen: Sequence[Seen], at: datetime
) -> list[Decision]:
    """Decide each chosen case as `case_id` was decided, all or none.

    The decision repeated must be one's own (a lead may repeat anybody's), stand, and be on the text that the
    case still shows. Raises `NothingToRepeat`, `NotAlike`, `UnderReferral`, and what taking and deciding a
    case raise: `CaseTaken`, `CaseChanged`.
    """
    require(person, Action.REVIEW)
    case = get(session, case_id)
    model = _to_repeat(session, person, case)
    near = cluster.near(session, case.cluster_id)
    ids = [one.case_id for one in chosen[:MOST]]
    _refuse_referred(session, [case.id, *ids])
    shown = _claims(session, [case.id, *ids])
    claims = _confirmed(shown.get(case.id))
    made = []
    for one in chosen[:MOST]:
        theirs = _confirmed(shown.get(one.case_id))
        if get(session, one.case_id).cluster_id not in near and not claims & theirs:
            raise NotAlike(case=one.case_id, like=case.id)
        verdict = Verdict(
            Outcome(model.outcome),
            f"{model.reason} (như ca {case.id})",
            model.correction,
            model.act or "",
            model.claim_id if model.claim_id and model.claim_id in theirs else "",
        )
        lease = queue.lease(session, person, one.case_id, at)
        made.append(
            decision.decide(
                session, person, one.case_id, one.version, lease.token, one.content_hash, verdict, at
            )
        )
    return made


def standing(session: Session, case: Case) -> Decision | None:
    """Return the decision that stands on the text a case shows, or None."""
    last = session.scalar(
        select(Decision)
        .where(Decision.case_id == case.id, Decision.undone_at.is_(None))
        .order_by(Decision.id.desc())
        .limit(1)
    )
    told = last is not None and last.snapshot["content_hash"] == case.content_hash
    return last if told and case.state == CaseState.DECIDED else None


def _to_repeat(session: Session, person: Person, case: Case) -> Decision:
    last = standing(session, case)
    if last is None or not (last.user_id == person.id or may(person, Action.LEAD)):
        raise NothingToRepeat(case=case.id)
    return last


def _refuse_referred(session: Session, case_ids: Sequence[int]) -> None:
    live = exists().where(Referral.case_id == Case.id, Referral.state.not_in(_OVER))
    referred = session.scalar(select(Case.id).where(Case.id.in_(case_ids), live).limit(1))
    if referred is not None:
        raise UnderReferral(case=referred)


def _claims(session: Session, case_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    rows = session.execute(
        select(Case.id, Assessment.detail)
        .join(Post, Post.id == Case.post_id)
        .join(Assessment, Assessment.id == Post.assessment_id)
        .where(Case.id.in_(case_ids))
    )
    return {row[0]: row[1].get("claims", []) for row in rows}


def _confirmed(claims: Sequence[dict[str, Any]] | None) -> set[str]:
    return {claim["claim_id"] for claim in claims or () if claim.get("confirmed")}
