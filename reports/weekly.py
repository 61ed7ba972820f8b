"""The weekly report: gathers its data from the records at one moment."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from reports import bursts, circulation, quality, source_health, voids, work_done
from reports.asking import numbered, spanning, within
from reports.model import Change, WeekLine, Weekly
from reports.periods import Period
from reports.work_done import standing
from store.tables import Decision

WEEKS = 12
CLAIMS = 40


def build(session: Session, week: Period, at: datetime) -> Weekly:
    """Return the report on a week as the records are now; `at` is that moment.

    About thirty queries, each of which counts in the database; texts are read of questions alone.
    """
    weeks = [week.back(number) for number in reversed(range(WEEKS))]
    before = weeks[-2]
    judged = circulation.judged(session, weeks)
    last, now = judged[-2], judged[-1]
    models, policies = circulation.judges(session, week)
    claims, total = circulation.claims(session, weeks, CLAIMS)
    decided = _decided(session, weeks)
    return Weekly(
        week=week.name,
        first=week.first,
        last=week.last,
        made_at=at,
        over=at >= week.end,
        posts=Change(now=now.posts, before=last.posts),
        flagged=Change(now=now.flagged, before=last.flagged),
        uncertain=Change(now=now.uncertain, before=last.uncertain),
        protected=Change(now=now.protected, before=last.protected),
        unscored=now.posts - now.scored,
        models=models,
        policies=policies,
        weeks=[
            WeekLine(name=one.name, first=one.first, posts=j.posts, flagged=j.flagged, decided=number)
            for one, j, number in zip(weeks, judged, decided, strict=True)
        ],
        harms=circulation.harms(session, week, before),
        claims=claims,
        claims_total=total,
        bursts=bursts.bursts(session, week),
        voids=voids.voids(session, week),
        work=work_done.work(session, week, before, at),
        quality=quality.quality(session, week, before),
        sources=source_health.sources(session, week, before, at),
    )


def _decided(session: Session, weeks: list[Period]) -> list[int]:
    number = numbered(Decision.at, weeks)
    rows = session.execute(
        select(number, func.count()).where(standing(), within(Decision.at, spanning(weeks))).group_by(number)
    )
    found = {row[0]: row[1] for row in rows}
    return [found.get(i, 0) for i in range(len(weeks))]
