"""The referral: the moves it may make, and each step of it after the proposal.

A step locks the case and then the referral, asks who may take it and whether what it stands on still holds,
and leaves state, activity row and audit event in one transaction. The database asks the same again
(`store.gate`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from review import gate
from review.errors import IllegalMove, ReasonNeeded
from review.permissions import Action, Person, may, require
from review.referral_errors import (
    ApprovalExpired,
    EvidenceChanged,
    NoBundle,
    NoSuchReferral,
    PolicyChanged,
    ReceiptNeeded,
    SamePerson,
)
from store import audit
from store.tables import Activity, Case, Referral
from store.vocabulary import ReferralState

MOVES: Mapping[ReferralState, frozenset[ReferralState]] = {
    ReferralState.PROPOSED: frozenset(
        {ReferralState.APPROVED, ReferralState.REJECTED, ReferralState.WITHDRAWN}
    ),
    ReferralState.APPROVED: frozenset(
        {ReferralState.EXPORTED, ReferralState.EXPIRED, ReferralState.WITHDRAWN}
    ),
    ReferralState.EXPORTED: frozenset({ReferralState.ACKNOWLEDGED, ReferralState.RECALLED}),
    ReferralState.ACKNOWLEDGED: frozenset({ReferralState.RECALLED}),
    ReferralState.REJECTED: frozenset(),
    ReferralState.EXPIRED: frozenset(),
    ReferralState.WITHDRAWN: frozenset(),
    ReferralState.RECALLED: frozenset(),
}
APPROVED_FOR = timedelta(hours=72)
# What the liaison may see: approved, and what became of it at the recipient's.
RELEASED = frozenset(
    {
        ReferralState.APPROVED,
        ReferralState.EXPORTED,
        ReferralState.ACKNOWLEDGED,
        ReferralState.RECALLED,
    }
)


def move(current: ReferralState, target: ReferralState) -> ReferralState:
    """Return `target`; raises `IllegalMove` when a referral in `current` may not go there."""
    if target not in MOVES[current]:
        raise IllegalMove(current=current, target=target)
    return target


def visible(person: Person) -> frozenset[ReferralState]:
    """Return the states in which `person` may see a referral."""
    require(person, Action.READ)
    inside = may(person, Action.REVIEW) or may(person, Action.AUDIT)
    return frozenset(ReferralState) if inside else RELEASED


def approve(
    session: Session,
    person: Person,
    referral_id: int,
    evidence: str,
    policy: str,
    at: datetime,
    valid_for: timedelta = APPROVED_FOR,
) -> Referral:
    """Approve exactly what was shown: `evidence` (its SHA-256) and `policy` come from the page looked at.

    Raises `SamePerson` for the proposer, under whatever session; `EvidenceChanged`, `PolicyChanged`,
    `NotYetReviewed`, `NotAgreed`, `StandsProtected`, `NotReferable`.
    """
    require(person, Action.LEAD)
    referral, case = _locked(session, referral_id)
    target = move(ReferralState(referral.state), ReferralState.APPROVED)
    _require_other(person, referral)
    if evidence != referral.evidence_sha256:
        raise EvidenceChanged()
    if policy != referral.policy:
        raise PolicyChanged()
    gate.require_open(session, case, referral)
    referral.review_id = gate.agreeing(session, referral).id
    referral.approver_id, referral.approved_at = person.id, at
    referral.expires_at = at + valid_for
    _step(session, referral, target, person.actor, at, expires=referral.expires_at.isoformat())
    return referral


def reject(session: Session, person: Person, referral_id: int, reason: str, at: datetime) -> Referral:
    """Turn a proposal down, with a reason; for a lead who did not propose it."""
    require(person, Action.LEAD)
    referral, _case = _locked(session, referral_id)
    target = move(ReferralState(referral.state), ReferralState.REJECTED)
    _require_other(person, referral)
    return _end(session, referral, target, person.actor, reason, at)


def withdraw(session: Session, person: Person, referral_id: int, reason: str, at: datetime) -> Referral:
    """Take a referral back before it is sent, with a reason; for its proposer, or a lead."""
    require(person, Action.REVIEW)
    referral, _case = _locked(session, referral_id)
    if person.id != referral.proposer_id:
        require(person, Action.LEAD)
    target = move(ReferralState(referral.state), ReferralState.WITHDRAWN)
    return _end(session, referral, target, person.actor, reason, at)


def expire(session: Session, at: datetime) -> list[int]:
    """Let every approval lapse that is past its time, or whose evidence or policy is no longer there."""
    approved = select(Referral.id).where(Referral.state == ReferralState.APPROVED).order_by(Referral.id)
    lapsed = []
    for referral_id in session.scalars(approved).all():
        referral, case = _locked(session, referral_id)
        if referral.state != ReferralState.APPROVED:
            continue
        if reason := gate.why_lapsed(session, case, referral, at):
            _end(session, referral, ReferralState.EXPIRED, audit.SYSTEM, reason, at)
            lapsed.append(referral.id)
    return lapsed


def exported(
    session: Session, person: Person, referral_id: int, bundle_sha256: str, at: datetime
) -> Referral:
    """Note that the bundle of an approved referral went out; for the liaison.

    Raises `ApprovalExpired`, and whatever `approve` raises of evidence, policy and protected speech.
    """
    require(person, Action.EXPORT)
    referral, case = _locked(session, referral_id)
    target = move(ReferralState(referral.state), ReferralState.EXPORTED)
    if re.fullmatch(r"[0-9a-f]{64}", bundle_sha256) is None:
        raise NoBundle()
    if referral.expires_at is None or referral.expires_at <= at:
        raise ApprovalExpired()
    gate.require_open(session, case, referral)
    gate.agreeing(session, referral)
    referral.exported_at, referral.bundle_sha256 = at, bundle_sha256
    _step(session, referral, target, person.actor, at, bundle=bundle_sha256)
    return referral


def acknowledged(session: Session, person: Person, referral_id: int, receipt: str, at: datetime) -> Referral:
    """Note the receipt of the recipient; for the liaison."""
    require(person, Action.EXPORT)
    referral, _case = _locked(session, referral_id)
    target = move(ReferralState(referral.state), ReferralState.ACKNOWLEDGED)
    if not receipt.strip():
        raise ReceiptNeeded()
    referral.receipt = receipt.strip()
    _step(session, referral, target, person.actor, at, receipt=referral.receipt)
    return referral


def recalled(session: Session, person: Person, referral_id: int, reason: str, at: datetime) -> Referral:
    """Call back what was sent, with a reason; for a lead."""
    require(person, Action.LEAD)
    referral, _case = _locked(session, referral_id)
    target = move(ReferralState(referral.state), ReferralState.RECALLED)
    return _end(session, referral, target, person.actor, reason, at)


def note(
    session: Session, referral: Referral, actor: str, what: str, at: datetime, reason: str = "", **detail: str
) -> None:
    """Write the activity row and the audit event of one step, in the transaction of the step.

    The activity row says no reason: whoever reviews the case blind may come upon it.
    """
    user_id = int(actor.removeprefix("user:")) if actor.startswith("user:") else None
    session.add(Activity(case_id=referral.case_id, user_id=user_id, what=f"referral_{what}", at=at))
    audit.append(
        session, actor, f"referral.{what}", f"referral:{referral.id}", case=referral.case_id,
        rule=referral.rule, evidence=referral.evidence_sha256, policy=referral.policy, reason=reason,
        **detail,
    )  # fmt: skip


def _locked(session: Session, referral_id: int) -> tuple[Referral, Case]:
    """Return a referral and its case, both as they are now and nobody else's until this transaction ends."""
    case_id = session.scalar(select(Referral.case_id).where(Referral.id == referral_id))
    if case_id is None:
        raise NoSuchReferral(referral=referral_id)
    case, referral = (
        session.scalars(query.with_for_update().execution_options(populate_existing=True)).one()
        for query in (
            select(Case).where(Case.id == case_id),
            select(Referral).where(Referral.id == referral_id),
        )
    )
    return referral, case


def _require_other(person: Person, referral: Referral) -> None:
    if person.id == referral.proposer_id:
        raise SamePerson()


def _end(
    session: Session, referral: Referral, target: ReferralState, actor: str, reason: str, at: datetime
) -> Referral:
    if not reason.strip():
        raise ReasonNeeded()
    referral.end_reason = reason.strip()
    _step(session, referral, target, actor, at, referral.end_reason)
    return referral


def _step(
    session: Session,
    referral: Referral,
    target: ReferralState,
    actor: str,
    at: datetime,
    reason: str = "",
    **detail: str,
) -> None:
    referral.state, referral.changed_at = target, at
    session.flush()
    note(session, referral, actor, target.value, at, reason, **detail)
