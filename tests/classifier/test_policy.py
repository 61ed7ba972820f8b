"""Protected speech is a hard constraint whatever the numbers; falsehood alone is never referable."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import models
from classifier import signals
from classifier.policy import Policy, load_policy
from classifier.rules import Outcome, Rule, at_least, every, found, not_applicable, some
from tests.factory import policy

SHARE = st.floats(0, 1)
HARMS = st.fixed_dictionaries(dict.fromkeys(models.labels().harms, SHARE))
SIGNALS = st.fixed_dictionaries(
    {
        name: st.booleans().map(lambda yes, name=name: found(name, "x" if yes else None))
        for name in signals.PATTERNS
    }
)
CLAIM = st.none() | SHARE


@given(SHARE, SHARE, HARMS, CLAIM, SIGNALS)
def test_protected_speech_is_never_flagged_and_never_referable(
    harmful: float, protected: float, harms: dict[str, float], claim: float | None, found_: dict[str, Rule]
) -> None:
    judged = policy().judge(harmful, protected, harms, claim, found_)
    assert judged.protected == (protected >= policy().thresholds.protected)
    if judged.protected:
        assert not judged.flagged
        assert judged.referable == ()
    assert not (judged.flagged and judged.uncertain)
    assert 0 <= judged.priority <= 100


@given(SHARE, HARMS, CLAIM, SIGNALS)
def test_falsehood_alone_is_never_referable(
    harmful: float, harms: dict[str, float], claim: float | None, found_: dict[str, Rule]
) -> None:
    harms |= {"scam": 0.0, "impersonation": 0.0, "hate": 0.0}
    found_["sale"] = found("sale", None)
    assert policy().judge(harmful, 0.0, harms, claim, found_).referable == ()


@given(SHARE, SHARE, HARMS, SIGNALS)
def test_more_harm_never_lowers_the_priority(
    one: float, other: float, harms: dict[str, float], found_: dict[str, Rule]
) -> None:
    low, high = sorted((one, other))
    assert (
        policy().judge(low, 0, harms, None, found_).priority
        <= policy().judge(high, 0, harms, None, found_).priority
    )


def test_only_crimes_against_people_are_referable() -> None:
    assert set(policy().referable) == {"fraud", "medicine_for_sale", "impersonation_for_gain", "incitement"}
    assert all(rule.signals for rule in policy().referable.values())


def test_a_flagged_post_names_a_harm_even_if_none_is_likely() -> None:
    harms = dict.fromkeys(models.labels().harms, 0.01) | {"cure": 0.02}
    judged = policy().judge(0.9, 0.0, harms, None, signals.evaluate(""))
    assert judged.flagged
    assert judged.found == ("cure",)


def changed(**change: object) -> dict[str, object]:
    return {**yaml.safe_load(models.read_text("policy.yaml")), **change}


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        (changed(version=""), "version"),
        (
            changed(thresholds={"flag": 2, "uncertain": 0, "protected": 0, "harm": 0, "claim": 0}),
            "thresholds.flag",
        ),
        (
            changed(thresholds={"flag": 0.1, "uncertain": 0.2, "protected": 0, "harm": 0, "claim": 0}),
            "uncertain",
        ),
        (changed(referable={"x": {"harms": {"rudeness": 0.5}}}), "rudeness"),
        (changed(referable={"x": {"harms": {"scam": 0.5}, "signals": ["tone"]}}), "tone"),
        (changed(referable={"x": {"harms": {}}}), "referable.x.harms"),
        (changed(severity={"scam": 1}), "severity"),
        (changed(automatic_action=True), "automatic_action"),
        ([], "Policy"),
    ],
)
def test_a_wrong_policy_names_what_is_wrong(tmp_path: Path, plain: object, said: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(plain))
    with pytest.raises(models.DataError, match=said):
        load_policy(path)


@pytest.mark.parametrize("text", ["a: [", "\udcff"])
def test_a_policy_that_cannot_be_read_is_a_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(models.DataError):
        load_policy(path)
    with pytest.raises(models.DataError):
        load_policy(tmp_path / "none.yaml")


def test_rules_combine() -> None:
    yes, no, skip = at_least("yes", 1, 0.5), at_least("no", 0, 0.5), not_applicable("skip")
    assert every("r", [yes, skip]).passed
    assert not every("r", [yes, no]).passed
    assert some("r", [no, yes]).passed
    assert not some("r", [no, skip]).passed
    assert some("r", []).outcome == Outcome.FAILED
    tree = every("r", [yes, some("s", [no, skip, found("f", "x")])])
    assert Rule.from_dict(tree.to_dict()) == tree


def test_the_shipped_policy_is_a_policy() -> None:
    assert isinstance(load_policy(), Policy)
