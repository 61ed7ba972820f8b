"""What was done: decisions by outcome, how long they took, what waits, referrals, corrections."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

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
    outcomes = {outcome: [0, 0] for outcome in Outcome}
    for outcome, which, number in session.execute(
        select(Decision.outcome, numbered(Decision.at, two), func.count())
        .where(standing(), within(Decision.at, both))
        .group_by(Decision.outcome, numbered(Decision.at, two))
    ):
        outcomes[Outcome(outcome)][which] = number
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
        outcomes=[OutcomeLine(outcome=one, now=n[1], before=n[0]) for one, n in outcomes.items()],
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
    found = {state: [0, 0] for state in ReferralState}
    for state, which, number in session.execute(
        select(Referral.state, numbered(Referral.changed_at, two), func.count())
        .where(within(Referral.changed_at, spanning(two)))
        .group_by(Referral.state, numbered(Referral.changed_at, two))
    ):
        found[ReferralState(state)][which] = number
    return [OutcomeLine(outcome=one, now=n[1], before=n[0]) for one, n in found.items() if any(n)]


def _two(session: Session, query: Select[int, int]) -> Change:
    rows = {row[0]: row[1] for row in session.execute(query.group_by(query.selected_columns[0]))}
    return Change(now=rows.get(1, 0), before=rows.get(0, 0))


def _hours(seconds: float | None) -> float | None:
    return None if seconds is None else round(max(0.0, seconds) / HOUR, 1)
