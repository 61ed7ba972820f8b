"""What the model does: why a case scores as it does, and how the posts of each week differ."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.auth import Who
from api.bounds import Id
from api.drift import MOST_WEEKS, WEEKS, Against, Drift
from api.explanations import Explanations
from review_ui.page import page

router = APIRouter()


@router.get("/cases/{case_id}/explanation")
def explanation(request: Request, who: Who, case_id: Id) -> Response:
    """Show why the text of a case scores as it does, a part of its page; it is asked for after the page."""
    found: Explanations = request.app.state.explanations
    return page(request, "explanation.html", who, found=found.of_case(who.person, case_id))


@router.get("/drift")
def drift(
    request: Request,
    who: Who,
    weeks: Annotated[int, Query(ge=2, le=MOST_WEEKS)] = WEEKS,
    against: Against = "weeks",
) -> Response:
    """Show how the posts of each week differ from the first ones (lead)."""
    found: Drift = request.app.state.drift
    return page(
        request, "drift.html", who, found=found.report(who.person, weeks, against), choices=(6, 12, 26, 52)
    )
