"""The triage screen: the next case, and what is done with it, without leaving the page."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from api import setup
from api.auth import SignedIn, Who, desk_of
from api.bounds import Count, Id
from api.region import region_of
from review import case_page, decision, drafts, queue
from review.decision import UNDO_WITHIN, Verdict
from review.errors import LeaseLost, ReviewError
from review.permissions import Action, may
from review_ui.beside import aside_of
from review_ui.page import page, say
from review_ui.reasons import picked
from store.tables import Decision
from store.vocabulary import Outcome

router = APIRouter()

Text = Annotated[str, Form()]
Number = Annotated[Count, Form()]


@dataclass(frozen=True)
class Walk:
    """The way through the queue: a lane, and the provinces as `api.region.region_of` reads them."""

    lane: str
    province: str = ""

    def region(self, request: Request) -> queue.Region:
        """Return which cases are walked through."""
        return region_of(desk_of(request), self.province)


# It waits for nothing, so it needs no thread.
async def _walk(lane: Text, province: Text = "") -> Walk:
    return Walk(lane, province)


Walking = Annotated[Walk, Depends(_walk)]


@router.get("/")
def triage(
    request: Request, who: Who, lane: str = queue.ALL, province: str = "", done: Count | None = None
) -> Response:
    """Show the next case of a lane, leased to who asks; to those who may not review, the queue."""
    with desk_of(request).records.read() as session:
        if setup.awaits(session, who.person):
            return RedirectResponse("/setup", 303)
    if not may(who.person, Action.REVIEW):
        return RedirectResponse("/queue", 303)
    walk = Walk(lane, province)
    return _show(request, who, walk, _next(request, who, walk), done)


@router.post("/cases/{case_id}/decide")
def decide(
    request: Request, who: Who, case_id: Id, walk: Walking, version: Number, token: Text, seen: Text,
    outcome: Annotated[Outcome, Form()], reason: Text = "", correction: Text = "", act: Text = "",
    claim: Text = "", pick: Text = "",
) -> Response:  # fmt: skip
    """Decide a case; `pick` names a common reason, and with protected speech the act, in place of words."""
    chosen = picked(outcome, pick)
    if chosen is not None:
        reason = chosen.reason
        act = chosen.label if outcome == Outcome.PROTECTED else act
    verdict = Verdict(outcome, reason, correction, act, claim)

    def deciding(session: Session) -> int:
        at = desk_of(request).clock()
        return decision.decide(session, who.person, case_id, version, token, seen, verdict, at).id

    return _then_next(request, who, walk, deciding)


@router.post("/cases/{case_id}/escalate")
def escalate(
    request: Request,
    who: Who,
    case_id: Id,
    walk: Walking,
    version: Number,
    token: Text,
    seen: Text,
    reason: Text = "",
    pick: Text = "",
) -> Response:
    why = _why("escalate", reason, pick)

    def act(session: Session) -> None:
        at = desk_of(request).clock()
        decision.escalate(session, who.person, case_id, version, token, seen, why, at)

    return _then_next(request, who, walk, act)


@router.post("/cases/{case_id}/skip")
def skip(
    request: Request, who: Who, case_id: Id, walk: Walking, token: Text, reason: Text = "", pick: Text = "",
) -> Response:  # fmt: skip
    why = _why("skip", reason, pick)
    return _then_next(
        request, who, walk,
        lambda session: queue.skip(session, who.person, case_id, token, why, desk_of(request).clock()),
    )  # fmt: skip


@router.post("/cases/{case_id}/leave")
def leave(
    request: Request,
    who: Who,
    case_id: Id,
    walk: Walking,
    token: Text,
    to: Annotated[Id | None, Form()] = None,
) -> Response:
    """Give a case back undecided and go to the one after it, or back to case `to`."""
    desk = desk_of(request)
    at = desk.clock()
    try:
        with desk.records.write() as session:
            queue.release(session, who.person, case_id, token, at)
            if to is None:
                region = walk.region(request)
                lease = queue.lease_after(session, who.person, walk.lane, at, case_id, region)
            else:
                lease = queue.lease(session, who.person, to, at)
    except ReviewError as error:
        return _refused(request, who, walk, error)
    return _answer(request, who, walk, lease)


@router.post("/decisions/{decision_id}/undo")
def undo(
    request: Request,
    who: Who,
    decision_id: Id,
    walk: Walking,
    held: Annotated[Id | None, Form()] = None,
    token: Text = "",
) -> Response:
    """Take a decision back; the case that came after it is given back first."""
    desk = desk_of(request)
    at = desk.clock()
    try:
        with desk.records.write() as session:
            lease = decision.undo(session, who.person, decision_id, at)
            # The case that came next may have run out meanwhile; that must not stand in the way.
            if held is not None:
                with suppress(LeaseLost):
                    queue.release(session, who.person, held, token, at)
    except ReviewError as error:
        return _refused(request, who, walk, error)
    return _answer(request, who, walk, lease)


@router.post("/cases/{case_id}/renew", status_code=204)
def renew(request: Request, who: Who, case_id: Id, token: Text) -> None:
    desk = desk_of(request)
    with desk.records.write() as session:
        queue.renew(session, who.person, case_id, token, desk.clock())


def _why(kind: str, reason: str, pick: str) -> str:
    chosen = picked(kind, pick)
    return chosen.reason if chosen else reason


def _next(request: Request, who: SignedIn, walk: Walk) -> queue.Lease | None:
    desk = desk_of(request)
    with desk.records.write() as session:
        return queue.lease_next(
            session, who.person, walk.lane, desk.clock(), walk.region(request), desk.severe_in_a_row
        )


def _then_next(request: Request, who: SignedIn, walk: Walk, act: Callable[[Session], int | None]) -> Response:
    """Do one thing and go on to the next case; a refusal shows why, and nothing is recorded."""
    desk = desk_of(request)
    try:
        with desk.records.write() as session:
            done = act(session)
    except ReviewError as error:
        return _refused(request, who, walk, error)
    return _answer(request, who, walk, _next(request, who, walk), done)


def _refused(request: Request, who: SignedIn, walk: Walk, error: ReviewError) -> Response:
    notice = say(request, error.template, **error.values)
    return _show(request, who, walk, _next(request, who, walk), notice=notice)


def _answer(
    request: Request, who: SignedIn, walk: Walk, lease: queue.Lease | None, done: int | None = None
) -> Response:
    if "HX-Request" not in request.headers:
        asked = {"lane": walk.lane, "province": walk.province, "done": done}
        return RedirectResponse(f"/?{urlencode({k: v for k, v in asked.items() if v})}", 303)
    return _show(request, who, walk, lease, done)


def _show(
    request: Request,
    who: SignedIn,
    walk: Walk,
    lease: queue.Lease | None,
    done_id: int | None = None,
    notice: str = "",
) -> Response:
    desk = desk_of(request)
    at = desk.clock()
    region = walk.region(request)
    with desk.records.read() as session:
        done = _recent(session, who, done_id, at)
        lanes = queue.lanes(session, who.person, at, region)
        beside = aside_of(session, who, at, desk.clocks, region)
        shown = case_page.load(session, who.person, lease.case_id) if lease else None
        ahead = queue.listing(session, who.person, walk.lane, at, limit=12, region=region)
    template = "_triage.html" if "HX-Request" in request.headers else "triage.html"
    left = max(0, int((done.at + UNDO_WITHIN - at).total_seconds())) if done else 0
    return page(
        request, template, who, lane=walk.lane, lanes=lanes, lease=lease, shown=shown, ahead=ahead, done=done,
        undo_seconds=left, notice=notice, province=walk.province, region=region, own=desk.provinces,
        ready=drafts.ready(done) if done else "",
        platform=drafts.platform(done.snapshot["url"]) if done else None,
        **beside,
    )  # fmt: skip


def _recent(session: Session, who: SignedIn, decision_id: int | None, at: datetime) -> Decision | None:
    """Return a decision that its maker can still undo."""
    made = session.get(Decision, decision_id) if decision_id is not None else None
    if made is None or made.user_id != who.user.id or made.undone_at or at - made.at > UNDO_WITHIN:
        return None
    return made
