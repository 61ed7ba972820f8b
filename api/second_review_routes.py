"""The JSON API of blind second reviews, known cases among them: its routes and what they answer."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from api.auth import Who, desk_of
from api.bounds import Id
from review import blind
from review.blind import Unread
from review.reading import Reading
from store.vocabulary import Outcome

router = APIRouter(prefix="/api/v1/second-reviews")


class AnswerGiven(BaseModel):
    """What a second review found on the text whose content hash is `seen`."""

    model_config = ConfigDict(extra="forbid")

    outcome: Outcome
    act: str
    harms: list[str] = []
    reason: Annotated[str, Field(max_length=4000)]
    seen: str

    def reading(self) -> Reading:
        """Return what was found."""
        return Reading(self.outcome, self.act, tuple(self.harms), self.reason)


class BlindAnswer(BaseModel):
    """A text that waits for a second review, by its case; nothing of what was decided or why it is asked."""

    id: int
    title: str
    text: str
    quotes: list[str]
    kind: str
    language: str
    seen: str

    @classmethod
    def of(cls, row: Unread) -> BlindAnswer:
        """Return the text of a case whose post is loaded."""
        post = row.case.post
        return cls(
            id=row.case.id, title=post.title, text=post.text, quotes=[str(quote) for quote in post.quotes],
            kind=post.kind, language=post.language, seen=row.case.content_hash,
        )  # fmt: skip


@router.get("")
def waiting(request: Request, who: Who) -> list[BlindAnswer]:
    """List the texts that wait for a second review by the asker."""
    with desk_of(request).records.read() as session:
        return [BlindAnswer.of(row) for row in blind.waiting(session, who.person)]


@router.get("/{case_id}")
def to_read(request: Request, who: Who, case_id: Id) -> BlindAnswer:
    with desk_of(request).records.read() as session:
        return BlindAnswer.of(blind.to_read(session, who.person, case_id))


@router.post("/{case_id}", status_code=204)
def answer(request: Request, who: Who, case_id: Id, given: AnswerGiven) -> None:
    desk = desk_of(request)
    with desk.records.write() as session:
        blind.answer(session, who.person, case_id, given.reading(), given.seen, desk.clock())
