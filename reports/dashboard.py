"""The dashboard: how much comes in and is decided, how long it takes, what waits, and how well it is done."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Subquery, case, func, literal, select
from sqlalchemy.orm import Session

from reports import charts, circulation, quality
from reports.asking import numbered, spanning, within
from reports.charts import Chart
from reports.estimates import Estimate
from reports.periods import VIETNAM, Period, week_of
from reports.words import OUTCOMES, count
from reports.work_done import standing
from store.base import UtcDateTime
from store.durations import medians, seconds_between
from store.tables import Case, Decision
from store.vocabulary import CaseState, Outcome

WEEKS = 12
DAYS = 28
UNCERTAIN = "uncertain"


class DashboardWeek(BaseModel):
    """One week: posts that came in, cases opened, and decisions by outcome."""

    name: str
    monday: date
    posts: int
    opened: int
    outcomes: dict[str, int]

    @property
    def decided(self) -> int:
        return sum(self.outcomes.values())


class Lane(BaseModel):
    """One lane: what waits now, with its age in days, and what was done in the last 28 days, in hours."""

    lane: str
    waiting: int
    oldest_days: float | None
    middle_days: float | None
    opened: int
    decided: int
    hours: float | None
    outcomes: dict[str, int]


class Dashboard(BaseModel):
    """Estimates are of the last 28 days, and `false_flags_before` of the 28 before."""

    at: datetime
    weeks: list[DashboardWeek]
    lanes: list[Lane]
    waiting: int
    oldest_days: float | None
    hours: float | None
    false_flags: Estimate
    false_flags_before: Estimate
    wrong_flags: Estimate
    kappa: Estimate


def dashboard(session: Session, at: datetime) -> Dashboard:
    """Return the figures at a moment. About fifteen queries, none of which reads a text."""
    today = at.astimezone(VIETNAM).date()
    recent = Period(today - timedelta(days=DAYS - 1), today, "")
    earlier = Period(recent.first - timedelta(days=DAYS), recent.first - timedelta(days=1), "")
    lanes = _lanes(session, recent, at)
    measured = quality.quality(session, recent, earlier)
    hours = medians(session, _spans(literal(""), recent))
    ages = [lane.oldest_days for lane in lanes if lane.oldest_days is not None]
    return Dashboard(
        at=at, weeks=_weeks(session, at), lanes=lanes, waiting=sum(lane.waiting for lane in lanes),
        oldest_days=max(ages, default=None), hours=_rounded(hours.get(""), 3600),
        false_flags=measured.false_flags, false_flags_before=measured.false_flags_before,
        wrong_flags=measured.wrong_flags, kappa=measured.kappa,
    )  # fmt: skip


def _weeks(session: Session, at: datetime) -> list[DashboardWeek]:
    periods = [week_of(at).back(number) for number in reversed(range(WEEKS))]
    judged = circulation.judged(session, periods)
    number = numbered(Case.opened_at, periods)
    opened = {
        row[0]: row[1]
        for row in session.execute(
            select(number, func.count()).where(within(Case.opened_at, spanning(periods))).group_by(number)
        )
    }
    outcomes: list[dict[str, int]] = [dict.fromkeys(Outcome, 0) for _ in periods]
    number = numbered(Decision.at, periods)
    for which, outcome, decided in session.execute(
        select(number, Decision.outcome, func.count())
        .where(standing(), within(Decision.at, spanning(periods)))
        .group_by(number, Decision.outcome)
    ):
        outcomes[which][outcome] = decided
    return [
        DashboardWeek(
            name=one.name,
            monday=one.first,
            posts=judged[i].posts,
            opened=opened.get(i, 0),
            outcomes=outcomes[i],
        )
        for i, one in enumerate(periods)
    ]


def lane_of() -> ColumnElement[str]:
    """Return the lane of a case: its harm, or that it is uncertain."""
    return case((Case.uncertain, UNCERTAIN), else_=func.coalesce(Case.harm, UNCERTAIN))


def _spans(key: ColumnElement[str], period: Period) -> Subquery:
    return (
        select(key.label("key"), seconds_between(Case.opened_at, Decision.at).label("value"))
        .select_from(Decision)
        .join(Case, Case.id == Decision.case_id)
        .where(standing(), within(Decision.at, period))
        .subquery()
    )


def _lanes(session: Session, recent: Period, at: datetime) -> list[Lane]:
    lane = lane_of()
    waits = Case.state != CaseState.DECIDED
    waiting = {
        row[0]: (row[1], row[2])
        for row in session.execute(
            select(lane, func.count(), func.min(Case.opened_at)).where(waits).group_by(lane)
        )
    }
    ages = medians(
        session,
        select(lane.label("key"), seconds_between(Case.opened_at, literal(at, UtcDateTime())).label("value"))
        .where(waits)
        .subquery(),
    )
    opened = {
        row[0]: row[1]
        for row in session.execute(
            select(lane, func.count()).where(within(Case.opened_at, recent)).group_by(lane)
        )
    }
    outcomes: dict[str, dict[str, int]] = {}
    for key, outcome, number in session.execute(
        select(lane, Decision.outcome, func.count())
        .select_from(Decision)
        .join(Case, Case.id == Decision.case_id)
        .where(standing(), within(Decision.at, recent))
        .group_by(lane, Decision.outcome)
    ):
        outcomes.setdefault(key, dict.fromkeys(Outcome, 0))[outcome] = number
    hours = medians(session, _spans(lane, recent))
    lines = [
        Lane(
            lane=key, waiting=waiting.get(key, (0, None))[0],
            oldest_days=_age(waiting.get(key, (0, None))[1], at),
            middle_days=_rounded(ages.get(key), 86_400), opened=opened.get(key, 0),
            decided=sum(outcomes.get(key, {}).values()), hours=_rounded(hours.get(key), 3600),
            outcomes=outcomes.get(key, dict.fromkeys(Outcome, 0)),
        )
        for key in {*waiting, *opened, *outcomes}
    ]  # fmt: skip
    return sorted(lines, key=lambda line: (-line.waiting, -line.opened, line.lane))


def volume_chart(found: Dashboard) -> Chart:
    """Draw cases opened and decided, by week."""
    rows = [{"week": w.monday.strftime("%d/%m"), "bars": w.opened, "line": w.decided} for w in found.weeks]
    last = found.weeks[-1]
    says = f"Tuần này {count(last.opened)} ca mở, {count(last.decided)} ca được quyết định"
    return charts.weeks(rows, says, "Ca mới mở", "Ca đã quyết định")


def outcomes_chart(found: Dashboard) -> Chart:
    """Draw decisions by outcome and week."""
    rows = [
        {"week": week.monday.strftime("%d/%m"), "name": OUTCOMES[one], "n": week.outcomes.get(one, 0)}
        for week in found.weeks
        for one in OUTCOMES
    ]
    says = ", ".join(
        f"{OUTCOMES[one]} {sum(week.outcomes.get(one, 0) for week in found.weeks)}" for one in OUTCOMES
    )
    return charts.stacked(rows, says, tuple(OUTCOMES.values()))


def _age(opened: datetime | None, at: datetime) -> float | None:
    return None if opened is None else _rounded((at - opened).total_seconds(), 86_400)


def _rounded(seconds: float | None, unit: int) -> float | None:
    return None if seconds is None else round(max(0.0, seconds) / unit, 1)
