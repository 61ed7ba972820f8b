"""Blind second reviews: what waits for one, and a text with the policy's words beside the choices."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from api import problems
from api.auth import SignedIn, Who, desk_of
from api.bounds import Count, Id
from review import blind
from review.errors import ReviewError
from review_ui.page import page, say
from review_ui.reading_form import Answer, incomplete
from store.vocabulary import Outcome

router = APIRouter()


@router.get("/second-reviews")
def waiting(request: Request, who: Who, done: Count = 0) -> Response:
    """List the texts that wait for a second review; `done` is the one just given."""
    with desk_of(request).records.read() as session:
        rows = blind.waiting(session, who.person)
    return page(request, "second_reviews.html", who, rows=rows, done=done)


@router.get("/second-reviews/{case_id}")
def one(request: Request, who: Who, case_id: Id) -> Response:
    """Show a text to look at as if for the first time."""
    return _one(request, who, case_id, Answer())


@router.post("/second-reviews/{case_id}")
def answer(request: Request, who: Who, case_id: Id, given: Annotated[Answer, Form()]) -> Response:
    """Take the answer; what is missing comes back with the form as it was filled in."""
    found = given.reading()
    if found is None:
        return _one(request, who, case_id, given, incomplete(request))
    desk = desk_of(request)
    try:
        with desk.records.write() as session:
            blind.answer(session, who.person, case_id, found, given.seen, desk.clock())
    except ReviewError as error:
        words = say(request, error.template, **error.values)
        return _one(request, who, case_id, given, words, problems.status_of(error))
    return RedirectResponse(f"/second-reviews?done={case_id}", 303)


def _one(
    request: Request, who: SignedIn, case_id: int, given: Answer, error: str = "", status: int = 0
) -> Response:
    with desk_of(request).records.read() as session:
        found = blind.to_read(session, who.person, case_id)
    return page(
        request, "second_review.html", who, case=found.case, post=found.case.post, given=given, error=error,
        outcomes=list(Outcome), status=status or (422 if error else 200),
    )  # fmt: skip
