"""The knowledge base: its claims, one with its versions, and the forms by which a lead changes them."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from api import claims, problems, views
from api.auth import SignedIn, Who, desk_of
from api.bounds import Count
from api.claim_routes import Asked
from review.errors import ReasonNeeded, ReviewError
from review.permissions import Action, require
from review_ui.page import page, say
from store.claim_facts import facts_of
from store.vocabulary import ClaimVerdict

router = APIRouter()


class Sheet(BaseModel):
    """The form of a claim as it was filled in; `paraphrases` are one a line."""

    id: str = ""
    claim: str = ""
    paraphrases: str = ""
    harm: str = ""
    verdict: str = ""
    correction: str = ""
    source_name: str = ""
    source_url: str = ""
    source_date: str = ""
    english: str = ""
    note: str = ""
    valid_from: str = ""
    valid_until: str = ""
    reason: str = ""

    @classmethod
    def of(cls, row: dict[str, Any]) -> Sheet:
        """Return the form that shows a row of a claim."""
        source = {f"source_{name}": value for name, value in row["source"].items()}
        return cls(**{**row, **source, "paraphrases": "\n".join(row["paraphrases"])})

    def row(self) -> dict[str, Any]:
        """Return the row that the form says."""
        plain = self.model_dump(include={"id", "claim", "harm", "verdict", "correction", "english", "note"})
        return {
            **plain,
            "paraphrases": [line for line in self.paraphrases.splitlines() if line.strip()],
            "source": {"name": self.source_name, "url": self.source_url, "date": self.source_date},
            "valid_from": self.valid_from,
            "valid_until": self.valid_until,
        }


Filled = Annotated[Sheet, Form()]


class AskedPage(Asked):
    """The same question with the row that a page of the list begins with."""

    offset: Count = 0


@router.get("/claims")
def listing(request: Request, who: Who, asked: Annotated[AskedPage, Query()]) -> Response:
    """Find claims; the address holds the whole question."""
    with desk_of(request).records.read() as session:
        rows, total = claims.found(session, who.person, asked.wanted(), asked.offset)
    return page(
        request, "claims.html", who, rows=rows, total=total, asked=asked, size=claims.PAGE,
        verdicts=list(ClaimVerdict),
    )  # fmt: skip


@router.get("/claims/new")
def empty(request: Request, who: Who) -> Response:
    """Show the empty form of a claim (lead)."""
    require(who.person, Action.KEEP_CLAIMS)
    return _form(request, who, Sheet())


@router.post("/claims/new")
def add(request: Request, who: Who, sheet: Filled) -> Response:
    """Keep a new claim (lead)."""
    try:
        with desk_of(request).records.write() as session:
            claims.add(session, who.person, sheet.row(), sheet.reason)
    except (claims.ClaimRefused, claims.ClaimTaken) as error:
        return _form(request, who, sheet, error=error)
    return _to(sheet.id.strip())


@router.get("/claims/{claim_id}")
def one(request: Request, who: Who, claim_id: str) -> Response:
    """Show a claim with all its versions."""
    with desk_of(request).records.read() as session:
        versions = claims.versions(session, who.person, claim_id)
        names = views.names(session, {row.by for row in versions})
    return page(request, "claim.html", who, claim=versions[0], versions=versions, names=names)


@router.get("/claims/{claim_id}/edit")
def edit_form(request: Request, who: Who, claim_id: str) -> Response:
    """Show the form of a claim as it is (lead)."""
    require(who.person, Action.KEEP_CLAIMS)
    with desk_of(request).records.read() as session:
        newest = claims.versions(session, who.person, claim_id)[0]
    return _form(request, who, Sheet.of(facts_of(newest).to_row()), claim_id)


@router.post("/claims/{claim_id}/edit")
def edit(request: Request, who: Who, claim_id: str, sheet: Filled) -> Response:
    """Make a new version of a claim (lead)."""
    try:
        with desk_of(request).records.write() as session:
            claims.edit(session, who.person, claim_id, sheet.row(), sheet.reason)
    except (claims.ClaimRefused, ReasonNeeded) as error:
        return _form(request, who, sheet, claim_id, error)
    return _to(claim_id)


@router.post("/claims/{claim_id}/retire")
def retire(request: Request, who: Who, claim_id: str, reason: Annotated[str, Form()] = "") -> Response:
    """Let a claim match no more (lead)."""
    with desk_of(request).records.write() as session:
        claims.retire(session, who.person, claim_id, reason, retired=True)
    return _to(claim_id)


@router.post("/claims/{claim_id}/restore")
def restore(request: Request, who: Who, claim_id: str, reason: Annotated[str, Form()] = "") -> Response:
    """Let a claim match again (lead)."""
    with desk_of(request).records.write() as session:
        claims.retire(session, who.person, claim_id, reason, retired=False)
    return _to(claim_id)


def _form(
    request: Request, who: SignedIn, sheet: Sheet, claim_id: str = "", error: ReviewError | None = None
) -> Response:
    said = say(request, error.template, **error.values) if error else ""
    status = problems.status_of(error) if error else 200
    return page(
        request, "claim_form.html", who, status=status, sheet=sheet, claim_id=claim_id, error=said,
        verdicts=list(ClaimVerdict),
    )  # fmt: skip


def _to(claim_id: str) -> Response:
    return RedirectResponse(f"/claims/{quote(claim_id, safe='')}", 303)
