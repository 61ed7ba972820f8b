"""The ten questions whose latency is measured, on every engine, and how a latency is taken."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from bench.measure import Measure
from search.engine import Query, SearchEngine

POSTS = int(os.environ.get("KIEMTIN_BENCH_POSTS", "300000"))
_ROUNDS = 30

QUESTIONS: Mapping[str, Query] = {
    "one word": Query("khẩu"),
    "two words": Query("cách ly"),
    "without diacritics": Query("vac xin mien phi"),
    "phrase": Query('"bộ y tế"'),
    "prefix": Query("corona*"),
    "exclusion": Query("covid -bệnh"),
    "waiting, most harmful first": Query(flagged=True, states=("queued",), order="harmful"),
    "all, newest first": Query(order="newest"),
    "words, two sources, a month": Query(
        "bệnh viện", sources=("Nguồn 1", "Nguồn 2"),
        since=datetime(2026, 5, 1, tzinfo=UTC), until=datetime(2026, 6, 1, tzinfo=UTC),
    ),
    "tenth page, newest first": Query("dịch", order="newest"),
}  # fmt: skip


@dataclass(frozen=True)
class Latency:
    """Milliseconds within which half, and 95 of 100, of the answers came."""

    p50: float
    p95: float


def asked(engine: SearchEngine) -> dict[str, Query]:
    """Return the questions as `engine` is asked them: the tenth page with its cursor."""
    made = dict(QUESTIONS)
    name = "tenth page, newest first"
    for _ in range(9):
        made[name] = replace(made[name], after=engine.search(made[name]).next)
    return made


def latencies(*ways: Callable[[], object], rounds: int = _ROUNDS) -> list[Latency]:
    """Time each of `ways`, taking turns so that they share what the machine does meanwhile."""
    for way in ways:
        way()
    taken: list[list[float]] = [[] for _ in ways]
    for _ in range(rounds):
        for way, times in zip(ways, taken, strict=True):
            began = time.perf_counter()
            way()
            times.append((time.perf_counter() - began) * 1000)
    return [Latency(*np.percentile(times, (50, 95)).round(2).tolist()) for times in taken]


def measures(
    bench: str, ours: Mapping[str, Latency], raw: Mapping[str, Latency], what: str, most: float
) -> Iterator[Measure]:
    """Yield p50 and p95 of each question, and of all ten added up the ratio to `what`, which has the goal."""
    for name, mine in ours.items():
        theirs = raw[name]
        yield Measure(bench, f"p50: {name}", mine.p50, theirs.p50, "p95 ≤ 500", mine.p95 <= 500, "ms")
        yield Measure(bench, f"p95: {name}", mine.p95, theirs.p95, "p95 ≤ 500", mine.p95 <= 500, "ms")
    all_ours, all_raw = sum(one.p50 for one in ours.values()), sum(one.p50 for one in raw.values())
    yield Measure(
        bench, f"p50 of all ten, against {what}", round(all_ours, 1), round(all_raw, 1), f"≤ {most} × raw",
        all_ours <= most * all_raw, "ms",
    )  # fmt: skip
