"""The JSON API of referrals: its routes and what they answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from api.auth import Who, desk_of
from api.bounds import Count, Id
from review import proposal, referral, referral_board
from review.proposal import Proposal
from review.referral_board import Card, Shown
from store.tables import Referral
from store.vocabulary import MilderMeans, ReferralState

router = APIRouter(prefix="/api/v1")

Words = Annotated[str, Field(max_length=4000)]


class Given(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ProposalGiven(Given):
    """A proposal: what it says, and the version and content hash of the case as it was shown."""

    version: Count
    seen: str
    rule: str
    legal_basis: str
    necessity: Words
    milder: list[MilderMeans]


class ApprovalGiven(Given):
    """The evidence (SHA-256) and the policy that the approver looked at."""

    evidence_sha256: str
    policy: str


class ReasonGiven(Given):
    reason: Words


class ReceiptGiven(Given):
    receipt: Words


class ReferralAnswer(BaseModel):
    """A referral. `next` says what must come next, `reviewed` whether a blind review counts for it."""

    id: int
    case_id: int
    state: ReferralState
    next: str
    rule: str
    legal_basis: str
    necessity: str
    milder: list[MilderMeans]
    evidence_sha256: str
    policy: str
    proposer: str
    approver: str | None
    reviewed: bool
    proposed_at: datetime
    approved_at: datetime | None
    expires_at: datetime | None
    exported_at: datetime | None
    bundle_sha256: str | None
    receipt: str | None
    end_reason: str

    @classmethod
    def of(cls, card: Card) -> ReferralAnswer:
        """Return a card of the board as an answer."""
        row = card.referral
        return cls(
            id=row.id, case_id=row.case_id, state=ReferralState(row.state), next=card.next, rule=row.rule,
            legal_basis=row.legal_basis, necessity=row.why_not_milder,
            milder=[MilderMeans(means) for means in row.milder], evidence_sha256=row.evidence_sha256,
            policy=row.policy, proposer=row.proposer.name,
            approver=row.approver.name if row.approver is not None else None,
            reviewed=card.review is not None, proposed_at=row.proposed_at, approved_at=row.approved_at,
            expires_at=row.expires_at, exported_at=row.exported_at, bundle_sha256=row.bundle_sha256,
            receipt=row.receipt, end_reason=row.end_reason,
        )  # fmt: skip


class BoardAnswer(BaseModel):
    """The referrals that the asker may see, by state; ids of those that wait for them.

    `blind` is how many more wait for a blind review that the asker may give, see `/second-reviews`.
    """

    states: dict[ReferralState, list[ReferralAnswer]]
    yours: list[int]
    blind: int


class OneReferralAnswer(ReferralAnswer):
    """One referral with its post. `lapsed` says why it no longer holds, `moves` what the asker may do."""

    title: str
    text: str
    source: str
    url: str | None
    evidence_now: str
    lapsed: str
    moves: list[ReferralState]

    @classmethod
    def shown(cls, found: Shown) -> OneReferralAnswer:
        """Return a referral with its post as an answer."""
        post = found.referral.case.post
        return cls(
            **ReferralAnswer.of(found.card).model_dump(), title=post.title, text=found.text,
            source=post.source.name, url=post.url, evidence_now=found.evidence,
            lapsed=str(found.lapsed or ""), moves=sorted(found.moves),
        )  # fmt: skip


class GroundAnswer(BaseModel):
    rule: str
    harms: list[str]
    bases: list[str]


class PossibleAnswer(BaseModel):
    """What may be proposed of a case, with the version and content hash to send; or why nothing may."""

    version: int
    seen: str
    rules: list[GroundAnswer]
    refused: str


class Made(BaseModel):
    id: int
    state: ReferralState

    @classmethod
    def of(cls, row: Referral) -> Made:
        """Return what a step made of a referral."""
        return cls(id=row.id, state=ReferralState(row.state))


@router.get("/referrals")
def board(request: Request, who: Who) -> BoardAnswer:
    desk = desk_of(request)
    with desk.records.read() as session:
        found = referral_board.board(session, who.person, desk.clock())
        return BoardAnswer(
            states={
                state: [ReferralAnswer.of(card) for card in cards] for state, cards in found.states.items()
            },
            yours=sorted(found.yours),
            blind=found.blind,
        )


@router.get("/referrals/{referral_id}")
def one(request: Request, who: Who, referral_id: Id) -> OneReferralAnswer:
    desk = desk_of(request)
    with desk.records.read() as session:
        return OneReferralAnswer.shown(referral_board.shown(session, who.person, referral_id, desk.clock()))


@router.get("/cases/{case_id}/referral")
def possible(request: Request, who: Who, case_id: Id) -> PossibleAnswer:
    """Say what the asker may propose of a case, with the legal bases to choose from."""
    with desk_of(request).records.read() as session:
        found = proposal.possible(session, who.person, case_id)
    return PossibleAnswer(
        version=found.case.version, seen=found.case.content_hash, refused=str(found.refused or ""),
        rules=[GroundAnswer(rule=g.rule, harms=sorted(g.harms), bases=list(g.bases)) for g in found.rules],
    )  # fmt: skip


@router.post("/cases/{case_id}/referral", status_code=201)
def propose(request: Request, who: Who, case_id: Id, given: ProposalGiven) -> Made:
    """Propose to refer one case; there is no way to propose several at once."""
    desk = desk_of(request)
    said = Proposal(given.rule, given.legal_basis, given.necessity, given.milder)
    with desk.records.write() as session:
        return Made.of(
            proposal.propose(session, who.person, case_id, given.version, given.seen, said, desk.clock())
        )


@router.post("/referrals/{referral_id}/approve")
def approve(request: Request, who: Who, referral_id: Id, given: ApprovalGiven) -> Made:
    desk = desk_of(request)
    with desk.records.write() as session:
        return Made.of(
            referral.approve(
                session, who.person, referral_id, given.evidence_sha256, given.policy, desk.clock(),
                desk.approved_for,
            )
        )  # fmt: skip


@router.post("/referrals/{referral_id}/reject")
def reject(request: Request, who: Who, referral_id: Id, given: ReasonGiven) -> Made:
    desk = desk_of(request)
    with desk.records.write() as session:
        return Made.of(referral.reject(session, who.person, referral_id, given.reason, desk.clock()))


@router.post("/referrals/{referral_id}/withdraw")
def withdraw(request: Request, who: Who, referral_id: Id, given: ReasonGiven) -> Made:
    desk = desk_of(request)
    with desk.records.write() as session:
        return Made.of(referral.withdraw(session, who.person, referral_id, given.reason, desk.clock()))


@router.post("/referrals/{referral_id}/acknowledge")
def acknowledge(request: Request, who: Who, referral_id: Id, given: ReceiptGiven) -> Made:
    desk = desk_of(request)
    with desk.records.write() as session:
        return Made.of(referral.acknowledged(session, who.person, referral_id, given.receipt, desk.clock()))


@router.post("/referrals/{referral_id}/recall")
def recall(request: Request, who: Who, referral_id: Id, given: ReasonGiven) -> Made:
    desk = desk_of(request)
    with desk.records.write() as session:
        return Made.of(referral.recalled(session, who.person, referral_id, given.reason, desk.clock()))
