"""The JSON API of the knowledge base: its routes and what they answer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from api import claims as room
from api import views
from api.auth import Who, desk_of
from api.paging import Pages
from store.claim_tables import ClaimVersion
from store.claims import Wanted

router = APIRouter(prefix="/api/v1/claims")


class Source(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    url: str | None = None
    date: str | None = None


class Given(BaseModel):
    """What may be said of a claim; what is left out of an edit stays as it is."""

    model_config = ConfigDict(extra="forbid")

    claim: str | None = None
    paraphrases: list[str] | None = None
    language: str | None = None
    english: str | None = None
    harm: str | None = None
    verdict: str | None = None
    correction: str | None = None
    source: Source | None = None
    note: str | None = None
    valid_from: str | None = None
    valid_until: str | None = None
    reason: str = ""

    def row(self) -> dict[str, Any]:
        """Return the row for `Facts.from_row`, only of what was given."""
        return self.model_dump(exclude_none=True, exclude={"reason", "id"})


class New(Given):
    id: str


class Reason(BaseModel):
    reason: str = ""


class ClaimAnswer(BaseModel):
    """One version of a claim."""

    id: str
    version: int
    claim: str
    paraphrases: list[str]
    language: str
    english: str
    harm: str
    verdict: str
    correction: str
    source: dict[str, str | None]
    note: str
    valid_from: date | None
    valid_until: date | None
    retired: bool
    reason: str
    by: str
    at: datetime

    @classmethod
    def of(cls, row: ClaimVersion, names: dict[str, str]) -> ClaimAnswer:
        """Return a version; `names` are of people by actor."""
        return cls(
            id=row.claim_id, version=row.version, claim=row.wording, paraphrases=list(row.paraphrases),
            language=row.language, english=row.english, harm=row.harm, verdict=row.verdict,
            correction=row.correction, note=row.note, valid_from=row.valid_from, valid_until=row.valid_until,
            source={"name": row.source_name, "url": row.source_url, "date": row.source_date},
            retired=row.retired, reason=row.reason, by=names.get(row.by, row.by), at=row.at,
        )  # fmt: skip


class ClaimsAnswer(BaseModel):
    claims: list[ClaimAnswer]
    total: int


class OneClaimAnswer(BaseModel):
    """A claim as it is, and all versions of it, newest first."""

    claim: ClaimAnswer
    versions: list[ClaimAnswer]


class RefusedAnswer(BaseModel):
    line: int
    reason: str


class BroughtAnswer(BaseModel):
    new: int
    updated: int
    unchanged: int
    refused: list[RefusedAnswer]


class Import(BaseModel):
    """`text` is that of a file; `harm` stands for reviews that name none."""

    text: str
    harm: str = ""


class Asked(BaseModel):
    """A question for claims as it stands in a URL."""

    q: Annotated[str, Query(max_length=500)] = ""
    harm: str = ""
    verdict: str = ""
    state: Literal["used", "retired", "all"] = "used"

    def wanted(self) -> Wanted:
        """Return the question for the records."""
        retired = {"used": False, "retired": True, "all": None}[self.state]
        return Wanted(self.q, self.harm, self.verdict, retired)


@router.get("")
def listing(request: Request, who: Who, paged: Pages, asked: Annotated[Asked, Query()]) -> ClaimsAnswer:
    with desk_of(request).records.read() as session:
        found, total = room.found(session, who.person, asked.wanted(), paged.offset, paged.more)
        rows = paged.by_offset(found)
        names = views.names(session, {row.by for row in rows})
    return ClaimsAnswer(claims=[ClaimAnswer.of(row, names) for row in rows], total=total)


@router.post("", status_code=201)
def add_claim(request: Request, who: Who, given: New) -> None:
    with desk_of(request).records.write() as session:
        room.add(session, who.person, {"id": given.id, **given.row()}, given.reason)


@router.get("/export", response_class=Response)
def export(request: Request, who: Who) -> Response:
    """Give every claim in use as ClaimReview, JSON-LD."""
    with desk_of(request).records.read() as session:
        return Response(room.exported(session, who.person), media_type="application/ld+json")


@router.post("/import")
def import_claims(request: Request, who: Who, given: Import) -> BroughtAnswer:
    """Take in JSON lines or ClaimReview; a row that is refused is named, and the others are taken."""
    brought = room.bring(desk_of(request), who.person, given.text, given.harm)
    refused = [RefusedAnswer(line=one.line, reason=one.reason) for one in brought.refused]
    return BroughtAnswer(
        new=brought.new, updated=brought.updated, unchanged=brought.unchanged, refused=refused
    )


@router.get("/{claim_id}")
def one(request: Request, who: Who, claim_id: str) -> OneClaimAnswer:
    with desk_of(request).records.read() as session:
        rows = room.versions(session, who.person, claim_id)
        names = views.names(session, {row.by for row in rows})
    answers = [ClaimAnswer.of(row, names) for row in rows]
    return OneClaimAnswer(claim=answers[0], versions=answers)


@router.post("/{claim_id}")
def edit_claim(request: Request, who: Who, claim_id: str, given: Given) -> dict[str, str]:
    """Make a new version, other in what is given; say whether there is one."""
    with desk_of(request).records.write() as session:
        return {"taken": room.edit(session, who.person, claim_id, given.row(), given.reason)}


@router.post("/{claim_id}/retire")
def retire_claim(request: Request, who: Who, claim_id: str, given: Reason) -> None:
    with desk_of(request).records.write() as session:
        room.retire(session, who.person, claim_id, given.reason, retired=True)


@router.post("/{claim_id}/restore")
def restore_claim(request: Request, who: Who, claim_id: str, given: Reason) -> None:
    with desk_of(request).records.write() as session:
        room.retire(session, who.person, claim_id, given.reason, retired=False)
