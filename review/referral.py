"""The referral: the moves it may make. Proposing, approving and exporting come with the referral gate."""

from __future__ import annotations

from collections.abc import Mapping

from review.errors import IllegalMove
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


def move(current: ReferralState, target: ReferralState) -> ReferralState:
    """Return `target`; raises `IllegalMove` when a referral in `current` may not go there."""
    if target not in MOVES[current]:
        raise IllegalMove(current=current, target=target)
    return target
