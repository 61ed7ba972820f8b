"""The policy in force in words, those before it, another one tried on what was recorded, and the switch."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response, UploadFile
from fastapi.responses import RedirectResponse

from api import policy as policies
from api.auth import Who, desk_of
from api.bounds import Id
from classifier.policy_text import MOST_CHARACTERS
from review_ui.page import page

router = APIRouter()

Text = Annotated[str, Form()]


@router.get("/policy")
def overview(request: Request, who: Who) -> Response:
    """Show the policy in force and all there were (lead, auditor, admin)."""
    with desk_of(request).records.read() as session:
        seen = policies.overview(session, who.person)
    return page(request, "policy.html", who, seen=seen)


@router.get("/policy/{policy_id}")
def text(request: Request, who: Who, policy_id: Id) -> Response:
    """Show a policy that is or was in force, as it was written."""
    with desk_of(request).records.read() as session:
        found = policies.one(session, who.person, policy_id)
    return page(request, "policy_text.html", who, found=found)


@router.post("/policy/backtest")
def backtest(request: Request, who: Who, text: Text = "", file: UploadFile | None = None) -> Response:
    """Show what the policy of a file, or of a field, would do; nothing is changed (lead)."""
    if file is not None and file.filename:
        text = file.file.read(4 * MOST_CHARACTERS).decode("utf-8-sig", "replace")
    trial = policies.try_out(desk_of(request), who.person, _lines(text))
    return page(request, "policy_trial.html", who, trial=trial)


@router.post("/policy/switch")
def switch(request: Request, who: Who, text: Text = "", reason: Text = "", seen: Text = "") -> Response:
    """Judge by a policy that was tried from now on (lead)."""
    policies.switch(desk_of(request), who.person, _lines(text), reason, seen)
    return RedirectResponse("/policy", 303)


def _lines(text: str) -> str:
    """Return a text with the line ends of a file; forms send CR LF."""
    return text.replace("\r\n", "\n")
