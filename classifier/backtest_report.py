"""What a policy would do to what was recorded: counts with their intervals, examples of what would move."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from store.shares import wilson


@dataclass(frozen=True)
class Rate:
    """How many of how many clusters; `low` and `high` bound the share with 95 % confidence."""

    number: int
    total: int

    @property
    def share(self) -> float | None:
        return self.number / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval, which holds near 0 too, where the shares of wrong flags lie."""
        return wilson(self.number, self.total)

    def to_dict(self) -> dict[str, Any]:
        low, high = self.interval
        return {"number": self.number, "total": self.total, "share": self.share, "low": low, "high": high}


@dataclass(frozen=True)
class Both:
    """The same count under the policy in force and under the new one, of the same clusters."""

    before: int = 0
    after: int = 0
    total: int = 0

    @property
    def rates(self) -> tuple[Rate, Rate]:
        return Rate(self.before, self.total), Rate(self.after, self.total)

    def to_dict(self) -> dict[str, Any]:
        before, after = self.rates
        return {"before": before.to_dict(), "after": after.to_dict()}


@dataclass(frozen=True)
class Example:
    """One cluster that would stand elsewhere; `post_id` is the post that decides for it by the new policy."""

    case_id: int | None
    cluster_id: int
    post_id: int
    outcome: str | None
    priority_before: float
    priority_after: float


@dataclass(frozen=True)
class Move:
    """The clusters that would go from one lane to another: a harm, "uncertain", or "none" (not queued).

    `decided` of them were decided by people, and stay as they are whatever the policy says.
    """

    before: str
    after: str
    number: int
    decided: int
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Report:
    """What a policy would do. Every count but `posts` and those of rows left out is of clusters.

    `unreadable` rows were kept by another version of this program in a form that says too little;
    `unasked` counts, by signal, the posts assessed before that signal was looked for: there it counts as
    absent. `false_flags` are the flagged among those that people decided to be protected speech;
    `false_flags_by_act` among those whose likeliest act, by the model, is protected, whatever the policy.
    `found` are the flagged, and `reached` the queued, among those that people found harmful. `weeks` are the
    queued by the Monday of the week in which the first post came in.
    """

    before: str
    after: str
    posts: int
    clusters: int
    unreadable: int
    unasked: dict[str, int]
    flagged: Both
    uncertain: Both
    protected: Both
    referable: Both
    newly_referable: Move
    moves: tuple[Move, ...]
    false_flags: Both
    false_flags_by_act: Both
    found: Both
    reached: Both
    weeks: tuple[tuple[date, int, int], ...]

    @property
    def moved(self) -> int:
        return sum(move.number for move in self.moves)

    @property
    def per_week(self) -> tuple[float, float]:
        """The mean number of cases queued in a week, from the first week to the last, empty ones too."""
        if not self.weeks:
            return 0.0, 0.0
        span = (self.weeks[-1][0] - self.weeks[0][0]).days // 7 + 1
        return sum(week[1] for week in self.weeks) / span, sum(week[2] for week in self.weeks) / span

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON."""
        plain: dict[str, Any] = {
            name: value.to_dict() if isinstance(value, Both) else value for name, value in vars(self).items()
        }
        plain["moves"] = [asdict(move) for move in self.moves]
        plain["newly_referable"] = asdict(self.newly_referable)
        plain["weeks"] = [
            {"week": week.isoformat(), "before": before, "after": after} for week, before, after in self.weeks
        ]
        before, after = self.per_week
        return {**plain, "moved": self.moved, "per_week": {"before": before, "after": after}}
