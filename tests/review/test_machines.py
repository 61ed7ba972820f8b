"""The state machines: every legal and every illegal move."""

from __future__ import annotations

from itertools import product

import pytest

from review import case, referral
from review.errors import IllegalMove
from review.permissions import MAY, Action, Person, may
from store.vocabulary import CaseState, ReferralState, Role

CASE = {("queued", "leased"), ("leased", "queued"), ("leased", "escalated"), ("leased", "decided")} | {
    ("escalated", "decided"),
    ("decided", "queued"),
}
REFERRAL = (
    {("proposed", "approved"), ("proposed", "rejected"), ("proposed", "withdrawn")}
    | {("approved", "exported"), ("approved", "expired"), ("approved", "withdrawn")}
    | {("exported", "acknowledged"), ("exported", "recalled"), ("acknowledged", "recalled")}
)


@pytest.mark.parametrize(("current", "target"), list(product(CaseState, CaseState)))
def test_a_case_moves_only_as_drawn(current: CaseState, target: CaseState) -> None:
    if (current, target) in CASE:
        assert case.move(current, target) is target
    else:
        with pytest.raises(IllegalMove):
            case.move(current, target)


@pytest.mark.parametrize(("current", "target"), list(product(ReferralState, ReferralState)))
def test_a_referral_moves_only_as_drawn(current: ReferralState, target: ReferralState) -> None:
    if (current, target) in REFERRAL:
        assert referral.move(current, target) is target
    else:
        with pytest.raises(IllegalMove):
            referral.move(current, target)


def test_every_role_has_its_line_in_the_table() -> None:
    assert set(MAY) == set(Role)


def test_who_watches_does_not_decide() -> None:
    for role in (Role.AUDITOR, Role.LIAISON):
        assert not may(Person(1, role), Action.REVIEW)
    assert not may(Person(1, Role.REVIEWER), Action.AUDIT)
    assert not any(may(Person(1, role), Action.ADMINISTER) for role in Role if role != Role.ADMIN)
