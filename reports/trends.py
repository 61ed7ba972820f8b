"""Trends: claims over time, what emerges, which sources carry which harms, and how one claim spread."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from io import StringIO

from pydantic import BaseModel
from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

import models
from reports import bursts, charts, circulation
from reports.asking import PRESENT, numbered, spanning, within
from reports.charts import Chart
from reports.model import Burst, ClaimLine
from reports.periods import VIETNAM, Period, week_of
from reports.words import count, label
from store import corrections
from store.report_tables import ClaimMention
from store.tables import Assessment, Case, Post, Source

WEEKS, MOST_WEEKS = 12, 52
CLAIMS, SOURCES = 9, 15
_ASKING, _REFUTING = "question", "debunk"
# What spreadsheets reckon, also in full width, and behind blanks and signs without width, which some drop.
_FORMULA = re.compile(
    r"[\s\x00-\x1f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]"
)


class SourceHarms(BaseModel):
    """Posts of a source in cases of each harm, by its key."""

    source: str
    harms: dict[str, int]


class Trends(BaseModel):
    """What circulated in the weeks from `first`, a Monday; the last is not over."""

    at: datetime
    weeks: list[str]
    mondays: list[date]
    claims: list[ClaimLine]
    claims_total: int
    bursts: list[Burst]
    sources: list[SourceHarms]


class SpreadWeek(BaseModel):
    """Posts of a week that match a claim: those that spread it or speak of it, ask, or refute it."""

    monday: date
    posts: int
    asking: int
    refuting: int
    sources: int


class Spread(BaseModel):
    """How one claim spread; `told` are the moments at which its correction was published or changed."""

    claim_id: str
    weeks: list[SpreadWeek]
    told: list[datetime]


def trends(session: Session, at: datetime, weeks: int = WEEKS) -> Trends:
    """Return what circulated in the last weeks, the present one last; bursts are of the past seven days."""
    now = week_of(at)
    periods = [now.back(number) for number in reversed(range(weeks))]
    busiest, total = circulation.claims(session, periods, CLAIMS, of_all=True)
    today = at.astimezone(VIETNAM).date()
    return Trends(
        at=at, weeks=[one.name for one in periods], mondays=[one.first for one in periods], claims=busiest,
        claims_total=total, bursts=bursts.bursts(session, Period(today - timedelta(days=6), today, "")),
        sources=_sources(session, spanning(periods)),
    )  # fmt: skip


def spread(session: Session, claim_id: str, at: datetime, weeks: int = 26) -> Spread:
    """Return how a claim spread, week by week."""
    now = week_of(at)
    periods = [now.back(number) for number in reversed(range(weeks))]
    number = numbered(Post.first_seen_at, periods)
    rows = {
        row[0]: row[1:]
        for row in session.execute(
            select(
                number, func.count(), func.count(case((Assessment.act == _ASKING, 1))),
                func.count(case((Assessment.act == _REFUTING, 1))), func.count(Post.source_id.distinct()),
            )
            .select_from(ClaimMention)
            .join(Post, Post.id == ClaimMention.post_id)
            .join(Assessment, PRESENT)
            .where(ClaimMention.claim_id == claim_id, within(Post.first_seen_at, spanning(periods)))
            .group_by(number)
        )
    }  # fmt: skip
    told = [
        SpreadWeek(monday=one.first, posts=p, asking=q, refuting=r, sources=s)
        for i, one in enumerate(periods)
        for p, q, r, s in (rows.get(i, (0, 0, 0, 0)),)
    ]
    return Spread(
        claim_id=claim_id,
        weeks=told,
        told=[row.at for row in reversed(corrections.versions(session, claim_id))],
    )


def _sources(session: Session, period: Period) -> list[SourceHarms]:
    rows = session.execute(
        select(Source.name, Case.harm, func.count())
        .select_from(Post)
        .join(Case, Case.cluster_id == Post.cluster_id)
        .join(Source, Source.id == Post.source_id)
        .where(Case.harm.is_not(None), within(Post.first_seen_at, period))
        .group_by(Source.name, Case.harm)
    )
    found: dict[str, dict[str, int]] = {}
    for source, harm, number in rows:
        found.setdefault(source, {})[str(harm)] = number
    order = sorted(found, key=lambda name: (-sum(found[name].values()), name))
    return [SourceHarms(source=name, harms=found[name]) for name in order]


def claims_chart(found: Trends) -> Chart:
    """Draw the claims seen most, a small chart each on one scale."""
    names = [_short(line.wording) for line in found.claims]
    rows = [
        {"week": monday.strftime("%d/%m"), "name": name, "n": number}
        for name, line in zip(names, found.claims, strict=True)
        for monday, number in zip(found.mondays, line.weeks, strict=True)
    ]
    says = "; ".join(f"{line.wording} {count(line.now)} bài tuần này" for line in found.claims)
    return charts.lines(rows, says, names)


def heat_chart(found: Trends) -> Chart:
    """Draw which of the busiest sources carry which harms."""
    harms = [harm for harm in models.labels().harms if any(harm in one.harms for one in found.sources)]
    shown = found.sources[:SOURCES]
    rows = [
        {
            "x": label(harm),
            "y": one.source,
            "n": one.harms.get(harm, 0),
            "said": str(one.harms.get(harm, "") or ""),
        }
        for one in shown
        for harm in harms
    ]
    says = "; ".join(f"{one.source} {sum(one.harms.values())} bài" for one in shown)
    return charts.heat(rows, says, [label(harm) for harm in harms], [one.source for one in shown])


def spread_chart(found: Spread) -> Chart:
    """Draw how a claim spread, parted by what its posts do."""
    names = ("Nói về tuyên bố", "Hỏi", "Bác tin")
    rows = [
        {"week": week.monday.strftime("%d/%m"), "name": name, "n": number}
        for week in found.weeks
        for name, number in zip(
            names, (week.posts - week.asking - week.refuting, week.asking, week.refuting), strict=True
        )
    ]
    says = f"{sum(week.posts for week in found.weeks)} bài trong {len(found.weeks)} tuần"
    return charts.stacked(rows, says, names)


def claims_csv(found: Trends) -> str:
    """Return the claims by week as CSV."""
    rows = [(line.claim_id, line.wording, *line.weeks) for line in found.claims]
    return to_csv(("claim", "wording", *found.weeks), rows)


def bursts_csv(found: Trends) -> str:
    """Return what emerges as CSV."""
    rows = [
        (b.cluster_id, b.case_id or "", b.harm or "", b.posts, b.sources, b.expected) for b in found.bursts
    ]
    return to_csv(("cluster", "case", "harm", "posts", "sources", "expected"), rows)


def sources_csv(found: Trends) -> str:
    """Return sources by harm as CSV."""
    harms = models.labels().harms
    return to_csv(
        ("source", *harms), [(one.source, *(one.harms.get(h, 0) for h in harms)) for one in found.sources]
    )


def spread_csv(found: Spread) -> str:
    """Return the spread of one claim as CSV."""
    rows = [(w.monday.isoformat(), w.posts, w.asking, w.refuting, w.sources) for w in found.weeks]
    return to_csv(("monday", "posts", "asking", "refuting", "sources"), rows)


def to_csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV; a text that a spreadsheet would take for a formula gets a quote before it."""
    kept = StringIO()
    writer = csv.writer(kept, lineterminator="\n")
    for row in (head, *rows):
        writer.writerow([_cell(value) for value in row])
    return kept.getvalue()


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    # The writer quotes a line feed, but not always a carriage return: that would begin a row.
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if _FORMULA.match(text) else text


def _short(wording: str) -> str:
    return wording if len(wording) <= 34 else f"{wording[:33].rstrip()}…"
