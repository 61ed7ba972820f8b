"""Blind second reviews: what waits for one, and a text with the policy's words beside the choices."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from api import problems
from api.auth import SignedIn, Who, desk_of
from review import second_review
from review.errors import ReviewError
from review_ui.page import page, say
from store.vocabulary import Outcome

router = APIRouter()


class Answer(BaseModel):
    """The form of a second review as it was filled in."""

    outcome: Outcome | None = None
    act: str = ""
    harms: list[str] = []
    reason: str = ""
    seen: str = ""


@router.get("/second-reviews")
def waiting(request: Request, who: Who, done: int = 0) -> Response:
    """List the texts that wait for a second review; `done` is the one just given."""
    with desk_of(request).records.read() as session:
        rows = second_review.waiting(session, who.person)
    return page(request, "second_reviews.html", who, rows=rows, done=done)


@router.get("/second-reviews/{review_id}")
def one(request: Request, who: Who, review_id: int) -> Response:
    """Show a text to look at as if for the first time."""
    return _one(request, who, review_id, Answer())


@router.post("/second-reviews/{review_id}")
def answer(request: Request, who: Who, review_id: int, given: Annotated[Answer, Form()]) -> Response:
    """Take the answer; what is missing comes back with the form as it was filled in."""
    if given.outcome is None or not given.act:
        return _one(request, who, review_id, given, say(request, "Hãy chọn hành vi lời nói và kết luận."))
    desk = desk_of(request)
    try:
        with desk.records.write() as session:
            second_review.answer(
                session, who.person, review_id, given.outcome, given.act, given.harms, given.reason,
                given.seen, desk.clock(),
            )  # fmt: skip
    except ReviewError as error:
        words = say(request, error.template, **error.values)
        return _one(request, who, review_id, given, words, problems.status_of(error))
    return RedirectResponse(f"/second-reviews?done={review_id}", 303)


def _one(
    request: Request, who: SignedIn, review_id: int, given: Answer, error: str = "", status: int = 0
) -> Response:
    with desk_of(request).records.read() as session:
        found = second_review.to_read(session, who.person, review_id)
    return page(
        request, "second_review.html", who, review=found, post=found.case.post, given=given, error=error,
        outcomes=list(Outcome), status=status or (422 if error else 200),
    )  # fmt: skip
