"""An assessment depends on nothing but the post, the model and the policy, and holds its reasons."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import models
from classifier.assess import Assessment, assess
from classifier.rules import Outcome, Rule
from store.text import fold, normalise
from tests.conftest import shared
from tests.factory import HARMFUL, HARMLESS, model, policy


@dataclass(frozen=True)
class Post:
    id: int
    text: str


def one(text: str) -> Assessment:
    return assess([Post(1, text)], model(), policy())[0]


TEXTS = [*HARMFUL, HARMLESS, "", "🙏", "x" * 5000]


def same(found: Any, other: Any) -> bool:
    """Say whether two assessments agree, but for the order in which a number was added up."""
    if isinstance(found, float):
        return abs(found - other) < 2e-6  # kept to six places
    if isinstance(found, dict):
        return found.keys() == other.keys() and all(same(found[key], other[key]) for key in found)
    if isinstance(found, list | tuple):
        return len(found) == len(other) and all(map(same, found, other))
    return bool(found == other)


def test_a_post_is_assessed_alike_alone_in_a_batch_and_in_any_order() -> None:
    posts = [Post(i, text) for i, text in enumerate(TEXTS)]
    batch = {found.id: found for found in assess(posts, model(), policy())}
    backwards = {found.id: found for found in assess(posts[::-1], model(), policy())}
    for post in posts:
        (alone,) = assess([post], model(), policy())
        for found in (batch[post.id], backwards[post.id]):
            assert same(asdict(alone), asdict(found)), post


def test_nothing_is_assessed_of_nothing() -> None:
    assert assess([], model(), policy()) == []


def test_an_assessment_survives_json() -> None:
    for text in TEXTS:
        found = one(text)
        assert Assessment.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_it_says_what_kind_of_thing_each_number_is() -> None:
    found = one(HARMFUL[0])
    scheme = models.labels()
    assert tuple(found.acts) == scheme.acts
    assert tuple(found.harms) == scheme.harms
    assert sum(found.acts.values()) == pytest.approx(1, abs=1e-4)
    assert found.act == max(found.acts, key=lambda act: found.acts[act])
    assert (found.model, found.policy) == (model().name, policy().version)


@settings(max_examples=60)
@given(st.one_of(st.text(max_size=300), st.sampled_from(HARMFUL).map(lambda t: t + " 🙏\u0000\ud83d"[:3])))
def test_spans_lie_in_the_text_and_do_not_overlap(text: str) -> None:
    found = one(text)
    length = len(normalise(text))
    assert all(0 <= span.start < span.end <= length and 0 < span.weight <= 1 for span in found.spans)
    assert all(a.end <= b.start for a, b in pairwise(found.spans))
    assert len(found.spans) <= 8
    assert {span.harm for span in found.spans} <= set(models.labels().harms)


def test_a_flagged_post_shows_what_raised_its_score() -> None:
    found = one(HARMFUL[0])
    assert found.flagged
    assert found.spans
    assert max(span.weight for span in found.spans) == 1


def leaves(rule: Rule) -> list[Rule]:
    return [rule] if rule.combine == "leaf" else [leaf for child in rule.children for leaf in leaves(child)]


def test_the_why_is_the_evaluated_tree() -> None:
    found = one(HARMFUL[1])
    by_name = {leaf.name: leaf for leaf in reversed(leaves(found.why))}
    assert dict(by_name["harmful"].inputs)["value"] == found.harmful
    assert by_name["harmful"].threshold == policy().thresholds.flag
    assert by_name["bank_account"].outcome == Outcome.PASSED
    assert found.why.passed == found.flagged
    plain = one("Hôm nay trời đẹp quá")
    assert next(r for r in leaves(plain.why) if r.name == "claim_match").outcome == Outcome.NOT_APPLICABLE


def test_a_copy_without_diacritics_is_found_too() -> None:
    with_, without = [one(text) for text in HARMFUL], [one(fold(text)) for text in HARMFUL]
    for found in (with_, without):
        assert sum(one_.flagged for one_ in found) >= 7
        assert sum(one_.flagged or one_.uncertain for one_ in found) >= 12


def test_the_kinds_of_speech_are_told_apart_on_average() -> None:
    rows = [json.loads(line) for line in shared("data/functional_a.jsonl").read_text().splitlines()]
    mean: dict[str, float] = {}
    for function in sorted({row["function"] for row in rows}):
        texts = [Post(i, row["text"]) for i, row in enumerate(rows) if row["function"] == function]
        mean[function] = sum(found.harmful for found in assess(texts, model(), policy())) / len(texts)
    # These posts trained the model: this says only that nothing is wired wrongly.
    assert min(mean[f"F{i}"] for i in (1, 2, 3, 4, 5)) > max(
        mean[f"F{i}"] for i in (6, 7, 8, 9, 10, 11, 12, 14)
    )


def test_a_giant_post_is_assessed_like_any_other() -> None:
    found = one("Uống nước tỏi khỏi hẳn COVID. " * 30_000)
    assert 0 <= found.harmful <= 1
