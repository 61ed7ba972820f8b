"""Proposing a referral: by one person, of one case, never in bulk and never by a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from review import gate, referral
from review.case import get
from review.errors import CaseChanged, CaseTaken, ReviewError
from review.grounds import Ground
from review.permissions import Action, Person, require
from review.referral_errors import (
    AlreadyReferred,
    MilderNeeded,
    NecessityNeeded,
    NoSuchBasis,
)
from store import referred
from store.tables import Assessment, Case, Post, Referral
from store.vocabulary import CaseState, MilderMeans, ReferralState

_OPEN = (ReferralState.PROPOSED, ReferralState.APPROVED)
_SENT = (ReferralState.EXPORTED, ReferralState.ACKNOWLEDGED)


@dataclass(frozen=True)
class Proposal:
    """What a person says for a referral: rule, legal basis, the milder means weighed, and why not those."""

    rule: str
    legal_basis: str
    necessity: str
    milder: Sequence[MilderMeans]


@dataclass(frozen=True)
class Possible:
    """What may be proposed of a case: the rules that hold with their bases, or the reason why nothing may."""

    case: Case
    rules: Sequence[Ground]
    refused: ReviewError | None = None


def possible(session: Session, person: Person, case_id: int) -> Possible:
    """Return what `person` may propose of a case as it is now."""
    require(person, Action.REVIEW)
    case = get(session, case_id)
    post = session.get_one(Post, case.post_id)
    assessment = session.get(Assessment, post.assessment_id) if post.assessment_id is not None else None
    named = assessment.detail.get("referable", []) if assessment is not None else []
    rules: list[Ground] = []
    try:
        _refuse_second(session, case, "")
        for rule in named or [""]:
            rules.append(gate.require_referable(session, case, rule).rules[rule])
    except ReviewError as error:
        return Possible(case, (), error)
    return Possible(case, rules)


def propose(
    session: Session, person: Person, case_id: int, version: int, seen: str, said: Proposal, at: datetime
) -> Referral:
    """Propose to refer a case as it was shown (`version`, content hash `seen`), and ask for its review.

    Raises `CaseTaken` while somebody else holds the case, `CaseChanged`, `AlreadyReferred`, what
    `gate.require_referable` raises, `NoSuchBasis`, `NecessityNeeded`, `MilderNeeded`.
    """
    require(person, Action.REVIEW)
    get(session, case_id)
    case = session.scalars(
        select(Case).where(Case.id == case_id).with_for_update().execution_options(populate_existing=True)
    ).one()
    lease = case.lease_until if case.state == CaseState.LEASED else None
    if lease is not None and lease > at and case.lease_user_id != person.id:
        raise CaseTaken(case=case.id)
    text_now = session.scalar(select(Post.content_hash).where(Post.id == case.post_id))
    if case.version != version or not case.content_hash == text_now == seen:
        raise CaseChanged(case=case.id)
    in_force = gate.require_referable(session, case, said.rule)
    _require_said(said, in_force.rules[said.rule])
    evidence = referred.evidence_sha256(referred.evidence_of(session, case.id))
    _refuse_second(session, case, evidence)
    made = Referral(
        case_id=case.id, state=ReferralState.PROPOSED, rule=said.rule, legal_basis=said.legal_basis,
        why_not_milder=said.necessity.strip(), milder=[means.value for means in dict.fromkeys(said.milder)],
        content_hash=case.content_hash, evidence_sha256=evidence, policy=in_force.policy,
        proposer_id=person.id, proposed_at=at, changed_at=at,
    )  # fmt: skip
    session.add(made)
    session.flush()
    gate.ask_for_review(session, case, made, at)
    referral.note(
        session, made, person.actor, "proposed", at, made.why_not_milder, basis=made.legal_basis,
        milder=", ".join(made.milder),
    )  # fmt: skip
    return made


def _require_said(said: Proposal, ground: Ground) -> None:
    if said.legal_basis not in ground.bases:
        raise NoSuchBasis()
    if not said.milder:
        raise MilderNeeded()
    if not said.necessity.strip():
        raise NecessityNeeded()


def _refuse_second(session: Session, case: Case, evidence: str) -> None:
    """Raise `AlreadyReferred` while a referral of the case is open, or has been sent with this evidence."""
    found = session.scalar(
        select(Referral.id)
        .where(
            Referral.case_id == case.id,
            or_(
                Referral.state.in_(_OPEN),
                Referral.state.in_(_SENT) & (Referral.evidence_sha256 == evidence),
            ),
        )
        .limit(1)
    )
    if found is not None:
        raise AlreadyReferred(case=case.id, referral=found)
