"""The JSON API of blind second reviews: its routes and what they answer."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from api.auth import Who, desk_of
from review import second_review
from store.second_review_tables import SecondReview
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


class BlindAnswer(BaseModel):
    """A text that waits for a second review: nothing of its case, its first decision or why it is asked."""

    id: int
    title: str
    text: str
    quotes: list[str]
    kind: str
    language: str
    seen: str

    @classmethod
    def of(cls, row: SecondReview) -> BlindAnswer:
        """Return the text of a review whose case and post are loaded."""
        post = row.case.post
        return cls(
            id=row.id, title=post.title, text=post.text, quotes=[str(quote) for quote in post.quotes],
            kind=post.kind, language=post.language, seen=row.content_hash,
        )  # fmt: skip


@router.get("")
def waiting(request: Request, who: Who) -> list[BlindAnswer]:
    """List the texts that wait for a second review by the asker."""
    with desk_of(request).records.read() as session:
        return [BlindAnswer.of(row) for row in second_review.waiting(session, who.person)]


@router.get("/{review_id}")
def blind(request: Request, who: Who, review_id: int) -> BlindAnswer:
    with desk_of(request).records.read() as session:
        return BlindAnswer.of(second_review.to_read(session, who.person, review_id))


@router.post("/{review_id}", status_code=204)
def answer(request: Request, who: Who, review_id: int, given: AnswerGiven) -> None:
    desk = desk_of(request)
    with desk.records.write() as session:
        second_review.answer(
            session, who.person, review_id, given.outcome, given.act, given.harms, given.reason, given.seen,
            desk.clock(),
        )  # fmt: skip
