"""The other places: search, sources, the audit log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BeforeValidator

from api import bounds, pipeline, views
from api import sources as source_room
from api.auth import Who, desk_of
from api.bounds import Id
from api.routes import Asked
from review_ui import render
from review_ui.page import page
from review_ui.pages.sign_in import own
from search.engine import FACETS

router = APIRouter()


def _empty_is_none(value: object) -> object:
    # A form sends every field, empty ones too.
    return value or None


Day = Annotated[bounds.Day | None, BeforeValidator(_empty_is_none)]
Back = Annotated[str, Form()]

_FILTERS = tuple(facet for facet in FACETS if facet not in {"flagged", "protected", "uncertain"})


@router.get("/search")
def search(request: Request, who: Who, asked: Annotated[Asked, Query()]) -> Response:
    """Find posts; the address holds the whole question."""
    desk = desk_of(request)
    found = desk.engine.search(asked.question())
    ids = [hit.post_id for hit in found.hits]
    with desk.records.read() as session:
        posts = views.posts(session, ids)
        cases = views.case_ids(session, ids)
        lag = pipeline.index_lag(session, desk.clock())
    late = int(lag.total_seconds() // 60) if lag > pipeline.LATE else 0
    # Two years fill the width; older weeks are found by narrowing the time.
    weeks = render.each_week(found.weeks)
    top = max((number for _, number in weeks), default=0) or 1
    return page(
        request, "search.html", who, asked=asked, found=found, posts=posts, cases=cases, weeks=weeks, top=top,
        empty=not found.hits and desk.engine.count() == 0,
        filters=_FILTERS, late=late, chosen={name: getattr(asked, name) for name in _FILTERS},
    )  # fmt: skip


@router.get("/sources")
def sources(request: Request, who: Who) -> Response:
    """Show the health of each source."""
    desk = desk_of(request)
    with desk.records.read() as session:
        health = source_room.health(session, who.person, desk.clock())
    return page(request, "sources.html", who, health=health)


@router.post("/sources/{source_id}/pause")
def pause(request: Request, who: Who, source_id: Id, back: Back = "/sources") -> Response:
    """Leave a source alone."""
    with desk_of(request).records.write() as session:
        source_room.pause(session, who.person, source_id)
    return RedirectResponse(own(back), 303)


@router.post("/sources/{source_id}/resume")
def resume(request: Request, who: Who, source_id: Id, back: Back = "/sources") -> Response:
    """Let a source be crawled again."""
    with desk_of(request).records.write() as session:
        source_room.resume(session, who.person, source_id)
    return RedirectResponse(own(back), 303)


@router.post("/sources/{source_id}/test")
def try_out(request: Request, who: Who, source_id: Id) -> Response:
    """Fetch a page of a source and show what would be made of it."""
    found = source_room.try_out(desk_of(request), who.person, source_id)
    return page(request, "source_test.html", who, found=found)


@router.get("/audit")
def audit(
    request: Request, who: Who, actor: str = "", action: str = "", subject: str = "",
    since: Day = None, until: Day = None, before: Id | None = None, verify: bool = False,
) -> Response:  # fmt: skip
    """Show the audit log; with `verify`, walk the chain first."""
    wanted = views.EventFilter(actor.strip(), action.strip(), subject.strip(), since, until)
    with desk_of(request).records.read() as session:
        events = views.events(session, who.person, wanted, before, 51)
        names = views.names(session, {event.actor for event in events})
        verdict = views.verify(session, who.person) if verify else None
    return page(
        request, "audit.html", who, events=events[:50], more=len(events) > 50, wanted=wanted, names=names,
        verdict=verdict, before=before,
    )  # fmt: skip


@router.get("/audit/digest")
def digest(request: Request, who: Who, week: str = "") -> Response:
    """Show who did unusually much in a week, or at odd hours."""
    desk = desk_of(request)
    now = desk.clock()
    with desk.records.read() as session:
        found = views.digest(session, who.person, week, now)
    period = views.week_named(found.week, now)
    after = period.after()
    return page(
        request, "digest.html", who, found=found, before=period.back().name,
        after=after.name if after.begin <= now else "",
    )  # fmt: skip
