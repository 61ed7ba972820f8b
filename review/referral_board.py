"""Referrals as people see them: a board that says who must act next, and one with all it stands on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, select, true
from sqlalchemy.orm import Session, joinedload

from review import gate, second_review
from review.errors import ReviewError
from review.permissions import Action, Person, may
from review.referral import MOVES, visible
from review.referral_errors import NoSuchReferral, StillBlind
from store import policies
from store.second_review_tables import SecondReview
from store.tables import Activity, Case, Post, Referral, Revision
from store.vocabulary import ReferralState

ENDED_SHOWN = 50
ENDED = frozenset(
    {ReferralState.REJECTED, ReferralState.EXPIRED, ReferralState.WITHDRAWN, ReferralState.RECALLED}
)


class Next(StrEnum):
    """What must come next, and so who must act."""

    REVIEW = "review"
    APPROVE = "approve"
    DISAGREED = "disagreed"
    STALE = "stale"
    EXPORT = "export"
    RECEIPT = "receipt"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Card:
    """A referral on the board, with its case, persons and the blind review that counts for it."""

    referral: Referral
    review: SecondReview | None
    next: Next


@dataclass(frozen=True)
class Board:
    """Referrals by state, those in `yours` (ids) waiting for the person who looks.

    `blind` is how many more wait for a blind review that the person may give: what was said for them is not
    shown before.
    """

    states: dict[ReferralState, list[Card]]
    yours: frozenset[int]
    blind: int


@dataclass(frozen=True)
class Shown:
    """A referral with all that an approval binds.

    `text` is the one that was proposed, whatever the post says now. `evidence` is the hash of what would be
    referred now; `lapsed` says why an approval could not be given or no longer holds, None when nothing is
    in the way; `moves` are those that the person may make now.
    """

    card: Card
    text: str
    evidence: str
    lapsed: ReviewError | None
    moves: frozenset[ReferralState]

    @property
    def referral(self) -> Referral:
        return self.card.referral


def board(session: Session, person: Person, at: datetime) -> Board:
    """Return the referrals that `person` may see, longest waiting first; of the ended the latest."""
    seen = visible(person)
    loaded = _loaded()
    query = loaded.where(Referral.state.in_(seen - ENDED)).order_by(Referral.changed_at, Referral.id)
    ended = (
        loaded.where(Referral.state.in_(seen & ENDED))
        .order_by(Referral.changed_at.desc(), Referral.id.desc())
        .limit(ENDED_SHOWN)
    )
    found = [*session.scalars(query), *session.scalars(ended)]
    in_force = policies.active(session)
    version = in_force.version if in_force is not None else ""
    # One query brings the reviews of all, so that no card asks for its own.
    reviews = second_review.standing_of(session, {row.case_id for row in found})
    cards = [
        _card(row, gate.counting(row, reviews.get((row.case_id, row.content_hash))), version, at)
        for row in found
    ]
    open_to_see = [card for card in cards if not _blind(person, card)]
    states: dict[ReferralState, list[Card]] = {state: [] for state in ReferralState if state in seen}
    for card in open_to_see:
        states[ReferralState(card.referral.state)].append(card)
    yours = frozenset(card.referral.id for card in open_to_see if _yours(person, card))
    return Board(states, yours, len(cards) - len(open_to_see))


def shown(session: Session, person: Person, referral_id: int, at: datetime) -> Shown:
    """Return one referral as it stands now.

    Raises `NoSuchReferral` for what `person` may not see, and `StillBlind` while they may look at it blind.
    """
    referral = session.scalar(_loaded().where(Referral.id == referral_id))
    if referral is None or referral.state not in visible(person):
        raise NoSuchReferral(referral=referral_id)
    lapsed = None
    if referral.state in {ReferralState.PROPOSED, ReferralState.APPROVED}:
        try:
            gate.require_open(session, referral.case, referral)
        except ReviewError as error:
            lapsed = error
    in_force = policies.active(session)
    version = in_force.version if in_force is not None else ""
    card = _card(referral, gate.review_of(session, referral), version, at, lapsed)
    if _blind(person, card):
        raise StillBlind()
    return Shown(
        card=card,
        text=_text(session, referral),
        evidence=gate.evidence_now(session, referral.case_id),
        lapsed=lapsed,
        moves=_moves(person, referral),
    )


def of_case(session: Session, person: Person, case_id: int) -> Sequence[Referral]:
    """Return the referrals of a case that `person` may see, latest first."""
    return session.scalars(
        select(Referral)
        .where(Referral.case_id == case_id, Referral.state.in_(visible(person)))
        .order_by(Referral.id.desc())
    ).all()


def activity_shown(person: Person) -> ColumnElement[bool]:
    """Return which activity rows of a case `person` may read: a liaison none of what was only proposed."""
    hidden = set(ReferralState) - visible(person)
    return Activity.what.not_in([f"referral_{state}" for state in hidden]) if hidden else true()


def _loaded() -> Select[Referral]:
    return select(Referral).options(
        joinedload(Referral.case).joinedload(Case.post).joinedload(Post.source),
        joinedload(Referral.proposer),
        joinedload(Referral.approver),
    )


def _card(
    referral: Referral,
    review: SecondReview | None,
    policy: str,
    at: datetime,
    lapsed: ReviewError | None = None,
) -> Card:
    changed = (
        referral.policy != policy
        or not referral.content_hash == referral.case.content_hash == referral.case.post.content_hash
    )
    return Card(referral, review, _next(referral, review, at, stale=changed or lapsed is not None))


def _next(referral: Referral, review: SecondReview | None, at: datetime, *, stale: bool) -> Next:
    if referral.state == ReferralState.PROPOSED:
        if stale:
            return Next.STALE
        if review is None:
            return Next.REVIEW
        return Next.APPROVE if referral.rule in review.grounds else Next.DISAGREED
    if referral.state == ReferralState.APPROVED:
        late = referral.expires_at is None or referral.expires_at <= at
        return Next.STALE if stale or late else Next.EXPORT
    return Next.RECEIPT if referral.state == ReferralState.EXPORTED else Next.NOTHING


def _text(session: Session, referral: Referral) -> str:
    proposed = session.scalar(
        select(Revision.text)
        .where(Revision.post_id == referral.case.post_id, Revision.content_hash == referral.content_hash)
        .order_by(Revision.version.desc())
        .limit(1)
    )
    return referral.case.post.text if proposed is None else proposed


def _blind(person: Person, card: Card) -> bool:
    """Say whether `person` may give the blind review that a proposal waits for."""
    return card.next == Next.REVIEW and may(person, Action.REVIEW) and person.id != card.referral.proposer_id


def _yours(person: Person, card: Card) -> bool:
    own = person.id == card.referral.proposer_id
    if card.next in {Next.APPROVE, Next.DISAGREED}:
        return may(person, Action.LEAD) and not own
    if card.next == Next.STALE:
        return own and card.referral.state == ReferralState.PROPOSED
    return card.next in {Next.EXPORT, Next.RECEIPT} and may(person, Action.EXPORT)


def _moves(person: Person, referral: Referral) -> frozenset[ReferralState]:
    """Return the moves that are open to `person`, by the table of moves and who they are."""
    own = person.id == referral.proposer_id
    lead = may(person, Action.LEAD)
    allowed = {
        ReferralState.APPROVED: lead and not own,
        ReferralState.REJECTED: lead and not own,
        ReferralState.WITHDRAWN: own or lead,
        ReferralState.ACKNOWLEDGED: may(person, Action.EXPORT),
        ReferralState.EXPORTED: may(person, Action.EXPORT),
        ReferralState.RECALLED: lead,
    }
    return frozenset(target for target in MOVES[ReferralState(referral.state)] if allowed.get(target, False))
