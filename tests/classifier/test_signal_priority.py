"""Signals bring a post forward and decide nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import models
from classifier import signals
from classifier.judgement import Free
from classifier.policy import Weights
from classifier.rules import Rule, found
from tests.factory import policy

SHARE = st.floats(0, 1)
ACTS = st.fixed_dictionaries(dict.fromkeys(models.labels().acts, SHARE))
HARMS = st.fixed_dictionaries(dict.fromkeys(models.labels().harms, SHARE))
CHOSEN = st.sets(st.sampled_from(signals.NAMES))


def leaves(chosen: set[str]) -> dict[str, Rule]:
    return {name: found(name, "x" if name in chosen else None) for name in signals.NAMES}


@given(SHARE, ACTS, HARMS, st.none() | SHARE, CHOSEN, CHOSEN)
def test_signals_bring_a_post_forward_and_decide_nothing(
    harmful: float,
    acts: dict[str, float],
    harms: dict[str, float],
    claim: float | None,
    few: set[str],
    more: set[str],
) -> None:
    without, some, many = (
        policy().judge(harmful, acts, harms, claim, leaves(chosen)) for chosen in (set(), few, few | more)
    )
    for judged in (some, many):
        assert (judged.flagged, judged.uncertain, judged.protected, judged.found) == (
            without.flagged, without.uncertain, without.protected, without.found,
        )  # fmt: skip
        if isinstance(judged, Free):
            for name in judged.referable:
                assert all(harms[harm] >= least for harm, least in policy().referable[name].harms.items())
    assert without.priority <= some.priority <= many.priority <= 100


@given(CHOSEN)
def test_signals_alone_flag_and_refer_nothing(chosen: set[str]) -> None:
    nothing = dict.fromkeys(models.labels().harms, 0.0)
    judged = policy().judge(0.0, dict.fromkeys(models.labels().acts, 0.0), nothing, None, leaves(chosen))
    assert isinstance(judged, Free)
    assert not judged.flagged
    assert not judged.uncertain
    assert judged.referable == ()
    share = policy().priority
    least = share.harmful + share.severity + share.claim + share.signals
    assert judged.priority <= round(100 * share.signals / least, 2)


def test_a_policy_gives_points_to_known_signals_only() -> None:
    with pytest.raises(ValueError, match="vibe"):
        Weights(harmful=1, severity=0, claim=0, points={"vibe": 0.5})
    assert Weights(harmful=1, severity=0, claim=0).signals == 0
