"""A case by its address."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from api import pictures, views
from api.auth import Who, desk_of
from api.bounds import Id
from review import alike, case_page, decision, drafts, queue
from review.permissions import Action, may
from review_ui.page import page
from search.engine import SearchError

router = APIRouter()


@router.get("/cases/{case_id}")
def case(request: Request, who: Who, case_id: Id) -> Response:
    """Show a case to read; taking it is a step of its own."""
    desk = desk_of(request)
    with desk.records.read() as session:
        shown = case_page.load(session, who.person, case_id)
        standing = None if shown.unread else alike.standing(session, shown.case)
    lead = may(who.person, Action.LEAD)
    ready = drafts.ready(standing) if standing and may(who.person, Action.REVIEW) else ""
    return page(
        request, "case.html", who, shown=shown, lane=queue.ALL, lead=lead, standing=standing, ready=ready,
        platform=drafts.platform(shown.post.url), province="",
    )  # fmt: skip


@router.get("/cases/{case_id}/similar")
def similar(request: Request, who: Who, case_id: Id) -> Response:
    """Show posts that are like the one of a case, a part of its page; it does not wait for the engine."""
    desk = desk_of(request)
    try:
        with desk.records.read() as session:
            found = views.similar(session, who.person, desk.engine, case_id)
    except SearchError:
        return page(request, "similar.html", who, found=[], down=True)
    return page(request, "similar.html", who, found=found, down=False)


@router.post("/cases/{case_id}/take")
def take(request: Request, who: Who, case_id: Id) -> Response:
    """Lease a case and go on with it on the triage screen."""
    desk = desk_of(request)
    with desk.records.write() as session:
        queue.lease(session, who.person, case_id, desk.clock())
    return RedirectResponse(f"/?lane={queue.MINE}", 303)


@router.post("/cases/{case_id}/picture")
def picture(request: Request, who: Who, case_id: Id) -> Response:
    """Ask for a picture of the page of a case's post."""
    desk = desk_of(request)
    with desk.records.write() as session:
        pictures.ask(session, who.person, case_id, desk.clock())
    return RedirectResponse(f"/cases/{case_id}", 303)


@router.post("/cases/{case_id}/reopen")
def reopen(request: Request, who: Who, case_id: Id, reason: Annotated[str, Form()] = "") -> Response:
    desk = desk_of(request)
    with desk.records.write() as session:
        decision.reopen(session, who.person, case_id, reason, desk.clock())
    return RedirectResponse(f"/cases/{case_id}", 303)
