"""The JSON API of what stands beside a case: copies, notes, the archived page, ready words, cases alike."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from api import frame, kept_pages, schemas, tickets, words
from api.auth import Who, desk_of
from api.bounds import Count, Id
from review import alike, copies, drafts, notes, opening
from store.vocabulary import CopyVerdict

router = APIRouter(prefix="/api/v1")


class Marking(BaseModel):
    """What is said of the copies whose text has this content hash; `verdict` null takes it back."""

    copy_hash: str
    verdict: CopyVerdict | None


class Copy(BaseModel):
    copy_hash: str


class SplitAnswer(BaseModel):
    case_id: int


class NewNote(BaseModel):
    text: str


class NoteAnswer(BaseModel):
    id: int
    who: str
    text: str
    at: datetime


class KeptAnswer(BaseModel):
    capture_id: int
    url: str
    at: datetime


class PageAnswer(BaseModel):
    capture_id: int
    url: str
    holds_seconds: int


class Opening(BaseModel):
    reason: str


class Chosen(BaseModel):
    case_id: Id
    version: Count
    seen: str


class Repeat(BaseModel):
    cases: Annotated[list[Chosen], Field(min_length=1, max_length=alike.MOST)]


class WaitingAnswer(BaseModel):
    case_id: int
    posts: int


@router.post("/cases/{case_id}/copies", status_code=204)
def mark_copies(request: Request, who: Who, case_id: Id, given: Marking) -> None:
    desk = desk_of(request)
    with desk.records.write() as session:
        copies.mark(session, who.person, case_id, given.copy_hash, given.verdict, desk.clock())


@router.post("/cases/{case_id}/split")
def split(request: Request, who: Who, case_id: Id, given: Copy) -> SplitAnswer:
    """Give the copies with one text a case of their own."""
    desk = desk_of(request)
    with desk.records.write() as session:
        return SplitAnswer(case_id=copies.split(session, who.person, case_id, given.copy_hash, desk.clock()))


@router.get("/copies")
def waiting_copies(request: Request, who: Who) -> list[WaitingAnswer]:
    """List decided cases with near copies that nobody has said anything of."""
    with desk_of(request).records.read() as session:
        found = copies.waiting(session, who.person)
        return [WaitingAnswer(case_id=case.id, posts=posts) for case, posts in found]


@router.get("/cases/{case_id}/notes")
def case_notes(request: Request, who: Who, case_id: Id) -> list[NoteAnswer]:
    with desk_of(request).records.read() as session:
        found = notes.of_case(session, who.person, case_id)
        return [NoteAnswer(id=note.id, who=note.user.name, text=note.text, at=note.at) for note in found]


@router.post("/cases/{case_id}/notes", status_code=201)
def add_note(request: Request, who: Who, case_id: Id, given: NewNote) -> None:
    desk = desk_of(request)
    with desk.records.write() as session:
        notes.add(session, who.person, case_id, given.text, desk.clock())


@router.get("/cases/{case_id}/pages")
def kept(request: Request, who: Who, case_id: Id) -> list[KeptAnswer]:
    """List the archived pages of a case's post, latest first."""
    with desk_of(request).records.read() as session:
        found = kept_pages.captures(session, who.person, case_id)
        return [KeptAnswer(capture_id=one.id, url=one.url, at=one.at) for one in found]


@router.post("/cases/{case_id}/open", status_code=204)
def open_originals(request: Request, who: Who, case_id: Id, given: Opening) -> None:
    """Say why the archived page and the picture of a case are to be seen; opens both for 15 minutes."""
    with desk_of(request).records.write() as session:
        opening.open_originals(session, who.person, case_id, given.reason)


@router.get("/cases/{case_id}/page")
def page(request: Request, who: Who, case_id: Id, capture: Id | None = None) -> PageAnswer:
    """Give the address of an archived page, the latest unless `capture` names one, for a frame of the desk.

    It is of another origin, holds for two minutes and for this session; showing it leaves an event.
    """
    with desk_of(request).records.read() as session:
        found = kept_pages.may_see(session, who.person, case_id, capture)
    url = frame.address(request, who, case_id, found.id, words.language_of(request))
    return PageAnswer(capture_id=found.id, url=url, holds_seconds=int(tickets.HOLDS.total_seconds()))


@router.get("/cases/{case_id}/draft", response_class=Response)
def draft(request: Request, who: Who, case_id: Id) -> Response:
    """Give the words ready to be sent: a correction, or a report to a platform; leaves an event."""
    with desk_of(request).records.write() as session:
        return _file(drafts.exported(session, who.person, case_id), "text/plain", f"ca-{case_id}.txt")


@router.get("/cases/{case_id}/claim-review", response_class=JSONResponse)
def review(request: Request, who: Who, case_id: Id) -> Response:
    """Give the correction of a case as ClaimReview, JSON-LD; leaves an event."""
    with desk_of(request).records.write() as session:
        made: dict[str, Any] = drafts.exported_review(session, who.person, case_id)
    return JSONResponse(made, media_type="application/ld+json", headers=_saved_as(f"ca-{case_id}.jsonld"))


@router.get("/cases/{case_id}/alike")
def cases_alike(request: Request, who: Who, case_id: Id) -> list[schemas.QueueRow]:
    """List free cases that say the same, to be decided as this one was."""
    desk = desk_of(request)
    with desk.records.read() as session:
        at = desk.clock()
        found = alike.candidates(session, who.person, case_id, at)
        return [schemas.QueueRow.of(case, desk.clocks, at) for case in found]


@router.post("/cases/{case_id}/alike")
def decide_alike(request: Request, who: Who, case_id: Id, given: Repeat) -> list[schemas.DecisionAnswer]:
    """Decide each case named as this one was, all or none."""
    desk = desk_of(request)
    chosen = [alike.Seen(one.case_id, one.version, one.seen) for one in given.cases]
    with desk.records.write() as session:
        made = alike.decide_like(session, who.person, case_id, chosen, desk.clock())
        return [schemas.DecisionAnswer.model_validate(one) for one in made]


def _file(text: str, media_type: str, name: str) -> Response:
    return Response(text, media_type=media_type, headers=_saved_as(name))


def _saved_as(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
