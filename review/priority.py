"""The priority of a case: calibrated harm × severity × spread × freshness, and each of the parts.

Spread is known when a copy comes, and written then. Freshness halves every three days, for every case
alike; so the order of two cases never changes by time alone. `rank`, the logarithm of the priority with time
moved to the other side, keeps that order in one indexed column, and nothing has to be computed anew as time
goes by.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session

from store.tables import Case, Post

# A choice, not a measurement: after three days a case needs twice the harm to stand as high as a new one.
HALF_LIFE = timedelta(days=3)
RECENT = timedelta(days=1)
# A post that is found late is at most this old to the queue: it is news to those who see it now.
OLDEST = timedelta(days=7)
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
# Keeps the logarithm finite for a text that has no weight at all.
_LEAST = 0.01
# SQLite refuses conditions of more than a thousand.
_PAGE = 200


@dataclass(frozen=True)
class Spread:
    """How far a text went: posts that say it, those of the day up to the newest, when that one appeared."""

    copies: int
    recent: int
    newest: datetime

    @property
    def factor(self) -> float:
        """1 for a single post; ten times the copies, or ten times the recent ones, add half."""
        return spread_factor(self.copies, self.recent)


@dataclass(frozen=True)
class Parts:
    """A priority at one moment, with its factors: `total` is 100 × their product.

    `harm` and `severity` are 0 to 1, `raised` is what matched claims and signals leave of at most 1, `spread`
    is at least 1, `fresh` at most 1. `harm` is None for a case whose post has no assessment as it reads now.
    """

    total: float
    harm: float | None
    severity: float
    raised: float
    spread: float
    fresh: float
    copies: int
    recent: int


def spread_factor(copies: int, recent: int) -> float:
    """Return the factor of some copies, of which `recent` are of the last day; at least 1."""
    return 1 + 0.5 * math.log10(max(1, copies)) + 0.5 * math.log10(max(1, recent))


def freshness(fresh_from: datetime, at: datetime) -> float:
    """Return the factor, 1 and less, of a case whose newest copy appeared at `fresh_from`."""
    return float(min(1.0, 2 ** -((at - fresh_from) / HALF_LIFE)))


def place(shown: Case, weight: float, severity: float, spread: Spread) -> None:
    """Give a case its place in the queue; `weight` is the priority, 0 to 100, of its text alone."""
    shown.severity = severity
    shown.copies, shown.recent = spread.copies, spread.recent
    shown.fresh_from = max(spread.newest, shown.opened_at - OLDEST)
    shown.priority = round(weight * spread.factor, 2)
    shown.rank = math.log2(max(_LEAST, weight * spread.factor)) + (shown.fresh_from - _EPOCH) / HALF_LIFE


def of_case(shown: Case, at: datetime) -> Parts:
    """Return why a case stands where it does at a moment; its post and assessment are loaded."""
    assessment = shown.post.assessment
    harm = assessment.harmful if assessment is not None else None
    factor, fresh = spread_factor(shown.copies, shown.recent), freshness(shown.fresh_from, at)
    product = (harm or 0.0) * shown.severity * factor
    return Parts(
        total=shown.priority * fresh,
        harm=harm,
        severity=shown.severity,
        raised=shown.priority / (100 * product) if product else 1.0,
        spread=factor,
        fresh=fresh,
        copies=shown.copies,
        recent=shown.recent,
    )


def spreads(session: Session, cluster_ids: Sequence[int]) -> dict[int, Spread]:
    """Return how far the texts of some clusters went: one query, and one for each 200 that have copies."""
    rows = session.execute(
        select(Post.cluster_id, func.count(), func.max(_appeared()))
        .where(Post.cluster_id.in_(cluster_ids))
        .group_by(Post.cluster_id)
    )
    found = {row[0]: Spread(row[1], 1, row[2]) for row in rows}
    copied = [key for key, one in found.items() if one.copies > 1]
    for start in range(0, len(copied), _PAGE):
        page = {key: found[key] for key in copied[start : start + _PAGE]}
        lately = [and_(Post.cluster_id == k, _appeared() > one.newest - RECENT) for k, one in page.items()]
        counted = select(Post.cluster_id, func.count()).where(or_(*lately)).group_by(Post.cluster_id)
        for key, recent in session.execute(counted):
            found[key] = Spread(page[key].copies, recent, page[key].newest)
    return found


def _appeared() -> ColumnElement[datetime]:
    # A date of publication in the future is a mistake of the page.
    return case((Post.published_at <= Post.first_seen_at, Post.published_at), else_=Post.first_seen_at)
