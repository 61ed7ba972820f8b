"""How the work stands, and what was given up."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api import pipeline
from api.auth import Who, desk_of
from api.bounds import Id
from review_ui.page import page

router = APIRouter()


@router.get("/work")
def work(request: Request, who: Who) -> Response:
    """Show queues, workers, and the tasks given up."""
    desk = desk_of(request)
    with desk.records.read() as session:
        seen = pipeline.overview(session, desk.clock())
    return page(request, "work.html", who, seen=seen, late=pipeline.LATE)


@router.post("/work/{task_id}/retry")
def retry(request: Request, who: Who, task_id: Id) -> Response:
    """Try a task again."""
    desk = desk_of(request)
    with desk.records.write() as session:
        pipeline.retry(session, who.person, task_id, desk.clock())
    return RedirectResponse("/work", 303)


@router.post("/work/{task_id}/discard")
def discard(request: Request, who: Who, task_id: Id) -> Response:
    """Give a task up for good."""
    with desk_of(request).records.write() as session:
        pipeline.discard(session, who.person, task_id)
    return RedirectResponse("/work", 303)
