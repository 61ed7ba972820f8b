"""The lists of lanes, whom a case is for, the filters that people keep, and how one wants to work."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from api.auth import SignedIn, Who, desk_of
from api.bounds import Count, Id
from api.region import region_of
from review import assignment, lanes, live, saved, wellbeing
from review.errors import ReviewError
from review.saved import Wanted
from review_ui.page import page, say
from store.vocabulary import Channel, FilterKind

router = APIRouter()
PAGE = 50

Text = Annotated[str, Form()]


@router.get("/queue")
def listing(
    request: Request,
    who: Who,
    lane: str = lanes.ALL,
    province: str = "",
    offset: Count = 0,
) -> Response:
    """List the cases of a lane."""
    desk = desk_of(request)
    at = desk.clock()
    region = region_of(desk, province)
    with desk.records.read() as session:
        counted = lanes.lanes(session, who.person, at, region)
        late = lanes.overdue(session, at, desk.clocks, region)
        named = lanes.provinces(session, who.person, lane, at)
        cases = lanes.listing(session, who.person, lane, at, offset, PAGE + 1, region)[: PAGE + 1]
        kept_for = assignment.of_cases(session, [case.id for case in cases])
        colleagues = assignment.people(session, who.person)
        filters = saved.visible(session, who.person)
        live_after = live.last(session)
    query = urlencode({k: v for k, v in (("lane", lane), ("province", province)) if v})
    return page(
        request, "queue.html", who, lane=lane, lanes=counted, cases=cases[:PAGE], offset=offset,
        next_offset=offset + PAGE if len(cases) > PAGE else None, province=province, region=region,
        own=desk.provinces, named=named, overdue=late, kept_for=kept_for, colleagues=colleagues,
        filters=filters, query=query, live_after=live_after,
    )  # fmt: skip


@router.post("/cases/{case_id}/assign")
def assign(
    request: Request, who: Who, case_id: Id, to: Annotated[Id | None, Form()] = None, note: Text = "",
    lane: Text = lanes.ALL,
) -> Response:  # fmt: skip
    """Keep a queued case for one person, or for nobody where `to` is empty."""
    desk = desk_of(request)
    with desk.records.write() as session:
        assignment.assign(session, who.person, case_id, to, note, desk.clock())
    return RedirectResponse(f"/queue?{urlencode({'lane': lane})}", 303)


@router.post("/cases/{case_id}/hand-over")
def hand_over(
    request: Request,
    who: Who,
    case_id: Id,
    to: Annotated[Id, Form(ge=1)],
    token: Text,
    note: Text = "",
    lane: Text = lanes.ALL,
    province: Text = "",
) -> Response:
    """Give the case that one holds to another person, and go on to the next."""
    desk = desk_of(request)
    with desk.records.write() as session:
        assignment.hand_over(session, who.person, case_id, token, to, note, desk.clock())
    return RedirectResponse(f"/?{urlencode({'lane': lane, 'province': province})}", 303)


@router.get("/filters")
def filters(request: Request, who: Who) -> Response:
    return _filters(request, who)


@router.post("/filters")
def keep(
    request: Request,
    who: Who,
    kind: Annotated[FilterKind, Form()],
    name: Text = "",
    query: Text = "",
    shared: Annotated[bool, Form()] = False,
    channel: Text = "",
    alert_to: Text = "",
) -> Response:
    """Keep a filter; one's own of the same name is replaced."""
    desk = desk_of(request)
    told = Channel(channel) if channel in {one.value for one in Channel} else None
    wanted = Wanted(kind, name, query.removeprefix("?"), shared, told, alert_to)
    try:
        with desk.records.write() as session:
            saved.save(session, who.person, wanted, desk.clock())
    except ReviewError as error:
        return _filters(request, who, wanted, say(request, error.template, **error.values))
    return RedirectResponse("/filters", 303)


@router.post("/filters/{filter_id}/remove")
def forget(request: Request, who: Who, filter_id: Id) -> Response:
    with desk_of(request).records.write() as session:
        saved.remove(session, who.person, filter_id)
    return RedirectResponse("/filters", 303)


@router.get("/breaks")
def breaks(request: Request, who: Who) -> Response:
    """Show after how long one is told of a break."""
    with desk_of(request).records.read() as session:
        return _breaks(request, who, session, done=False)


@router.post("/breaks")
def choose_break(
    request: Request, who: Who, minutes: Annotated[int, Form(ge=0, le=wellbeing.LONGEST)]
) -> Response:
    with desk_of(request).records.write() as session:
        wellbeing.choose(session, who.person, minutes)
        session.flush()
        return _breaks(request, who, session, done=True)


def _breaks(request: Request, who: SignedIn, session: Session, *, done: bool) -> Response:
    minutes = wellbeing.preference(session, who.person).break_minutes
    return page(
        request, "breaks.html", who, minutes=minutes, done=done, longest=wellbeing.LONGEST,
        severe=desk_of(request).severe_in_a_row,
    )  # fmt: skip


def _filters(request: Request, who: SignedIn, wanted: Wanted | None = None, error: str = "") -> Response:
    with desk_of(request).records.read() as session:
        kept = saved.visible(session, who.person)
    return page(
        request, "filters.html", who, status=422 if error else 200, filters=kept, wanted=wanted, error=error
    )
