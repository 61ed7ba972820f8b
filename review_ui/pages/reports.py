"""The dashboard, trends, and reports: the preview of a report is the report itself."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from api import reports as room
from api import setup, views
from api.auth import SignedIn, Who, desk_of
from api.bounds import Count
from api.claims import NoClaim
from reports import dashboard as boards
from reports import docx_paper, paper, transparency, weekly_document
from reports import trends as trending
from reports.blocks import Document
from reports.outside import outside
from reports.periods import VIETNAM, named, quarter_of, week_of
from reports.publishing import transparency_of, weekly_of
from review.permissions import Action, require
from review_ui.page import page
from store import claims
from store.report_tables import Report
from store.vocabulary import ReportKind

router = APIRouter()

Weeks = Annotated[int, Query(ge=4, le=trending.MOST_WEEKS)]
Audience = Literal["inside", "outside"]
_MEDIA = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pdf": "application/pdf",
    "html": "text/html; charset=utf-8",
}


@router.get("/dashboard")
def dashboard(request: Request, who: Who) -> Response:
    """Show how much comes in and is decided, what waits, and how well it is done."""
    require(who.person, Action.READ)
    desk = desk_of(request)
    with desk.records.read() as session:
        found = boards.dashboard(session, desk.clock())
    return page(
        request, "dashboard.html", who, found=found, volume=boards.volume_chart(found),
        outcomes=boards.outcomes_chart(found), days=boards.DAYS,
    )  # fmt: skip


@router.get("/trends")
def trends(request: Request, who: Who, weeks: Weeks = trending.WEEKS) -> Response:
    """Show claims over time, what emerges, and which sources carry which harms."""
    require(who.person, Action.READ)
    desk = desk_of(request)
    with desk.records.read() as session:
        found = trending.trends(session, desk.clock(), weeks)
    return page(
        request, "trends.html", who, found=found, choices=(8, 12, 26, 52),
        claims_chart=trending.claims_chart(found) if found.claims else None,
        heat=trending.heat_chart(found) if found.sources else None,
    )  # fmt: skip


@router.get("/trends/{claim_id}")
def spread(request: Request, who: Who, claim_id: str) -> Response:
    """Show how one claim spread."""
    require(who.person, Action.READ)
    desk = desk_of(request)
    with desk.records.read() as session:
        claim = claims.newest(session, claim_id)
        if claim is None:
            raise NoClaim(claim=claim_id)
        found = trending.spread(session, claim_id, desk.clock())
    return page(request, "spread.html", who, found=found, claim=claim, chart=trending.spread_chart(found))


@router.get("/reports")
def listing(request: Request, who: Who) -> Response:
    """List the reports on weeks and quarters, and what is next."""
    at = desk_of(request).clock()
    with desk_of(request).records.read() as session:
        weekly = room.listing(session, who.person, ReportKind.WEEKLY)
        public = room.listing(session, who.person, ReportKind.TRANSPARENCY)
    return page(
        request, "reports.html", who, weekly=weekly, public=public, this_week=week_of(at),
        last_week=week_of(at).back(), last_quarter=quarter_of(at).back(), named=named,
    )  # fmt: skip


@router.get("/reports/{period}")
def one(
    request: Request,
    who: Who,
    period: str,
    version: Count | None = None,
    audience: Audience = "inside",
    told: Count | None = None,
) -> Response:
    """Show a report: a version, the newest, or of a week without one what it would be now."""
    kind, wanted = room.period_of(period)
    with desk_of(request).records.read() as session:
        rows = room.versions(session, who.person, period)
        names = views.names(
            session, {actor for row in rows for actor in (row.made_by, row.published_by) if actor}
        )
    row, made = _document(request, who, period, version, audience)
    return page(
        request, "report.html", who, row=row, versions=rows, names=names, period=wanted, kind=kind,
        audience=audience, document=made, body=paper.fragment(made.blocks),
        annexes=paper.fragment(made.annexes),
        over=wanted.end <= desk_of(request).clock(), told=told,
    )  # fmt: skip


@router.get("/reports/{period}/file.{form}")
def file(
    request: Request, who: Who, period: str, form: Literal["docx", "pdf", "html"],
    version: Count | None = None, audience: Audience = "inside",
) -> Response:  # fmt: skip
    """Give a report as a file, by the letterhead of the settings; see `api.setup.telling`."""
    row, made = _document(request, who, period, version, audience)
    head, day = setup.telling(desk_of(request)).letterhead, _day(request, row)
    write = {"docx": docx_paper.docx, "pdf": paper.pdf, "html": lambda *given: paper.html(*given).encode()}[
        form
    ]
    try:
        content = write(made, head, day)
    except paper.PaperError as error:
        raise room.NotTold(why=error) from error
    name = f"kiem-tin-{period}{f'-v{row.version}' if row else '-xem-truoc'}.{form}"
    return Response(
        content, media_type=_MEDIA[form], headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@router.post("/reports/{period}/draft")
def draft(request: Request, who: Who, period: str) -> Response:
    """Make the next version of a report from the records as they are now (lead)."""
    return _to(period, room.draft(desk_of(request), who.person, period))


@router.post("/reports/{period}/{version}/publish")
def publish(
    request: Request, who: Who, period: str, version: Count, note: Annotated[str, Form(max_length=2000)] = ""
) -> Response:
    """Publish a draft with the lead's own words (lead)."""
    told = room.publish(desk_of(request), who.person, period, version, note)
    return _to(period, version, f"&told={told}")


@router.post("/reports/{period}/{version}/withdraw")
def withdraw(
    request: Request,
    who: Who,
    period: str,
    version: Count,
    reason: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Take a published report back, with a reason (lead)."""
    room.withdraw(desk_of(request), who.person, period, version, reason)
    return _to(period, version)


def _document(
    request: Request, who: SignedIn, period: str, version: int | None, audience: Audience
) -> tuple[Report | None, Document]:
    """Return a version of a report and its document; a week without one is built as it is now."""
    desk = desk_of(request)
    with desk.records.read() as session:
        if version is not None:
            row: Report | None = room.version(session, who.person, period, version)
        else:
            row = next(iter(room.versions(session, who.person, period)), None)
        if row is None:
            data = room.preview(session, who.person, period, desk.clock())
        elif row.kind == ReportKind.TRANSPARENCY:
            return row, transparency.document(transparency_of(row))
        else:
            data = weekly_of(row)
    return row, weekly_document.document(
        outside(data) if audience == "outside" else data, row.note if row else ""
    )


def _day(request: Request, row: Report | None) -> date:
    at = (row.published_at or row.made_at) if row else desk_of(request).clock()
    return at.astimezone(VIETNAM).date()


def _to(period: str, version: int, more: str = "") -> Response:
    return RedirectResponse(f"/reports/{quote(period, safe='')}?version={version}{more}", 303)
