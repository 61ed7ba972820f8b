"""Evidence bundles: what was approved, what is masked before it leaves, and what became of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import FileResponse, RedirectResponse
from starlette.datastructures import FormData

from api import bundle_routes, redaction
from api import bundles as room
from api.auth import Who, desk_of
from api.bounds import Id
from api.bundle_work import shelf_of, works_of
from evidence.propose import Kind
from review.errors import ReviewError
from review.permissions import Action, may
from review_ui.page import page, say

router = APIRouter(prefix="/bundles")


async def _given(request: Request) -> FormData:
    return await request.form()


Given = Annotated[FormData, Depends(_given)]


@router.get("")
def listing(request: Request, who: Who) -> Response:
    """List what was approved, newest first, with what is to be done next."""
    desk = desk_of(request)
    with desk.records.read() as session:
        lines = room.listing(session, who.person)
    return page(request, "bundles.html", who, lines=lines, ready=desk.shelf is not None, now=desk.clock())


@router.get("/{referral_id}")
def one(request: Request, who: Who, referral_id: Id) -> Response:
    """Show a bundle, or, until it is built, what is to be masked."""
    desk = desk_of(request)
    works = works_of(request)
    with desk.records.write() as session:
        line = room.line(session, who.person, referral_id)
        masks, stale = None, ""
        if (
            line.referral.state == "approved"
            and may(who.person, Action.EXPORT)
            and not works.busy(referral_id)
        ):
            try:
                ner = desk.shelf is not None and desk.shelf.ner
                masks = redaction.to_mask(session, desk.archive, who.person, referral_id, ner=ner)
            except ReviewError as error:
                stale = say(request, error.template, **error.values)
    failed = works.error(referral_id)
    said = say(request, failed.template, **failed.values) if failed else stale
    notice = bool(line.bundle) and desk.shelf is not None
    return page(
        request, "bundle.html", who, line=line, masks=masks, kinds=list(Kind), busy=works.busy(referral_id),
        error=said, ready=desk.shelf is not None, notice=notice, now=desk.clock(),
    )  # fmt: skip


@router.get("/{referral_id}/picture")
def picture(request: Request, who: Who, referral_id: Id) -> Response:
    """Show the picture of the page to the person who masks it."""
    return bundle_routes.picture(request, who, referral_id)


@router.post("/{referral_id}/masking")
def mask(request: Request, who: Who, referral_id: Id, form: Given) -> Response:
    """Confirm what is masked."""
    desk = desk_of(request)
    wish = redaction.Wish(
        str(form.get("evidence", "")), _marks(form), _boxes(str(form.get("boxes", ""))),
        form.get("images") == "on", str(form.get("original_reason", "")),
    )  # fmt: skip
    with desk.records.write() as session:
        redaction.confirm(session, who.person, referral_id, wish, desk.clock())
    return _to(referral_id)


@router.post("/{referral_id}/build")
def build(request: Request, who: Who, referral_id: Id) -> Response:
    """Begin to build; the page says how far it is."""
    works_of(request).start(who.person, referral_id)
    return _to(referral_id)


@router.get("/{referral_id}/file")
def file(request: Request, who: Who, referral_id: Id) -> FileResponse:
    """Give the bundle."""
    return bundle_routes.file(request, who, referral_id)


@router.post("/{referral_id}/receipt")
def receipt(request: Request, who: Who, referral_id: Id, words: Annotated[str, Form()] = "") -> Response:
    """Note the receipt."""
    bundle_routes.receipt(request, who, referral_id, bundle_routes.Receipt(receipt=words))
    return _to(referral_id)


@router.post("/{referral_id}/recall")
def call_back(request: Request, who: Who, referral_id: Id, reason: Annotated[str, Form()] = "") -> Response:
    """Recall the bundle."""
    bundle_routes.call_back(request, who, referral_id, bundle_routes.Reason(reason=reason))
    return _to(referral_id)


@router.get("/{referral_id}/recall")
def notice(request: Request, who: Who, referral_id: Id) -> FileResponse:
    """Give the notice of the recall."""
    return bundle_routes.notice(request, who, referral_id)


@router.post("/{referral_id}/timestamp")
def timestamp(request: Request, who: Who, referral_id: Id) -> Response:
    """Ask again for the dates that are owed."""
    desk = desk_of(request)
    room.date(desk.records, who.person, shelf_of(desk), desk.clock())
    return _to(referral_id)


def _marks(form: FormData) -> list[dict[str, Any]]:
    """Return what the form says of each text: what was proposed, then what a person wrote, a line each."""
    marks = []
    number = 0
    while (text := form.get(f"text-{number}")) is not None:
        keep = form.get(f"do-{number}") == "keep"
        why = str(form.get(f"why-{number}", "")) if keep else ""
        marks.append({"text": text, "kind": form.get(f"kind-{number}"), "keep": keep, "why": why})
        number += 1
    more = str(form.get("more", "")).splitlines()
    return marks + [{"text": line, "kind": "other", "keep": False, "why": ""} for line in more]


def _boxes(text: str) -> list[list[float]]:
    """Return the boxes of a field with four numbers a line; raises `BundleRefused` for another line."""
    boxes = []
    for row in filter(str.strip, text.splitlines()):
        try:
            box = [float(number) for number in row.replace(",", ".").split()]
        except ValueError:
            box = []
        if len(box) != 4:
            raise room.BundleRefused(why=f"ô che «{row.strip()}» phải là bốn số: trái, trên, rộng, cao.")
        boxes.append(box)
    return boxes


def _to(referral_id: int) -> Response:
    return RedirectResponse(f"/bundles/{referral_id}", 303)
