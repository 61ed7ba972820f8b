"""Referrals: the board, one with its steps, and the form by which a case is proposed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from api import problems
from api.auth import SignedIn, Who, desk_of
from api.bounds import Count, Id
from review import case_page, proposal, referral, referral_board
from review.errors import NotAllowed, ReviewError
from review.proposal import Proposal
from review.referral_errors import NoSuchReferral
from review_ui.page import page, say
from store.vocabulary import MilderMeans

router = APIRouter()

Text = Annotated[str, Form()]


class Sheet(BaseModel):
    """The form of a proposal as it was filled in. `basis` is a rule and one of its bases, "rule|basis"."""

    version: Count = 0
    seen: str = ""
    basis: str = ""
    milder: list[MilderMeans] = []
    necessity: str = ""

    def said(self) -> Proposal:
        """Return what the form says."""
        rule, _, basis = self.basis.partition("|")
        return Proposal(rule, basis, self.necessity, self.milder)


@router.get("/referrals")
def board(request: Request, who: Who) -> Response:
    """Show the referrals by state, and who must act next."""
    desk = desk_of(request)
    with desk.records.read() as session:
        found = referral_board.board(session, who.person, desk.clock())
    return page(request, "referrals.html", who, board=found)


@router.get("/referrals/{referral_id}")
def one(request: Request, who: Who, referral_id: Id) -> Response:
    """Show a referral with what its approval is bound to."""
    return _one(request, who, referral_id)


@router.post("/referrals/{referral_id}/approve")
def approve(request: Request, who: Who, referral_id: Id, evidence: Text, policy: Text) -> Response:
    desk = desk_of(request)
    with desk.records.write() as session:
        referral.approve(session, who.person, referral_id, evidence, policy, desk.clock(), desk.approved_for)
    return RedirectResponse(f"/referrals/{referral_id}", 303)


@router.post("/referrals/{referral_id}/{step}")
def end(request: Request, who: Who, referral_id: Id, step: str, words: Text = "") -> Response:
    """Reject, withdraw, recall or acknowledge, with its reason or receipt."""
    steps = {
        "reject": referral.reject,
        "withdraw": referral.withdraw,
        "recall": referral.recalled,
        "acknowledge": referral.acknowledged,
    }
    if step not in steps:
        raise NoSuchReferral(referral=referral_id)
    desk = desk_of(request)
    try:
        with desk.records.write() as session:
            steps[step](session, who.person, referral_id, words, desk.clock())
    except NotAllowed:
        raise
    except ReviewError as error:
        return _one(request, who, referral_id, error)
    return RedirectResponse(f"/referrals/{referral_id}", 303)


@router.get("/cases/{case_id}/referral")
def empty(request: Request, who: Who, case_id: Id) -> Response:
    """Show the form of a proposal, or why nothing may be proposed of the case."""
    return _form(request, who, case_id, Sheet())


@router.post("/cases/{case_id}/referral")
def propose(request: Request, who: Who, case_id: Id, sheet: Annotated[Sheet, Form()]) -> Response:
    """Propose; what is missing comes back with the form as it was filled in."""
    desk = desk_of(request)
    try:
        with desk.records.write() as session:
            made = proposal.propose(
                session, who.person, case_id, sheet.version, sheet.seen, sheet.said(), desk.clock()
            )
    except ReviewError as error:
        return _form(request, who, case_id, sheet, error)
    return RedirectResponse(f"/referrals/{made.id}", 303)


def _one(request: Request, who: SignedIn, referral_id: int, error: ReviewError | None = None) -> Response:
    desk = desk_of(request)
    with desk.records.read() as session:
        found = referral_board.shown(session, who.person, referral_id, desk.clock())
    return page(
        request, "referral.html", who, shown=found, hours=int(desk.approved_for.total_seconds() // 3600),
        lapsed=_words(request, found.lapsed), error=_words(request, error),
        status=problems.status_of(error) if error else 200,
    )  # fmt: skip


def _form(
    request: Request, who: SignedIn, case_id: int, sheet: Sheet, error: ReviewError | None = None
) -> Response:
    with desk_of(request).records.read() as session:
        found = proposal.possible(session, who.person, case_id)
        shown = case_page.load(session, who.person, case_id)
        earlier = referral_board.of_case(session, who.person, case_id)
    return page(
        request, "referral_form.html", who, found=found, shown=shown, earlier=earlier, sheet=sheet,
        means=list(MilderMeans), error=_words(request, error), refused=_words(request, found.refused),
        status=problems.status_of(error) if error else 200,
    )  # fmt: skip


def _words(request: Request, error: ReviewError | None) -> str:
    return say(request, error.template, **error.values) if error else ""
