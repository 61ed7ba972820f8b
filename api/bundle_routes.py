"""The JSON API of evidence bundles."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from api import bundles as room
from api import redaction
from api.auth import Who, desk_of
from api.bounds import Id
from api.bundle_work import shelf_of, works_of
from store.bundle_tables import BundleStamp

router = APIRouter(prefix="/api/v1/bundles")


class StampAnswer(BaseModel):
    """A date that a bundle has, or is owed: `waiting` until its authority answers."""

    authority: str
    state: str
    attempts: int
    error: str
    stamped_at: datetime | None

    @classmethod
    def of(cls, row: BundleStamp) -> StampAnswer:
        names = ("authority", "state", "attempts", "error", "stamped_at")
        return cls(**{name: getattr(row, name) for name in names})


class BundleAnswer(BaseModel):
    """A referral with its bundle. `manifest_sha256` is the SHA-256 of its SHA256SUMS."""

    referral: int
    case: int
    referral_state: str
    legal_basis: str
    expires_at: datetime | None
    state: str | None
    name: str | None
    manifest_sha256: str | None
    size: int | None
    built_at: datetime | None
    done: int
    total: int
    building: bool
    error: str
    receipt: str | None
    stamps: list[StampAnswer]


class MarkGiven(BaseModel):
    text: str = Field(max_length=redaction.MOST_LETTERS)
    kind: str = "other"
    keep: bool = False
    why: str = ""


class Masking(BaseModel):
    """What is to be masked; `evidence` is the hash that `GET …/masking` gave."""

    evidence: str
    marks: list[MarkGiven] = Field(max_length=redaction.MOST_MARKS)
    boxes: list[list[float]] = Field(default=[], max_length=redaction.MOST_BOXES)
    images: bool = False
    original_reason: str = ""


class MaskingAnswer(BaseModel):
    evidence: str
    text: str
    picture: bool
    proposals: list[dict[str, Any]]
    confirmed: dict[str, Any] | None


class Receipt(BaseModel):
    receipt: str


class Reason(BaseModel):
    reason: str


def answer(request: Request, line: room.Line) -> BundleAnswer:
    """Return a line as it is answered."""
    referral, bundle, works = line.referral, line.bundle, works_of(request)
    error = works.error(referral.id)
    return BundleAnswer(
        referral=referral.id, case=referral.case_id, referral_state=referral.state,
        legal_basis=referral.legal_basis, expires_at=referral.expires_at, receipt=referral.receipt,
        state=bundle.state if bundle else None, name=bundle.name if bundle else None,
        manifest_sha256=bundle.manifest_sha256 if bundle else None, size=bundle.size if bundle else None,
        built_at=bundle.built_at if bundle else None, done=bundle.done if bundle else 0,
        total=bundle.total if bundle else 0, building=works.busy(referral.id),
        error=str(error) if error else "", stamps=[StampAnswer.of(one) for one in line.stamps],
    )  # fmt: skip


@router.get("")
def listing(request: Request, who: Who) -> list[BundleAnswer]:
    """Give the referrals that were approved, with their bundles."""
    with desk_of(request).records.read() as session:
        return [answer(request, line) for line in room.listing(session, who.person)]


@router.get("/{referral_id}")
def one(request: Request, who: Who, referral_id: Id) -> BundleAnswer:
    with desk_of(request).records.read() as session:
        return answer(request, room.line(session, who.person, referral_id))


@router.get("/{referral_id}/masking")
def masking(request: Request, who: Who, referral_id: Id, reason: str = "") -> MaskingAnswer:
    """Give what is proposed to be masked and what was confirmed last; an event says who saw it and why.

    While the referral is approved it is the reason; later `reason` must be given.
    """
    desk = desk_of(request)
    with desk.records.write() as session:
        found = redaction.to_mask(session, desk.archive, who.person, referral_id, reason=reason)
    latest = found.confirmed
    said = {"marks": latest.marks, "boxes": latest.boxes, "images": latest.images} if latest else None
    return MaskingAnswer(
        evidence=found.referral.evidence_sha256, text=found.evidence["post"]["text"], picture=found.picture,
        proposals=[vars(one) for one in found.proposals], confirmed=said,
    )  # fmt: skip


@router.post("/{referral_id}/masking", status_code=204)
def mask(request: Request, who: Who, referral_id: Id, given: Masking) -> None:
    """Confirm what is masked; what is kept open needs a reason."""
    desk = desk_of(request)
    marks = [mark.model_dump() for mark in given.marks]
    wish = redaction.Wish(given.evidence, marks, given.boxes, given.images, given.original_reason)
    with desk.records.write() as session:
        redaction.confirm(session, who.person, referral_id, wish, desk.clock())


@router.get("/{referral_id}/picture", response_class=Response)
def picture(request: Request, who: Who, referral_id: Id, reason: str = "") -> Response:
    """Give the picture of the page, unmasked; an event says who saw it and why, as for what is masked."""
    desk = desk_of(request)
    with desk.records.write() as session:
        shown = redaction.picture(session, desk.archive, who.person, referral_id, reason)
    return Response(shown, media_type="image/png")


@router.post("/{referral_id}/build", status_code=202)
def build(request: Request, who: Who, referral_id: Id) -> None:
    """Begin to build the bundle; `GET` of the bundle says how far it is."""
    works_of(request).start(who.person, referral_id)


@router.get("/{referral_id}/file", response_class=FileResponse)
def file(request: Request, who: Who, referral_id: Id) -> FileResponse:
    """Give the bundle; an event says that it was taken away."""
    desk = desk_of(request)
    with desk.records.write() as session:
        path = room.file_of(session, who.person, referral_id, shelf_of(desk).folder)
    return FileResponse(path, media_type="application/zip", filename=path.name)


@router.post("/{referral_id}/receipt", status_code=204)
def receipt(request: Request, who: Who, referral_id: Id, given: Receipt) -> None:
    desk = desk_of(request)
    with desk.records.write() as session:
        room.receipt(session, who.person, referral_id, given.receipt, desk.clock())


@router.post("/{referral_id}/recall", status_code=204)
def call_back(request: Request, who: Who, referral_id: Id, given: Reason) -> None:
    """Recall the bundle, and write the signed notice."""
    desk = desk_of(request)
    room.call_back(desk.records, who.person, referral_id, given.reason, shelf_of(desk), desk.clock())


@router.get("/{referral_id}/recall", response_class=FileResponse)
def notice(request: Request, who: Who, referral_id: Id) -> FileResponse:
    """Give the signed notice of a recall."""
    desk = desk_of(request)
    with desk.records.write() as session:
        path = room.recall_file(session, who.person, referral_id, shelf_of(desk).folder)
    return FileResponse(path, media_type="application/zip", filename=path.name)


@router.post("/timestamp")
def timestamp(request: Request, who: Who) -> dict[str, int]:
    """Ask again for every date that is owed; say how many came and how many are still owed."""
    desk = desk_of(request)
    return room.date(desk.records, who.person, shelf_of(desk), desk.clock())
