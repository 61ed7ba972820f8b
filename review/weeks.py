"""The posts of each week as the model judged them: exact counts, and a sample of bounded size.

A week is Monday to Sunday in Vietnam; a post is of the week in which it first came in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from review.sampling import Reservoir
from store.tables import Assessment, Post

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
SAMPLE = 2_000
_SEED = 20_200_123
_PAGE = 500
_PRESENT = and_(Assessment.id == Post.assessment_id, Assessment.post_version == Post.version)


@dataclass(frozen=True)
class Scored:
    """One post of a sample: P(harmful), and the model that said so."""

    post: int
    harmful: float
    model: str


@dataclass
class Week:
    """The scored posts of one week. `harmful` is the sum of P(harmful); copies are once in the sample."""

    start: date
    posts: int = 0
    flagged: int = 0
    uncertain: int = 0
    protected: int = 0
    harmful: float = 0.0
    models: Counter[str] = field(default_factory=Counter)
    policies: Counter[str] = field(default_factory=Counter)
    sample: Sequence[Scored] = ()

    @property
    def label(self) -> str:
        """The ISO name of the week, "2026-W47"."""
        year, week, _ = self.start.isocalendar()
        return f"{year}-W{week:02d}"

    @property
    def model(self) -> str:
        """The model that judged most of its posts; "" when there are none."""
        return _most(self.models)

    @property
    def policy(self) -> str:
        """The policy by which most of its posts were judged; "" when there are none."""
        return _most(self.policies)


def week_of(moment: datetime) -> date:
    """Return the Monday of the week of a moment."""
    day = moment.astimezone(VIETNAM).date()
    return day - timedelta(days=day.weekday())


def read(session: Session, first: date, last: date, sample: int = SAMPLE) -> list[Week]:
    """Return every week from the Monday `first` to the Monday `last`, empty ones too; streams one query."""
    mondays = [first + timedelta(weeks=i) for i in range((last - first).days // 7 + 1)]
    weeks = {monday: Week(monday) for monday in mondays}
    drawn: dict[date, Reservoir[Scored]] = {monday: Reservoir(sample, _SEED) for monday in mondays}
    rows = session.execute(
        select(
            Post.id, Post.cluster_id, Post.first_seen_at, Assessment.harmful, Assessment.flagged,
            Assessment.uncertain, Assessment.protected, Assessment.model, Assessment.policy,
        )
        .join(Assessment, _PRESENT)
        .where(Post.first_seen_at >= _begin(first), Post.first_seen_at < _begin(last + timedelta(weeks=1)))
        .order_by(Post.id)
        .execution_options(yield_per=2000)
    )  # fmt: skip
    for row in rows:
        week = weeks[week_of(row.first_seen_at)]
        week.posts += 1
        week.flagged += row.flagged
        week.uncertain += row.uncertain
        week.protected += row.protected
        week.harmful += row.harmful
        week.models[row.model] += 1
        week.policies[row.policy] += 1
        drawn[week.start].offer(row.cluster_id, Scored(row.id, row.harmful, row.model))
    for week in weeks.values():
        week.sample = [scored for _, scored in drawn[week.start].taken()]
    return list(weeks.values())


def first_week(session: Session, model: str) -> date | None:
    """Return the week of the oldest post that `model` judged, or None when it judged none."""
    began = session.scalar(
        select(func.min(Post.first_seen_at)).join(Assessment, _PRESENT).where(Assessment.model == model)
    )
    return week_of(began) if began is not None else None


def texts(session: Session, post_ids: Sequence[int]) -> list[str]:
    """Return the texts of posts, in their order; those that are gone are left out."""
    found: dict[int, str] = {}
    for start in range(0, len(post_ids), _PAGE):
        page = post_ids[start : start + _PAGE]
        found |= {
            row.id: row.text
            for row in session.execute(
                select(Post.id, Post.text).where(Post.id.in_(page), Post.purged_at.is_(None))
            )
        }
    return [found[post_id] for post_id in post_ids if post_id in found]


def _most(counted: Counter[str]) -> str:
    return min(counted, key=lambda name: (-counted[name], name), default="")


def _begin(monday: date) -> datetime:
    return datetime.combine(monday, time(), VIETNAM).astimezone(UTC)
