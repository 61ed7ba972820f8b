"""What was done: decisions by outcome, how long they took, what waits, referrals, corrections."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from reports.asking import numbered, spanning, within
from reports.model import Change, OutcomeLine, Work
from reports.periods import Period
from store import corrections
from store.durations import medians, seconds_between
from store.report_tables import Correction
from store.tables import Activity, Case, Decision, Referral
from store.vocabulary import CaseState, Outcome, ReferralState

HOUR, DAY = 3600.0, 86_400.0


def standing() -> ColumnElement[bool]:
    """Return the condition that a decision was not undone."""
    return Decision.undone_at.is_(None)


def work(session: Session, now: Period, before: Period, at: datetime) -> Work:
    """Return what was done in a period and the one before; what waits is as it is `at` that moment."""
    two = [before, now]
    both = spanning(two)
    opened = _two(
        session, select(numbered(Case.opened_at, two), func.count()).where(within(Case.opened_at, both))
    )
    outcomes = _by(session, Decision.outcome, Decision.at, two, standing())
    escalated = _two(
        session,
        select(numbered(Activity.at, two), func.count()).where(
            Activity.what == "escalated", within(Activity.at, both)
        ),
    )
    told = _two(
        session, select(numbered(Correction.at, two), func.count()).where(within(Correction.at, both))
    )
    hours = medians(
        session,
        select(
            numbered(Decision.at, two).label("key"),
            seconds_between(Case.opened_at, Decision.at).label("value"),
        )
        .select_from(Decision)
        .join(Case, Case.id == Decision.case_id)
        .where(standing(), within(Decision.at, both))
        .subquery(),
    )  # fmt: skip
    waiting, oldest = session.execute(
        select(func.count(), func.min(Case.opened_at)).where(Case.state != CaseState.DECIDED)
    ).one()
    return Work(
        opened=opened,
        decided=Change(now=sum(n[1] for n in outcomes.values()), before=sum(n[0] for n in outcomes.values())),
        outcomes=[OutcomeLine(outcome=o, now=outcomes[o][1], before=outcomes[o][0]) for o in Outcome],
        escalated=escalated,
        hours=_hours(hours.get(1)),
        hours_before=_hours(hours.get(0)),
        waiting=waiting,
        oldest_days=round((at - oldest).total_seconds() / DAY, 1) if oldest else None,
        corrections=told,
        corrections_public=len(corrections.public(session)),
        referrals=_referrals(session, two),
    )


def _referrals(session: Session, two: list[Period]) -> list[OutcomeLine]:
    """Count referrals by the state that they came to in each period."""
    found = _by(session, Referral.state, Referral.changed_at, two)
    return [OutcomeLine(outcome=s, now=found[s][1], before=found[s][0]) for s in ReferralState if s in found]


def _by(
    session: Session,
    key: InstrumentedAttribute[str],
    time: InstrumentedAttribute[datetime],
    two: list[Period],
    *where: ColumnElement[bool],
) -> dict[str, list[int]]:
    """Count rows by a key and by which of the two periods they lie in: [before, now]; without any, [0, 0]."""
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    # The very same expression in both places: written anew it would have other parameters, and be another.
    number = numbered(time, two)
    for value, which, rows in session.execute(
        select(key, number, func.count()).where(within(time, spanning(two)), *where).group_by(key, number)
    ):
        found[value][which] = rows
    return found


def _two(session: Session, query: Select[int, int]) -> Change:
    rows = {row[0]: row[1] for row in session.execute(query.group_by(query.selected_columns[0]))}
    return Change(now=rows.get(1, 0), before=rows.get(0, 0))


def _hours(seconds: float | None) -> float | None:
    return None if seconds is None else round(max(0.0, seconds) / HOUR, 1)
