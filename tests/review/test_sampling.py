"""What is chosen for labelling: the sampler's arithmetic, then real records on both databases."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from sqlalchemy import func, select

from review.decision import Verdict, decide
from review.errors import NotAllowed
from review.labelling import sample
from review.queue import lease
from review.sampling import Bounds, By, Candidate, Chosen, Reservoir, Sampler, margin
from store.records import Records
from store.tables import Case, Event, Post
from store.vocabulary import Outcome, Role
from tests.factory import HARMFUL, HARMLESS, NOW, Place, person

BOUNDS = Bounds(flag=0.3, protected=0.6)
share = st.floats(0, 1)


def test_every_item_has_the_same_chance() -> None:
    items, size, runs = 12, 4, 3000
    counts = np.zeros(items)
    for seed in range(runs):
        reservoir: Reservoir[None] = Reservoir(size, seed)
        for item in range(items):
            reservoir.offer(item, None)
        counts[[key for key, _ in reservoir.taken()]] += 1
    assert counts.sum() == size * runs
    # Seeded, so it either always holds or never does.
    assert chisquare(counts).pvalue > 0.01


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(0, 10), st.integers(0, 5), st.randoms())
def test_a_sample_does_not_depend_on_order_or_on_repeats(
    keys: list[int], size: int, seed: int, shuffled: object
) -> None:
    def taken(order: list[int]) -> list[int]:
        reservoir: Reservoir[int] = Reservoir(size, seed)
        for key in order:
            reservoir.offer(key, key)
        return [key for key, _ in reservoir.taken()]

    first = taken(keys)
    again = list(keys)
    shuffled.shuffle(again)  # type: ignore[attr-defined]
    assert first == taken(again) == taken(sorted({*keys}))
    assert len(first) == len({*first}) == min(size, len({*keys}))


@given(share, share)
def test_the_margin_is_nought_exactly_where_the_judgement_turns(harmful: float, protected: float) -> None:
    far = margin(harmful, {"news": protected}, BOUNDS)
    assert far >= 0
    flagged = harmful >= BOUNDS.flag and protected < BOUNDS.protected
    # A step of that length in either number alone cannot change the judgement.
    step = far * 0.99

    def moved(p: float, by: float) -> float:
        p = min(max(p, 1e-6), 1 - 1e-6)
        return float(1 / (1 + np.exp(-(np.log(p / (1 - p)) + by))))

    for h, p in ((step, 0), (-step, 0), (0, step), (0, -step)):
        there = moved(harmful, h) >= BOUNDS.flag and moved(protected, p) < BOUNDS.protected
        assert there == flagged or far < 1e-9


def test_margins_of_known_posts() -> None:
    assert margin(0.3, {"news": 0.1}, BOUNDS) == pytest.approx(0, abs=1e-9)
    assert margin(0.9, {"news": 0.6}, BOUNDS) == pytest.approx(0, abs=1e-9)
    # Near the threshold of protection and far from harm: nothing would turn.
    assert margin(0.001, {"news": 0.59}, BOUNDS) > 5
    assert margin(0.001, {"news": 0.99}, BOUNDS) > margin(0.001, {"news": 0.59}, BOUNDS)


def test_an_act_may_have_a_threshold_of_its_own() -> None:
    own = Bounds(flag=0.3, protected=0.9, acts={"satire": 0.5})
    assert margin(0.9, {"satire": 0.5, "news": 0.1}, own) == pytest.approx(0, abs=1e-9)
    assert margin(0.9, {"satire": 0.1, "news": 0.8}, own) == pytest.approx(0, abs=1e-9)
    assert margin(0.9, {"news": 0.5}, own) > 1


def pool(*margins: float, sources: int = 1) -> list[Candidate]:
    return [Candidate(i, 100 + i, i % sources, 1, far) for i, far in enumerate(margins)]


def chosen(candidates: list[Candidate], size: int, by: By, seed: int = 1) -> list[Chosen]:
    sampler = Sampler(size, by, seed)
    for candidate in candidates:
        sampler.offer(candidate)
    return sampler.chosen()


def test_uncertainty_takes_the_nearest_and_shares_them_among_sources() -> None:
    picked = chosen(pool(3, 0.1, 2, 0.2, 1), 2, By.UNCERTAINTY)
    assert {one.candidate.cluster for one in picked} == {1, 3}
    # Source 0 has forty posts on the edge, source 1 four that are a little farther: these come in too.
    loud = [Candidate(i, i, 0, 1, 0.1) for i in range(40)]
    quiet = [Candidate(100 + i, 100 + i, 1, 1, 0.3) for i in range(4)]
    picked = chosen(loud + quiet, 12, By.UNCERTAINTY)
    assert sum(one.candidate.source == 1 for one in picked) == 3


@given(
    st.lists(st.floats(0, 10), max_size=40),
    st.integers(1, 4),
    st.integers(1, 25),
    st.sampled_from(By),
    st.integers(0, 50),
)
def test_a_sample_has_its_size_no_cluster_twice_and_honest_weights(
    margins: list[float], sources: int, size: int, by: By, seed: int
) -> None:
    candidates = pool(*margins, sources=sources)
    picked = chosen(candidates, size, by, seed)
    assert len({one.candidate.cluster for one in picked}) == len(picked) == min(size, len(candidates))
    assert all(0 < one.probability <= 1 for one in picked)
    if by is not By.UNCERTAINTY and picked and any(one.why is By.RANDOM for one in picked):
        # The weights of a sample add up to the pool it stands for.
        assert sum(1 / one.probability for one in picked) == pytest.approx(len(candidates))
    if by is By.MIXED:
        assert sum(one.why is By.UNCERTAINTY for one in picked) == min(size // 2, len(candidates))


def test_weighted_estimates_from_a_mixed_sample_are_unbiased() -> None:
    rng = np.random.default_rng(7)
    margins = rng.exponential(2, 200)
    harmful = rng.random(200) < np.exp(-margins)  # the nearer, the likelier: a plain mean would be far off
    estimates, plain = [], []
    for seed in range(300):
        picked = chosen(pool(*margins), 40, By.MIXED, seed)
        hits = [(harmful[one.candidate.cluster], 1 / one.probability) for one in picked]
        estimates.append(sum(weight for hit, weight in hits if hit))
        plain.append(200 * np.mean([hit for hit, _ in hits]))
    truth = harmful.sum()
    assert abs(np.mean(estimates) - truth) < 3 * np.std(estimates) / np.sqrt(300)
    assert np.mean(plain) > truth * 1.2


# ── real records ────────────────────────────────────────────────────────────


def test_the_sample_of_an_installation(records: Records, tmp_path: Path) -> None:
    place = Place(records)
    texts = (*HARMFUL[:8], f"{HARMFUL[1]}.", f"{HARMFUL[1]}!!", HARMLESS)
    place.take(*texts, keys=[str(i) for i in range(len(texts))])
    place.work()
    lead = person(records, "lan", Role.LEAD)
    with records.read() as session:
        clusters = session.scalar(select(func.count(Post.cluster_id.distinct()))) or 0
    with records.read() as session:
        first = session.scalars(select(Case).join(Post, Case.post_id == Post.id).where(Post.key == "0")).one()
    with records.write() as session:
        held = lease(session, lead, first.id, NOW)
        case = session.get_one(Case, first.id)
        decide(
            session,
            lead,
            case.id,
            held.version,
            held.token,
            case.content_hash,
            Verdict(Outcome.DISMISS, "không gây hại"),
            NOW,
        )

    def taken(by: By, size: int, **how: object) -> tuple[dict[str, int], list[dict]]:  # type: ignore[type-arg]
        target = tmp_path / f"{by}.jsonl"
        counters = sample(records, lead, target, size=size, by=by, seed=5, bounds=BOUNDS, **how)  # type: ignore[arg-type]
        return counters, [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]

    counters, rows = taken(By.RANDOM, 100)
    assert counters == {"pool": clusters - 1, "uncertainty": 0, "random": clusters - 1}
    assert f"cluster-{first.cluster_id}" not in {row["group"] for row in rows}
    assert len({row["group"] for row in rows}) == len(rows)
    assert {row["probability"] for row in rows} == {1.0}
    (sold,) = [row for row in rows if "Thuốc nam" in row["text"]]
    assert sold["copies"] == 3
    assert "<ACCOUNT>" in sold["text"]

    counters, rows = taken(By.MIXED, 4)
    assert counters == {"pool": clusters - 1, "uncertainty": 2, "random": 2}
    assert sum(1 / row["probability"] for row in rows) == pytest.approx(clusters - 1)
    assert {*rows[0]} == {"id", "text", "group", "copies", "chosen", "probability"}
    assert taken(By.MIXED, 4)[1] == rows

    with pytest.raises(NotAllowed):
        sample(
            records,
            person(records, "hoa"),
            tmp_path / "no.jsonl",
            size=1,
            by=By.RANDOM,
            seed=1,
            bounds=BOUNDS,
        )
    with records.read() as session:
        actions = session.scalars(select(Event.action).where(Event.subject == "export:texts")).all()
    assert actions == ["sample.started", "sample.exported"] * 3
