"""The JSON API of reports, trends, the dashboard and corrections."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from api import reports as room
from api import views
from api.auth import Who, desk_of
from api.bounds import Count
from reports import dashboard as boards
from reports import trends as trending
from reports.dashboard import Dashboard
from reports.model import Weekly
from reports.outside import outside
from reports.trends import Spread, Trends
from review.permissions import Action, require
from store.corrections import Told
from store.report_tables import Correction, Report
from store.vocabulary import ReportKind

router = APIRouter(prefix="/api/v1")

Weeks = Annotated[int, Query(ge=4, le=trending.MOST_WEEKS)]


class Table(Response):
    """A table as CSV, in UTF-8, for a browser to keep as `NAME.csv`."""

    media_type = "text/csv"

    # The description of the API reads the status from here.
    def __init__(
        self, text: str, name: str, headers: Mapping[str, str] | None = None, status_code: int = 200
    ) -> None:
        kept = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
        super().__init__(text, status_code, kept | dict(headers or {}))


class ReportAnswer(BaseModel):
    """One version of a report, without its figures."""

    kind: str
    period: str
    version: int
    state: str
    sha256: str
    note: str
    made_by: str
    made_at: datetime
    published_by: str | None
    published_at: datetime | None
    withdrawn_at: datetime | None
    withdrawn_reason: str

    @classmethod
    def of(cls, row: Report, names: dict[str, str]) -> ReportAnswer:
        """Return a version; `names` are of people by actor."""
        values = {name: getattr(row, name) for name in cls.model_fields}
        by = row.published_by
        return cls(
            **values
            | {
                "made_by": names.get(row.made_by, row.made_by),
                "published_by": names.get(by, by) if by else None,
            }
        )


class WholeReport(BaseModel):
    """A version with its figures, and all versions, newest first; `report` is None for a preview made now."""

    report: ReportAnswer | None
    data: dict[str, Any]
    versions: list[ReportAnswer]


class Publication(BaseModel):
    note: str = ""


class Withdrawal(BaseModel):
    reason: str = ""


class CorrectionAnswer(BaseModel):
    """What counts of a correction; `seen_before` and `seen_since` are posts in so many `days` on"
    " either side."""

    claim_id: str
    version: int
    state: str
    headline: str
    body: str
    short: str
    spoken: str
    reason: str
    at: datetime
    days: int
    seen_before: int
    seen_since: int


class Telling(BaseModel):
    """The texts of a correction; `reason` is needed from the second version on."""

    headline: str
    body: str
    short: str
    spoken: str
    reason: str = ""

    def told(self) -> Told:
        return Told(self.headline, self.body, self.short, self.spoken)


@router.get("/dashboard")
def dashboard(request: Request, who: Who) -> Dashboard:
    """Give how much comes in and is decided, what waits, and how well it is done."""
    require(who.person, Action.READ)
    desk = desk_of(request)
    with desk.records.read() as session:
        return boards.dashboard(session, desk.clock())


@router.get("/trends")
def trends(request: Request, who: Who, weeks: Weeks = trending.WEEKS) -> Trends:
    """Give claims over time, what emerges, and which sources carry which harms."""
    require(who.person, Action.READ)
    desk = desk_of(request)
    with desk.records.read() as session:
        return trending.trends(session, desk.clock(), weeks)


@router.get("/trends/{part}.csv", response_class=Table)
def trends_csv(
    request: Request, who: Who, part: Literal["claims", "bursts", "sources"], weeks: Weeks = trending.WEEKS
) -> Table:
    """Give the table of one chart as CSV."""
    found = trends(request, who, weeks)
    write = {"claims": trending.claims_csv, "bursts": trending.bursts_csv, "sources": trending.sources_csv}[
        part
    ]
    return Table(write(found), part)


@router.get("/trends/spread/{claim_id}")
def spread(request: Request, who: Who, claim_id: str) -> Spread:
    """Give how one claim spread, week by week, and when its correction was told."""
    require(who.person, Action.READ)
    desk = desk_of(request)
    with desk.records.read() as session:
        return trending.spread(session, claim_id, desk.clock())


@router.get("/trends/spread/{claim_id}/csv", response_class=Table)
def spread_csv(request: Request, who: Who, claim_id: str) -> Table:
    """Give the spread of one claim as CSV."""
    return Table(trending.spread_csv(spread(request, who, claim_id)), "spread")


@router.get("/reports")
def listing(request: Request, who: Who, kind: ReportKind = ReportKind.WEEKLY) -> list[ReportAnswer]:
    """Give the newest version of each report."""
    with desk_of(request).records.read() as session:
        rows = room.listing(session, who.person, kind)
        names = _names(session, rows)
        return [ReportAnswer.of(row, names) for row in rows]


@router.get("/reports/{period}")
def one(
    request: Request, who: Who, period: str, version: Count | None = None,
    audience: Literal["inside", "outside"] = "inside",
) -> WholeReport:  # fmt: skip
    """Give the report on a week or quarter: a version, the newest, or what it would be now."""
    desk = desk_of(request)
    with desk.records.read() as session:
        rows = room.versions(session, who.person, period)
        row = room.version(session, who.person, period, version) if version else next(iter(rows), None)
        if row is not None:
            data = dict(row.data)
        else:
            data = room.preview(session, who.person, period, desk.clock()).model_dump(mode="json")
        names = _names(session, rows)
    if audience == "outside" and (row is None or row.kind == ReportKind.WEEKLY):
        data = outside(Weekly.model_validate(data)).model_dump(mode="json")
    return WholeReport(
        report=ReportAnswer.of(row, names) if row else None, data=data,
        versions=[ReportAnswer.of(one, names) for one in rows],
    )  # fmt: skip


@router.post("/reports/{period}", status_code=201)
def draft(request: Request, who: Who, period: str) -> dict[str, int]:
    """Make the next version of a report from the records as they are now (lead)."""
    return {"version": room.draft(desk_of(request), who.person, period)}


@router.post("/reports/{period}/{version}/publish")
def publish(request: Request, who: Who, period: str, version: Count, given: Publication) -> dict[str, int]:
    """Publish a draft; say how many addresses are told (lead)."""
    return {"told": room.publish(desk_of(request), who.person, period, version, given.note)}


@router.post("/reports/{period}/{version}/withdraw", status_code=204)
def withdraw(request: Request, who: Who, period: str, version: Count, given: Withdrawal) -> None:
    """Take a published report back, with a reason (lead)."""
    room.withdraw(desk_of(request), who.person, period, version, given.reason)


@router.get("/corrections")
def corrections(request: Request, who: Who) -> list[CorrectionAnswer]:
    """Give every correction with how often its claim was seen before and since."""
    desk = desk_of(request)
    with desk.records.read() as session:
        found = room.every_correction(session, who.person, desk.clock())
    return [
        CorrectionAnswer(**_texts(public.row), days=seen.days, seen_before=seen.before, seen_since=seen.since)
        for public, seen in found
    ]


@router.post("/corrections/{claim_id}", status_code=201)
def publish_correction(request: Request, who: Who, claim_id: str, given: Telling) -> dict[str, int]:
    """Publish a correction of a claim, or its next version (lead)."""
    return {
        "version": room.publish_correction(desk_of(request), who.person, claim_id, given.told(), given.reason)
    }


@router.post("/corrections/{claim_id}/withdraw", status_code=204)
def withdraw_correction(request: Request, who: Who, claim_id: str, given: Withdrawal) -> None:
    """Take a correction back, with a reason (lead)."""
    room.withdraw_correction(desk_of(request), who.person, claim_id, given.reason)


def _texts(row: Correction) -> dict[str, Any]:
    return {
        name: getattr(row, name)
        for name in ("claim_id", "version", "state", "headline", "body", "short", "spoken", "reason", "at")
    }


def _names(session: Any, rows: Any) -> dict[str, str]:
    return views.names(session, {actor for row in rows for actor in (row.made_by, row.published_by) if actor})
