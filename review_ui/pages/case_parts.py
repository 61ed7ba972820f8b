"""What stands beside a case: copies, notes, the archived page, and cases that say the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import StringConstraints
from sqlalchemy.orm import Session, joinedload

from api import frame, kept_pages
from api.auth import SignedIn, Who, desk_of
from api.bounds import Count, Id
from api.tickets import NoFrame
from review import alike, case_page, copies, notes, opening
from review.errors import NoSuchCase, ReviewError
from review_ui.i18n import language_of
from review_ui.page import page, say
from store.tables import Case
from store.vocabulary import CopyVerdict

router = APIRouter()

Text = Annotated[str, Form()]
# A case as it stood on the page: id, version, content hash.
Chosen = Annotated[str, StringConstraints(pattern=r"^\d{1,18}:\d{1,9}:[0-9a-f]{64}$")]


@router.post("/cases/{case_id}/copies")
def mark(
    request: Request, who: Who, case_id: Id, copy_hash: Text, verdict: Text = "", live: Text = ""
) -> Response:
    """Say of near copies that they say the same, or not; "" takes it back."""
    said = CopyVerdict(verdict) if verdict in set(CopyVerdict) else None

    def act(session: Session) -> None:
        copies.mark(session, who.person, case_id, copy_hash, said, desk_of(request).clock())

    return _then(request, who, case_id, "_copies.html", act, live=bool(live))


@router.post("/cases/{case_id}/split")
def split(request: Request, who: Who, case_id: Id, copy_hash: Text, live: Text = "") -> Response:
    def act(session: Session) -> None:
        copies.split(session, who.person, case_id, copy_hash, desk_of(request).clock())

    return _then(request, who, case_id, "_copies.html", act, live=bool(live))


@router.post("/cases/{case_id}/notes")
def note(request: Request, who: Who, case_id: Id, text: Text = "") -> Response:
    def act(session: Session) -> None:
        notes.add(session, who.person, case_id, text, desk_of(request).clock())

    return _then(request, who, case_id, "_notes.html", act)


@router.get("/cases/{case_id}/kept")
def kept(request: Request, who: Who, case_id: Id, capture: Id | None = None) -> Response:
    """Show the archived page of a case beside its picture, once a reason was given; or a part of a page."""
    with desk_of(request).records.read() as session:
        found = kept_pages.captures(session, who.person, case_id)
        shown = case_page.load(session, who.person, case_id)
        opened = opening.is_open(session, who.person, case_id)
    chosen = next((one for one in found if one.id == capture), found[0] if found else None)
    address = no_frame = ""
    if chosen and opened:
        try:
            address = frame.address(request, who, case_id, chosen.id, language_of(request))
        except NoFrame as error:
            no_frame = say(request, error.template)
    template = "_kept.html" if "HX-Request" in request.headers else "kept.html"
    return page(
        request,
        template,
        who,
        case=shown.case,
        pages=found,
        chosen=chosen,
        picture=shown.picture,
        opened=opened,
        address=address,
        origin=frame.frame_origin(request),
        no_frame=no_frame,
    )


@router.post("/cases/{case_id}/kept")
def open_kept(request: Request, who: Who, case_id: Id, reason: Text = "") -> Response:
    """Give the reason for looking at the originals of a case, and show them."""
    with desk_of(request).records.write() as session:
        opening.open_originals(session, who.person, case_id, reason)
    if "HX-Request" in request.headers:
        return kept(request, who, case_id)
    return RedirectResponse(f"/cases/{case_id}/kept", 303)


@router.get("/copies")
def waiting(request: Request, who: Who) -> Response:
    with desk_of(request).records.read() as session:
        return page(request, "copies.html", who, waiting=copies.waiting(session, who.person))


@router.get("/cases/{case_id}/alike")
def cases_alike(request: Request, who: Who, case_id: Id, made: Count = 0) -> Response:
    """Show free cases that say the same, to be chosen."""
    return _alike(request, who, case_id, made=made)


@router.post("/cases/{case_id}/alike")
def decide_alike(
    request: Request, who: Who, case_id: Id, chosen: Annotated[list[Chosen] | None, Form()] = None
) -> Response:
    desk = desk_of(request)
    wanted = [one.split(":", 2) for one in chosen or ()]
    seen = [alike.Seen(int(one[0]), int(one[1]), one[2]) for one in wanted]
    try:
        with desk.records.write() as session:
            made = alike.decide_like(session, who.person, case_id, seen, desk.clock())
    except ReviewError as error:
        return _alike(request, who, case_id, notice=say(request, error.template, **error.values))
    return RedirectResponse(f"/cases/{case_id}/alike?made={len(made)}", 303)


def _alike(request: Request, who: SignedIn, case_id: int, notice: str = "", made: int = 0) -> Response:
    desk = desk_of(request)
    with desk.records.read() as session:
        found = alike.candidates(session, who.person, case_id, desk.clock())
        case = session.get(Case, case_id, options=[joinedload(Case.post)])
        if case is None:
            raise NoSuchCase(case=case_id)
        standing = alike.standing(session, case)
    return page(
        request, "alike.html", who, case=case, cases=found, standing=standing, notice=notice, made=made
    )


def _then(
    request: Request,
    who: SignedIn,
    case_id: int,
    template: str,
    act: Callable[[Session], None],
    **values: Any,
) -> Response:
    """Do one thing and show the part of the page anew, with why where it was refused."""
    desk = desk_of(request)
    notice = ""
    swaps = "HX-Request" in request.headers
    try:
        with desk.records.write() as session:
            act(session)
    except ReviewError as error:
        if not swaps:
            raise
        notice = say(request, error.template, **error.values)
    if not swaps:
        return RedirectResponse(f"/cases/{case_id}", 303)
    with desk.records.read() as session:
        shown = case_page.load(session, who.person, case_id)
    part = template.removeprefix("_").removesuffix(".html")
    values[f"{part}_notice"] = notice
    return page(request, template, who, shown=shown, swapped=True, **values)
