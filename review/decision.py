"""Decisions: what a person concluded, on exactly what they saw."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import models
from review import aside, copies, queue
from review.case import change_state, get, record, require_text
from review.errors import (
    CaseChanged,
    CorrectionNeeded,
    IllegalMove,
    NotAllowed,
    ReasonNeeded,
    ReviewError,
    UndoTooLate,
)
from review.permissions import Action, Person, require
from store import policies
from store.tables import Assessment, Case, Decision, Post
from store.vocabulary import CaseState, Outcome

UNDO_WITHIN = timedelta(seconds=30)


class ActNeeded(ReviewError):
    template = "Hãy chọn đây là loại phát ngôn được bảo vệ nào."


class ClaimNotShown(ReviewError):
    template = "Ca {case} không khớp tuyên bố {claim}: hãy chọn một tuyên bố đang hiện ở ca."


@dataclass(frozen=True)
class Verdict:
    """What a person wants to record, always with a reason.

    `act` is the protected act where the outcome is that, `correction` the wording of one, `claim_id` the
    claim that it was drawn from, of those that the case shows.
    """

    outcome: Outcome
    reason: str = ""
    correction: str = ""
    act: str = ""
    claim_id: str = ""

    def check(self) -> None:
        """Raise `ReasonNeeded`, `ActNeeded` or `CorrectionNeeded` when something is missing."""
        if self.outcome == Outcome.PROTECTED and self.act not in models.labels().protected:
            raise ActNeeded()
        if not self.reason.strip():
            raise ReasonNeeded()
        if self.outcome == Outcome.CORRECT and not self.correction.strip():
            raise CorrectionNeeded()


def decide(
    session: Session,
    person: Person,
    case_id: int,
    version: int,
    token: str,
    seen: str,
    verdict: Verdict,
    at: datetime,
) -> Decision:
    """Decide a leased case, or as lead an escalated one (which has no lease: `token` is then not asked).

    `version` and `seen` (the content hash of the text shown) come from the page the person looked at:
    a late or doubled key press raises `CaseChanged` or `LeaseLost` and records nothing. It covers the copies
    that the snapshot names; near ones that nobody confirmed stay undecided.
    """
    verdict.check()
    case = _to_decide(session, person, case_id, token, at)
    _require_unchanged(session, case, version, seen)
    snapshot = take_snapshot(session, case)
    correct, protected = verdict.outcome == Outcome.CORRECT, verdict.outcome == Outcome.PROTECTED
    if correct and verdict.claim_id and _shown_claim(snapshot, verdict.claim_id) is None:
        raise ClaimNotShown(case=case.id, claim=verdict.claim_id)
    decision = Decision(
        case_id=case.id,
        case_version=case.version,
        user_id=person.id,
        outcome=verdict.outcome,
        reason=verdict.reason.strip(),
        act=verdict.act if protected else None,
        correction=verdict.correction.strip() if correct else "",
        claim_id=(verdict.claim_id or None) if correct else None,
        policy=snapshot["assessment"]["policy"],
        snapshot=snapshot,
        snapshot_sha256=snapshot_hash(snapshot),
        at=at,
    )
    session.add(decision)
    change_state(case, CaseState.DECIDED)
    case.decided_at = at
    session.flush()
    record(
        session,
        case,
        person.actor,
        "decided",
        at,
        verdict.reason.strip(),
        outcome=verdict.outcome,
        decision=decision.id,
        snapshot=decision.snapshot_sha256,
    )
    return decision


def escalate(
    session: Session,
    person: Person,
    case_id: int,
    version: int,
    token: str,
    seen: str,
    reason: str,
    at: datetime,
) -> None:
    """Hand a leased case to the lead, with a reason."""
    if not reason.strip():
        raise ReasonNeeded()
    case = queue.held(session, person, case_id, token, at)
    _require_unchanged(session, case, version, seen)
    change_state(case, CaseState.ESCALATED)
    record(session, case, person.actor, "escalated", at, reason.strip())


def undo(session: Session, person: Person, decision_id: int, at: datetime) -> queue.Lease:
    """Take back one's own decision within 30 seconds and hold the case again; raises `UndoTooLate`."""
    require(person, Action.REVIEW)
    decision = session.get(Decision, decision_id)
    if decision is None or decision.user_id != person.id:
        raise NotAllowed()
    case = get(session, decision.case_id)
    latest = case.state == CaseState.DECIDED and case.version == decision.case_version + 1
    if decision.undone_at is not None or not latest or at - decision.at > UNDO_WITHIN:
        raise UndoTooLate(seconds=int(UNDO_WITHIN.total_seconds()))
    decision.undone_at = at
    change_state(case, CaseState.QUEUED)
    case.decided_at = None
    record(session, case, person.actor, "undone", at, "hoàn tác", decision=decision.id)
    session.flush()
    return queue.lease(session, person, case.id, at)


def reopen(session: Session, person: Person, case_id: int, reason: str, at: datetime) -> None:
    """Queue a decided case again, with a reason; for the lead."""
    require(person, Action.LEAD)
    if not reason.strip():
        raise ReasonNeeded()
    case = get(session, case_id)
    require_text(session, case)
    change_state(case, CaseState.QUEUED)
    case.decided_at, case.waits_from = None, at
    policies.owe_again(session, case.post_id, at)
    aside.reopened(session, case.id, at)
    record(session, case, person.actor, "reopened", at, reason.strip())


def take_snapshot(session: Session, case: Case) -> dict[str, Any]:
    """Return what the page of `case` shows: text, assessment with its why, copies covered and not covered."""
    post = session.get_one(Post, case.post_id)
    assessment = session.get_one(Assessment, post.assessment_id)
    covers = copies.coverage(session, case)
    return {
        "case": case.id,
        "case_version": case.version,
        "post": post.id,
        "post_version": post.version,
        "url": post.url,
        "text": post.text,
        "quotes": post.quotes,
        "content_hash": post.content_hash,
        "capture": post.capture_id,
        "assessment": assessment.detail | {"model": assessment.model, "policy": assessment.policy},
        "copies": list(covers.covered),
        "copies_total": covers.covered_total,
        "uncovered": list(covers.open),
        "uncovered_total": covers.open_total,
    }


def _shown_claim(snapshot: dict[str, Any], claim_id: str) -> dict[str, Any] | None:
    shown: list[dict[str, Any]] = snapshot["assessment"].get("claims", [])
    return next((claim for claim in shown if claim["claim_id"] == claim_id), None)


def snapshot_hash(snapshot: dict[str, Any]) -> str:
    """Return the SHA-256 (hex) of a snapshot's canonical JSON."""
    canonical = json.dumps(snapshot, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _to_decide(session: Session, person: Person, case_id: int, token: str, at: datetime) -> Case:
    case = get(session, case_id)
    if case.state == CaseState.DECIDED:
        raise IllegalMove(current=CaseState.DECIDED, target=CaseState.DECIDED)
    if case.state != CaseState.ESCALATED:
        return queue.held(session, person, case_id, token, at)
    require(person, Action.LEAD)
    return session.scalars(select(Case).where(Case.id == case_id).with_for_update()).one()


def _require_unchanged(session: Session, case: Case, version: int, seen: str) -> None:
    # The post itself is asked too: an edit may have come in that scoring has not reached yet.
    text_now = session.scalar(select(Post.content_hash).where(Post.id == case.post_id))
    if case.version != version or not case.content_hash == text_now == seen:
        raise CaseChanged(case=case.id)
