"""Tries a policy on what was recorded: which cases would stand elsewhere, and what that would cost whom.

Pure: rows in, a report out; nothing is kept of a row but counts and a few examples. The unit is the cluster,
for one decision covers all copies and copies are not independent of each other.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby

import models
from classifier.backtest_report import Both, Example, Move, Report
from classifier.policy import Policy
from classifier.standing import Scored, Standing, standing
from store.recorded import Recorded
from store.vocabulary import Outcome

# What people concluded: that a post does harm, or that it is protected speech.
HARMFUL = frozenset({Outcome.CORRECT, Outcome.REPORT})
UNCERTAIN, NOWHERE = "uncertain", "none"
EXAMPLES = 10
_VIETNAM = timedelta(hours=7)


def backtest(
    rows: Iterable[Recorded],
    before: Policy,
    after: Policy,
    progress: Callable[[int], None] = lambda done: None,
    examples: int = EXAMPLES,
) -> Report:
    """Judge recorded assessments by both policies.

    `rows` come cluster by cluster, and memory does not grow with them; of each kind of move the last
    `examples` are kept. `progress` is told the rows done.
    """
    tally = _Tally(before, after, examples)
    for cluster in _clusters(_counted(rows, progress)):
        tally.add(cluster)
    return tally.report()


def _counted(rows: Iterable[Recorded], progress: Callable[[int], None]) -> Iterator[Recorded]:
    done = 0
    for done, row in enumerate(rows, 1):
        yield row
        if done % 500 == 0:
            progress(done)
    progress(done)


def _clusters(rows: Iterable[Recorded]) -> Iterator[Iterator[Recorded]]:
    return (group for _, group in groupby(rows, key=lambda row: row.cluster_id))


@dataclass
class _Side:
    """How a cluster stands by one policy: the post that decides for it, and whether any is referable."""

    post_id: int = 0
    top: Standing | None = None
    harm: str = ""
    referable: bool = False

    def add(self, post_id: int, scored: Scored, found: Standing) -> None:
        # The order of `review.case`: flagged before uncertain before priority, the first post of equals.
        if self.top is None or _weight(found) > _weight(self.top):
            self.post_id, self.top, self.harm = post_id, found, scored.top_harm
        self.referable = self.referable or bool(found.referable)

    @property
    def lane(self) -> str:
        if self.top is None or not (self.top.flagged or self.top.uncertain):
            return NOWHERE
        return self.harm if self.top.flagged else UNCERTAIN

    @property
    def flagged(self) -> bool:
        return self.top is not None and self.top.flagged

    @property
    def priority(self) -> float:
        return self.top.priority if self.top is not None else 0.0


def _weight(found: Standing) -> tuple[bool, bool, float]:
    return found.flagged, found.uncertain, found.priority


@dataclass
class _Moves:
    number: int = 0
    decided: int = 0
    examples: deque[Example] = field(default_factory=deque)

    def add(self, row: Recorded, old: _Side, new: _Side) -> None:
        self.number += 1
        self.decided += row.outcome is not None
        said = row.outcome.value if row.outcome else None
        self.examples.append(
            Example(row.case_id, row.cluster_id, new.post_id, said, old.priority, new.priority)
        )

    def done(self, before: str, after: str) -> Move:
        return Move(before, after, self.number, self.decided, tuple(reversed(self.examples)))


class _Tally:
    def __init__(self, before: Policy, after: Policy, examples: int) -> None:
        self._policies = (before, after)
        self._asked = _signals(before) | _signals(after)
        self._examples = examples
        self._numbers: Counter[str] = Counter()
        self._unasked: Counter[str] = Counter()
        self._counts: Counter[tuple[str, int]] = Counter()
        self._moves: dict[tuple[str, str], _Moves] = {}
        self._newly = self._kept()
        self._weeks: Counter[tuple[date, int]] = Counter()

    def add(self, rows: Iterator[Recorded]) -> None:
        sides = (_Side(), _Side())
        first: tuple[Recorded, Scored] | None = None
        for row in rows:
            try:
                scored = Scored.of(row.detail)
                found = [standing(policy, scored) for policy in self._policies]
            except (KeyError, TypeError, ValueError):
                self._numbers["unreadable"] += 1
                continue
            self._numbers["posts"] += 1
            self._unasked.update(self._asked - scored.asked)
            first = first or (row, scored)
            for side, one in zip(sides, found, strict=True):
                side.add(row.post_id, scored, one)
        if first is not None:
            self._numbers["clusters"] += 1
            self._count(*first, *sides)

    def _count(self, row: Recorded, scored: Scored, old: _Side, new: _Side) -> None:
        groups = ["all"]
        if row.outcome == Outcome.PROTECTED:
            groups.append("decided protected")
        if row.outcome in HARMFUL:
            groups.append("decided harmful")
        if scored.act in models.labels().protected:
            groups.append("protected act")
        week = _monday(row.opened_at)
        for group in groups:
            self._numbers[group] += 1
        for i, side in enumerate((old, new)):
            queued = side.lane != NOWHERE
            for group in groups:
                self._counts[f"{group}/flagged", i] += side.flagged
                self._counts[f"{group}/queued", i] += queued
            self._counts["uncertain", i] += side.lane == UNCERTAIN
            self._counts["protected", i] += side.top is not None and side.top.protected
            self._counts["referable", i] += side.referable
            self._weeks[week, i] += queued
        if old.lane != new.lane:
            self._moves.setdefault((old.lane, new.lane), self._kept()).add(row, old, new)
        if new.referable and not old.referable:
            self._newly.add(row, old, new)

    def _kept(self) -> _Moves:
        return _Moves(examples=deque(maxlen=self._examples))

    def _both(self, name: str, group: str = "all") -> Both:
        return Both(self._counts[name, 0], self._counts[name, 1], self._numbers[group])

    def report(self) -> Report:
        ordered = sorted(self._moves.items(), key=lambda item: (-item[1].number, item[0]))
        weeks = sorted({week for week, _ in self._weeks})
        return Report(
            before=self._policies[0].version,
            after=self._policies[1].version,
            posts=self._numbers["posts"],
            clusters=self._numbers["clusters"],
            unreadable=self._numbers["unreadable"],
            unasked={name: number for name, number in sorted(self._unasked.items()) if number},
            flagged=self._both("all/flagged"),
            uncertain=self._both("uncertain"),
            protected=self._both("protected"),
            referable=self._both("referable"),
            newly_referable=self._newly.done("", ""),
            moves=tuple(moves.done(*lanes) for lanes, moves in ordered),
            false_flags=self._both("decided protected/flagged", "decided protected"),
            false_flags_by_act=self._both("protected act/flagged", "protected act"),
            found=self._both("decided harmful/flagged", "decided harmful"),
            reached=self._both("decided harmful/queued", "decided harmful"),
            weeks=tuple((week, self._weeks[week, 0], self._weeks[week, 1]) for week in weeks),
        )


def _signals(policy: Policy) -> frozenset[str]:
    """Return the signals that a policy asks for, in a referral rule or by points."""
    named = {signal for rule in policy.referable.values() for signal in rule.signals}
    return frozenset(named | {signal for signal, points in policy.priority.points.items() if points})


def _monday(at: datetime) -> date:
    day = (at + _VIETNAM).date()
    return day - timedelta(days=day.weekday())
