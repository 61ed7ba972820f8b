"""A policy tried on what was recorded says what judging everything anew says, cluster by cluster."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import models
from classifier import signals
from classifier.backtest import EXAMPLES, HARMFUL, NOWHERE, UNCERTAIN, backtest
from classifier.backtest_report import Rate, Report
from classifier.judgement import Free
from classifier.policy import Policy
from classifier.policy_terms import Difference, differences
from classifier.rules import found
from classifier.standing import Scored, standing
from store.recorded import Recorded
from store.vocabulary import Outcome

ACTS, HARMS, PROTECTED = models.labels().acts, models.labels().harms, models.labels().protected
MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
# Shares on a coarse grid, so that values often lie exactly on a threshold.
SHARE = st.integers(0, 10).map(lambda n: n / 10)


@st.composite
def policies(draw: st.DrawFn, version: str = "thử") -> Policy:
    plain = yaml.safe_load(models.read_text("policy.yaml"))
    uncertain, flag = sorted((draw(SHARE), draw(SHARE)))
    own = draw(st.dictionaries(st.sampled_from(sorted(PROTECTED)), SHARE, max_size=3))
    plain["version"] = version
    plain["thresholds"] |= {
        "flag": flag,
        "uncertain": uncertain,
        "protected": {"any": draw(SHARE), "acts": own},
    }
    plain["thresholds"]["claim"] = {"suggest": draw(SHARE), "confirm": 1.0}
    plain["referable"]["fraud"]["harms"] = {"scam": draw(SHARE)}
    plain["priority"] |= {"signals": draw(SHARE), "points": {"phone": draw(SHARE), "sale": draw(SHARE)}}
    return Policy.model_validate(plain)


def detail(
    policy: Policy, values: Sequence[float], seen: Sequence[str], claim: float | None
) -> dict[str, Any]:
    """Return what an assessment of these scores keeps, as the records give it back."""
    acts = dict(zip(ACTS, values, strict=False))
    harms = dict(zip(HARMS, values[len(ACTS) :], strict=False))
    leaves = {name: found(name, "x" if name in seen else None) for name in signals.NAMES}
    judged = policy.judge(values[-1], acts, harms, claim, leaves)
    return json.loads(  # type: ignore[no-any-return]
        json.dumps(
            {
                "act": max(acts, key=lambda act: acts[act]), "acts": acts, "harms": harms, "harmful": values[-1],
                "claims": [] if claim is None else [{"similarity": claim}], "why": judged.why.to_dict(),
            }
        )
    )  # fmt: skip


WHEN_RECORDED = Policy.model_validate(yaml.safe_load(models.read_text("policy.yaml")))
VALUES = st.lists(SHARE, min_size=len(ACTS) + len(HARMS) + 1, max_size=len(ACTS) + len(HARMS) + 1)
DETAIL = st.builds(
    lambda values, seen, claim: detail(WHEN_RECORDED, values, seen, claim),
    VALUES, st.lists(st.sampled_from(["phone", "sale", "price", "violence"]), max_size=2), st.none() | SHARE,
)  # fmt: skip


@st.composite
def recorded(draw: st.DrawFn) -> list[Recorded]:
    rows: list[Recorded] = []
    for cluster in range(1, draw(st.integers(1, 12)) + 1):
        opened = MONDAY + timedelta(days=draw(st.integers(0, 20)))
        case = draw(st.none() | st.just(100 + cluster))
        outcome = draw(st.none() | st.sampled_from(Outcome)) if case else None
        for _ in range(draw(st.integers(1, 3))):
            rows.append(Recorded(len(rows) + 1, cluster, opened, case, outcome, draw(DETAIL)))
    return rows


def judged(policy: Policy, row: Recorded) -> tuple[bool, bool, float, bool, bool, str]:
    """Judge one row by the whole policy: flagged, uncertain, priority, protected, referable, its top harm."""
    said = row.detail
    leaves = {
        leaf["name"]: found(leaf["name"], "x" if leaf["outcome"] == "passed" else None)
        for leaf in said["why"]["children"][3]["children"]
    }
    shown = [
        claim["similarity"]
        for claim in said["claims"]
        if claim["similarity"] >= policy.thresholds.claim.suggest
    ]
    one = policy.judge(said["harmful"], said["acts"], said["harms"], max(shown, default=None), leaves)
    referable = isinstance(one, Free) and bool(one.referable)
    top = max(said["harms"], key=lambda harm: said["harms"][harm])
    return one.flagged, one.uncertain, one.priority, one.protected, referable, top


def brute(rows: list[Recorded], policy: Policy) -> list[dict[str, Any]]:
    """Return how each cluster stands under a policy, the plain way."""
    result = []
    for _, group in groupby(rows, key=lambda row: row.cluster_id):
        posts = [(row, judged(policy, row)) for row in group]
        first = posts[0][0]
        row, (flagged, uncertain, priority, protected, _, top) = min(
            posts, key=lambda post: (not post[1][0], not post[1][1], -post[1][2], post[0].post_id)
        )
        result.append(
            {
                "cluster": first.cluster_id, "case": first.case_id, "outcome": first.outcome, "post": row.post_id,
                "lane": top if flagged else UNCERTAIN if uncertain else NOWHERE, "flagged": flagged,
                "uncertain": uncertain, "protected": protected, "priority": priority,
                "referable": any(one[1][4] for one in posts),
                "speech": first.detail["act"] in PROTECTED, "week": first.opened_at,
            }
        )  # fmt: skip
    return result


@settings(max_examples=40)
@given(recorded(), policies("cũ"), policies("mới"))
def test_a_trial_says_what_judging_everything_anew_says(
    rows: list[Recorded], old: Policy, new: Policy
) -> None:
    report = backtest(rows, old, new)
    sides = [brute(rows, policy) for policy in (old, new)]
    assert (report.posts, report.clusters) == (len(rows), len(sides[0]))

    def counted(name: str, *, of: str = "", among: Any = lambda one: True) -> tuple[int, int, int]:
        chosen = [[one for one in side if among(one)] for side in sides]
        before, after = (sum(bool(one[name]) for one in side) for side in chosen)
        return before, after, len(chosen[0])

    for name in ("flagged", "uncertain", "protected", "referable"):
        both = getattr(report, name)
        assert (both.before, both.after, both.total) == counted(name), name
    for side in sides:
        for one in side:
            one["queued"] = one["lane"] != NOWHERE
    decided = {
        "false_flags": ("flagged", lambda one: one["outcome"] == Outcome.PROTECTED),
        "false_flags_by_act": ("flagged", lambda one: one["speech"]),
        "found": ("flagged", lambda one: one["outcome"] in HARMFUL),
        "reached": ("queued", lambda one: one["outcome"] in HARMFUL),
    }
    for name, (what, among) in decided.items():
        both = getattr(report, name)
        assert (both.before, both.after, both.total) == counted(what, among=among), name
    moved = [(a, b) for a, b in zip(*sides, strict=True) if a["lane"] != b["lane"]]
    assert {(m.before, m.after): m.number for m in report.moves} == Counter(
        (a["lane"], b["lane"]) for a, b in moved
    )
    for move in report.moves:
        mine = [(a, b) for a, b in moved if (a["lane"], b["lane"]) == (move.before, move.after)]
        assert move.decided == sum(a["outcome"] is not None for a, _ in mine)
        assert [
            (e.cluster_id, e.case_id, e.post_id, e.priority_before, e.priority_after) for e in move.examples
        ] == [
            (b["cluster"], b["case"], b["post"], a["priority"], b["priority"])
            for a, b in mine[::-1][:EXAMPLES]
        ]
    assert report.newly_referable.number == sum(
        b["referable"] and not a["referable"] for a, b in zip(*sides, strict=True)
    )
    assert sum(week[1] for week in report.weeks) == counted("queued")[0]
    assert sum(week[2] for week in report.weeks) == counted("queued")[1]
    json.dumps(report.to_dict())


@settings(max_examples=100)
@given(policies(), DETAIL)
def test_a_standing_is_the_judgement_without_the_reasons(policy: Policy, said: dict[str, Any]) -> None:
    flagged, uncertain, priority, protected, referable, _ = judged(
        policy, Recorded(1, 1, MONDAY, None, None, said)
    )
    fast = standing(policy, Scored.of(said))
    assert (fast.flagged, fast.uncertain, fast.priority, fast.protected, bool(fast.referable)) == (
        flagged, uncertain, priority, protected, referable,
    )  # fmt: skip


PLAIN = detail(WHEN_RECORDED, [0.05] * (len(ACTS) + len(HARMS)) + [0.9], [], None)


def row(number: int, *, opened: datetime = MONDAY, outcome: Outcome | None = None, **change: Any) -> Recorded:
    return Recorded(number, number, opened, number, outcome, {**PLAIN, **change})


def test_rows_that_say_too_little_are_counted_and_the_others_go_on() -> None:
    broken: list[dict[str, Any]] = [
        {"why": {}}, {"acts": {}}, {"harms": None}, {"harmful": "cao"}, {"claims": [{}]}, {"why": {"children": [{}]}},
    ]  # fmt: skip
    rows = [row(i, **change) for i, change in enumerate(broken, 1)] + [row(99)]
    report = backtest(rows, WHEN_RECORDED, WHEN_RECORDED)
    assert (report.unreadable, report.posts, report.clusters) == (len(broken), 1, 1)


def test_a_signal_that_was_not_looked_for_then_is_told() -> None:
    before = {**PLAIN["why"]}
    before["children"] = [
        {**child, "children": [leaf for leaf in child["children"] if leaf["name"] != "phone"]}
        if child["name"] == "signals" else child
        for child in before["children"]
    ]  # fmt: skip
    report = backtest([row(1), row(2, why=before)], WHEN_RECORDED, WHEN_RECORDED)
    assert report.unasked == {"phone": 1}


def test_weeks_are_those_of_vietnam_and_empty_ones_count_in_the_mean() -> None:
    sunday_night = datetime(2026, 11, 15, 16, 59, tzinfo=UTC)
    rows = [row(1, opened=sunday_night), row(2, opened=sunday_night + timedelta(minutes=1))]
    rows += [row(3, opened=MONDAY + timedelta(weeks=2))]
    report = backtest(rows, WHEN_RECORDED, WHEN_RECORDED)
    assert report.weeks == (
        (date(2026, 11, 9), 1, 1), (date(2026, 11, 16), 1, 1), (date(2026, 11, 30), 1, 1),
    )  # fmt: skip
    assert report.per_week == (0.75, 0.75)
    assert backtest([], WHEN_RECORDED, WHEN_RECORDED).per_week == (0.0, 0.0)


def test_a_trial_of_the_policy_in_force_moves_nothing() -> None:
    report = backtest([row(i, outcome=Outcome.PROTECTED) for i in range(1, 9)], WHEN_RECORDED, WHEN_RECORDED)
    assert report.moves == ()
    assert report.false_flags.before == report.false_flags.after == report.flagged.before


# By R's binom::binom.wilson and by hand for the ends.
@pytest.mark.parametrize(
    ("number", "total", "low", "high"),
    [
        (0, 10, 0.0, 0.277533),
        (10, 10, 0.722467, 1.0),
        (1, 100, 0.001767, 0.054486),
        (50, 100, 0.403832, 0.596168),
    ],
)
def test_intervals_are_wilson_s(number: int, total: int, low: float, high: float) -> None:
    assert Rate(number, total).interval == pytest.approx((low, high), abs=1e-5)


@given(st.integers(0, 500), st.integers(0, 500))
def test_a_share_lies_in_its_interval(one: int, other: int) -> None:
    rate = Rate(min(one, other), max(one, other))
    low, high = rate.interval
    assert 0 <= low <= (rate.share or 0) <= high <= 1


def many(number: int) -> Iterator[Recorded]:
    for i in range(1, number + 1):
        opened = MONDAY + timedelta(days=i % 700)
        yield row(i, opened=opened, harmful=(i % 100) / 100, acts=dict.fromkeys(ACTS, 0.0) | {"claim": 1.0})


def test_memory_does_not_grow_with_the_rows_and_progress_is_told() -> None:
    limits = WHEN_RECORDED.thresholds.model_copy(update={"flag": 0.9})
    strict = WHEN_RECORDED.model_copy(update={"thresholds": limits})
    peaks: list[int] = []
    told: list[int] = []
    for number in (500, 2000):
        tracemalloc.start()
        report: Report = backtest(many(number), WHEN_RECORDED, strict, told.append)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert report.posts == told[-1] == number
    assert peaks[1] < peaks[0] * 1.5
    assert max(len(move.examples) for move in report.moves) == EXAMPLES


def test_differences_are_named_by_their_place() -> None:
    limits = WHEN_RECORDED.thresholds.model_copy(update={"flag": 0.5})
    other = WHEN_RECORDED.model_copy(update={"thresholds": limits, "version": "khác"})
    flag = f"{WHEN_RECORDED.thresholds.flag:g}"
    assert differences(WHEN_RECORDED, other) == [Difference("thresholds.flag", flag, "0.5")]
    fewer = WHEN_RECORDED.model_copy(update={"referable": {}})
    gone = differences(WHEN_RECORDED, fewer)
    assert Difference("referable.medicine_for_sale.signals", "sale", None) in gone
    assert all(one.after is None for one in gone)
