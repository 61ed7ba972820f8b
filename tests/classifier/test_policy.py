"""Protected speech is a hard constraint whatever the numbers; falsehood alone is never referable."""

from __future__ import annotations

import itertools
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from mypy import api

import models
from classifier import signals
from classifier.judgement import FREE, Free, Judgement, Protected
from classifier.policy import Policy, Protection, load_policy, parse
from classifier.rules import Outcome, Rule, at_least, every, found, not_applicable, some
from tests.factory import policy

SHARE = st.floats(0, 1)
ACTS, HARMS_ = models.labels().acts, models.labels().harms
PROTECTED = models.labels().protected
ACT_SHARES = st.fixed_dictionaries(dict.fromkeys(ACTS, SHARE))
HARMS = st.fixed_dictionaries(dict.fromkeys(HARMS_, SHARE))
SIGNALS = st.fixed_dictionaries(
    {name: st.sampled_from([found(name, None), found(name, "x")]) for name in signals.NAMES}
)
CLAIM = st.none() | SHARE
NONE = dict.fromkeys(ACTS, 0.0)
SILENT = signals.evaluate("")


def grounds(judged: Judgement) -> tuple[str, ...]:
    return judged.referable if isinstance(judged, Free) else ()


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Any policy whatever: thresholds anywhere, protected acts with numbers of their own or none."""
    uncertain, flag = sorted((draw(SHARE), draw(SHARE)))
    own = draw(st.dictionaries(st.sampled_from(sorted(PROTECTED)), SHARE))
    rules = st.fixed_dictionaries({"harms": st.dictionaries(st.sampled_from(HARMS_), SHARE, min_size=1)})
    plain = yaml.safe_load(models.read_text("policy.yaml"))
    plain["thresholds"] |= {
        "flag": flag,
        "uncertain": uncertain,
        "protected": {"any": draw(SHARE), "acts": own},
    }
    plain["referable"] = draw(st.dictionaries(st.sampled_from(["a", "b", FREE, "referable"]), rules))
    return Policy.model_validate(plain)


# Not only shares: a model gone wrong says anything.
WILD = st.floats(allow_nan=True, allow_infinity=True) | SHARE
WILD_ACTS = st.fixed_dictionaries(dict.fromkeys(ACTS, WILD))
WILD_HARMS = st.fixed_dictionaries(dict.fromkeys(HARMS_, WILD))


@given(policies(), WILD, WILD_ACTS, WILD_HARMS, CLAIM, SIGNALS)
def test_no_inputs_whatever_make_protected_speech_flagged_or_referable(
    ruled: Policy,
    harmful: float,
    acts: dict[str, float],
    harms: dict[str, float],
    claim: float | None,
    found_: dict[str, Rule],
) -> None:
    judged = ruled.judge(harmful, acts, harms, claim, found_)
    assert isinstance(judged, Protected) == judged.protected
    if isinstance(judged, Protected):
        assert not judged.flagged
        assert not hasattr(judged, "referable")
        assert not any(rule.passed for rule in judged.why.children[-1].children)
    assert not (judged.flagged and judged.uncertain)


@given(policies(), SHARE, ACT_SHARES, HARMS)
def test_each_outcome_holds_exactly_when_the_policy_says(
    ruled: Policy, harmful: float, acts: dict[str, float], harms: dict[str, float]
) -> None:
    limits = ruled.thresholds
    judged = ruled.judge(harmful, acts, harms, None, SILENT)
    together = sum(acts[act] for act in ACTS if act in PROTECTED)
    protected = together >= limits.protected.any or any(
        acts[act] >= own for act, own in limits.protected.acts.items()
    )
    assert judged.protected == protected == limits.protected.holds(acts)
    assert judged.flagged == (harmful >= limits.flag and not protected)
    assert judged.uncertain == (harmful >= limits.uncertain and not judged.flagged)
    torn = judged.why.find("protected_and_harmful")
    assert torn is not None
    assert torn.passed == (protected and harmful >= limits.flag)
    assert 0 <= judged.priority <= 100


# Each act at, under and over its own number; the sum under, at and over `any`; harm in each of its three ranges.
RULED = Protection(any=0.6, acts={"satire": 0.4, "debunk": 0.5})
SPEECH = [
    ({}, False), ({"claim": 1.0}, False), ({"ad": 0.6, "satire": 0.39}, False), ({"satire": 0.4}, True),
    ({"debunk": 0.49}, False), ({"debunk": 0.5}, True), ({"opinion": 0.59}, False), ({"opinion": 0.6}, True),
    ({"opinion": 0.3, "news": 0.29}, False), ({"opinion": 0.3, "news": 0.3}, True),
    ({"satire": 0.39, "debunk": 0.2}, False), ({"satire": 0.39, "debunk": 0.21}, True), ({"satire": 1.0}, True),
]  # fmt: skip
HARM = [
    (0.0, "nothing"),
    (0.19, "nothing"),
    (0.2, "doubt"),
    (0.49, "doubt"),
    (0.5, "harmful"),
    (1.0, "harmful"),
]


@pytest.mark.parametrize("how_bad", [0.0, 0.59, 0.6, 1.0])
def test_the_whole_table_of_speech_and_harm(how_bad: float) -> None:
    limits = policy().thresholds.model_copy(update={"flag": 0.5, "uncertain": 0.2, "protected": RULED})
    ruled = policy().model_copy(update={"thresholds": limits})
    said = signals.evaluate("chuyển khoản vào stk 0000 1234 5678 giá 900k")
    harms = dict.fromkeys(HARMS_, 0.0) | {"scam": how_bad}
    for (acts, protected), (harmful, kind) in itertools.product(SPEECH, HARM):
        judged = ruled.judge(harmful, NONE | acts, harms, None, said)
        expected = {
            "nothing": (False, False),
            "doubt": (False, True),
            "harmful": (False, True) if protected else (True, False),
        }[kind]
        assert (judged.flagged, judged.uncertain) == expected, (acts, harmful)
        assert judged.protected == protected, acts
        assert ("fraud" in grounds(judged)) == (how_bad >= 0.6 and not protected)


def test_a_post_that_is_protected_and_harmful_goes_to_a_person_and_the_tree_says_why() -> None:
    limits = policy().thresholds.model_copy(update={"protected": RULED})
    ruled = policy().model_copy(update={"thresholds": limits})
    everything = {name: found(name, "x") for name in signals.NAMES}
    judged = ruled.judge(1.0, NONE | {"satire": 0.45}, dict.fromkeys(HARMS_, 1.0), 1.0, everything)
    assert isinstance(judged, Protected)
    assert judged.uncertain
    torn = judged.why.find("protected_and_harmful")
    assert torn is not None
    assert torn.passed
    free = judged.why.find(FREE)
    assert free is not None
    outcomes = {leaf.name: (leaf.passed, dict(leaf.inputs)["value"]) for leaf in free.children}
    assert outcomes == {"protected_acts": (True, 0.45), "satire": (False, 0.45), "debunk": (True, 0.0)}


def test_a_bare_number_protects_by_the_sum_alone() -> None:
    assert Protection.model_validate(0.6) == Protection(any=0.6, acts={})


@given(SHARE, HARMS, CLAIM, SIGNALS)
def test_falsehood_alone_is_never_referable(
    harmful: float, harms: dict[str, float], claim: float | None, found_: dict[str, Rule]
) -> None:
    harms |= {"scam": 0.0, "impersonation": 0.0, "hate": 0.0}
    found_["sale"] = found("sale", None)
    assert grounds(policy().judge(harmful, NONE, harms, claim, found_)) == ()


@given(SHARE, SHARE, HARMS, SIGNALS)
def test_more_harm_never_lowers_the_priority(
    one: float, other: float, harms: dict[str, float], found_: dict[str, Rule]
) -> None:
    low, high = sorted((one, other))
    assert (
        policy().judge(low, NONE, harms, None, found_).priority
        <= policy().judge(high, NONE, harms, None, found_).priority
    )


def test_only_crimes_against_people_are_referable() -> None:
    assert set(policy().referable) == {"fraud", "medicine_for_sale", "impersonation_for_gain", "incitement"}
    assert all(rule.signals for rule in policy().referable.values())


def test_a_flagged_post_names_a_harm_even_if_none_is_likely() -> None:
    harms = dict.fromkeys(HARMS_, 0.01) | {"cure": 0.02}
    judged = policy().judge(0.9, NONE, harms, None, SILENT)
    assert judged.flagged
    assert judged.found == ("cure",)


def test_a_judgement_that_its_reasons_deny_cannot_be_made() -> None:
    free = policy().judge(0.9, NONE, dict.fromkeys(HARMS_, 0.9), None, SILENT)
    shielded = policy().judge(0.9, NONE | {"satire": 1.0}, dict.fromkeys(HARMS_, 0.9), None, SILENT)
    assert isinstance(free, Free)
    common: dict[str, Any] = {"uncertain": False, "found": (), "priority": 1.0}
    with pytest.raises(ValueError, match="protected speech"):
        Protected(why=free.why, **common)
    with pytest.raises(ValueError, match="does not hold"):
        Free(why=shielded.why, flagged=False, **common)
    with pytest.raises(ValueError, match="not among the reasons"):
        Free(why=at_least("x", 1, 0), flagged=False, **common)
    with pytest.raises(ValueError, match="not uncertain"):
        Free(why=free.why, flagged=True, **common | {"uncertain": True})
    with pytest.raises(ValueError, match="grounds"):
        Free(why=free.why, flagged=True, referable=("fraud",), **common)
    for wrong in ({"referable": ("fraud",)}, {"flagged": True}, {"protected": False}):
        with pytest.raises(TypeError):
            Protected(why=shielded.why, **common | wrong)
    with pytest.raises(FrozenInstanceError):
        shielded.flagged = True  # type: ignore[misc]


ILLEGAL = """
from classifier.judgement import Free, Judgement, Protected

def grounds(judged: Judgement) -> tuple[str, ...]:
    return judged.referable

def shielded(judged: Protected) -> tuple[str, ...]:
    return judged.referable

def flagged(judged: Protected) -> None:
    judged.flagged = True

class Both(Protected):
    referable: tuple[str, ...] = ()
"""
LEGAL = """
from classifier.judgement import Free, Judgement

def grounds(judged: Judgement) -> tuple[str, ...]:
    return judged.referable if isinstance(judged, Free) else ()
"""


def test_a_program_that_reads_grounds_from_protected_speech_does_not_type_check(tmp_path: Path) -> None:
    found_ = []
    for name, text in (("legal", LEGAL), ("illegal", ILLEGAL)):
        (tmp_path / f"{name}.py").write_text(text)
        options = ["--strict", "--config-file=", "--python-version=3.11", f"--cache-dir={tmp_path / 'cache'}"]
        found_.append(api.run([*options, str(tmp_path / f"{name}.py")]))
    (legal, _, status), (illegal, _, refused) = found_
    assert status == 0, legal
    assert refused == 1
    errors = [line.split(": ", 1) for line in illegal.splitlines() if ": error: " in line]
    said = {int(place.rsplit(":", 1)[1]): words for place, words in errors}
    assert set(said) == {5, 8, 11, 13}, illegal
    assert '"Protected" of "Protected | Free" has no attribute "referable"' in said[5]
    assert '"Protected" has no attribute "referable"' in said[8]


def changed(**change: object) -> dict[str, object]:
    return {**yaml.safe_load(models.read_text("policy.yaml")), **change}


def protected(value: object) -> dict[str, object]:
    plain = changed()
    return {**plain, "thresholds": {**plain["thresholds"], "protected": value}}  # type: ignore[dict-item]


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
        ([], "cả tệp: phải là một bảng"),
        (changed(thresholds={"flag": "cao"}), "thresholds.flag: phải là một số"),
        (changed(thresholds={"flag": 0.5}), "thresholds.uncertain: thiếu"),
        (changed(version=2026.12), "version: phải là chữ, để trong ngoặc kép"),
        (
            protected({"any": 0.5, "acts": {"ad": 0.5}}),
            "không phải phát ngôn được bảo vệ trong labels.yaml: ad",
        ),
        (protected({"any": 0.5, "acts": {"satire": 1.5}}), "thresholds.protected.acts.satire: phải từ 1"),
        (protected({"acts": {}}), "thresholds.protected.any: thiếu"),
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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: x\nversion: y", "dòng 2: version được ghi hai lần"),
        ("thresholds: {flag: 0.1, flag: 0.9}", "flag được ghi hai lần"),
        ("a: [", "dòng 1: không đúng cách viết YAML"),
        ("[" * 3000, "lồng nhau quá sâu"),
        ("x: !!python/object/apply:os.getcwd []", "không đúng cách viết YAML"),
        ("&a {b: *a}", "không đúng cách viết YAML"),
        ("\x00", "không đúng cách viết YAML"),
        ("x" * 100_001, "quá 100000"),
    ],
)
def test_a_text_that_is_no_policy_says_where_it_fails(text: str, said: str) -> None:
    with pytest.raises(models.DataError, match=said):
        parse(text)


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
