"""Why the text of a case scores as it does, worked out when somebody asks, and the examples nearest to it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from threading import Lock
from typing import TypeVar

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.auth import Who
from api.bounds import Id
from api.desk import Desk
from classifier.examples import Example, Examples, Near
from classifier.explain import Explanation, Moved, explain
from classifier.model import Span
from review import export
from review.access import visible
from review.errors import NoSuchCase
from review.export import Wanted
from review.permissions import Action, Person, require
from store.tables import Assessment, Case, Decision, Post
from store.text import normalise
from store.vocabulary import CaseState

router = APIRouter(prefix="/api/v1")

KEPT = 256
# The newest agreed texts of this installation, and how many cases are read to find them.
OWN, READ = 500, 2_000
REFRESHED = timedelta(minutes=10)


class Piece(BaseModel):
    """Characters `start` to `end` of the text; `weight` is 1 for the strongest of the score."""

    start: int
    end: int
    text: str
    weight: float


class Score(BaseModel):
    """What moved one score up and down; see `classifier.explain.Moved`."""

    head: str
    label: str
    probability: float
    up: list[Piece]
    down: list[Piece]


class NearAnswer(BaseModel):
    """A labelled text like this one. `case_id` is that of one decided here; the others were written."""

    id: str
    text: str
    act: str
    harms: list[str]
    function: str
    case_id: int | None
    similarity: float


class ExplanationAnswer(BaseModel):
    """Why the text of a case scores as it does. `judged_by` is the model that scored it when it came."""

    case_id: int
    content_hash: str
    model: str
    judged_by: str
    start: int
    end: int
    length: int
    variants: int
    scores: list[Score]
    harmful: list[NearAnswer]
    harmless: list[NearAnswer]


K = TypeVar("K")
V = TypeVar("V")
_Nearest = tuple[list[Near], list[Near]]


@dataclass
class Explanations:
    """Explanations of one installation: each text once for each model.

    The examples decided here are read anew when decisions were made, but not more than every ten minutes.
    """

    desk: Desk
    _kept: OrderedDict[tuple[str, str], Explanation] = field(default_factory=OrderedDict)
    _near: OrderedDict[tuple[str, int], _Nearest] = field(default_factory=OrderedDict)
    _examples: tuple[datetime, tuple[int, ...], Examples] | None = None
    # One at a time: an explanation takes a processor for a moment, and two of one text are one.
    _lock: Lock = field(default_factory=Lock)

    def of_case(self, person: Person, case_id: int) -> ExplanationAnswer:
        """Return the explanation of the text that a case shows; raises `NotAllowed`, `NoSuchCase`."""
        require(person, Action.READ)
        with self.desk.records.read() as session:
            row = session.execute(
                select(Post.text, Post.content_hash, Assessment.model)
                .select_from(Case)
                .join(Post, Post.id == Case.post_id)
                .outerjoin(Assessment, Assessment.id == Post.assessment_id)
                .where(Case.id == case_id, visible(person))
            ).first()
            if row is None:
                raise NoSuchCase(case=case_id)
            text = normalise(row.text)
            with self._lock:
                found = self._explained(text, row.content_hash)
                harmful, harmless = self._nearest(session, case_id, text, row.content_hash)
        return ExplanationAnswer(
            case_id=case_id,
            content_hash=row.content_hash,
            model=found.model,
            judged_by=row.model or "",
            start=found.start,
            end=found.end,
            length=len(text),
            variants=found.variants,
            scores=[_score(moved, text) for moved in found.heads],
            harmful=[_near(near) for near in harmful],
            harmless=[_near(near) for near in harmless],
        )

    def _explained(self, text: str, content_hash: str) -> Explanation:
        key = (content_hash, self.desk.model.name)
        if key not in self._kept:
            self._kept[key] = explain(text, self.desk.model)
        _keep_newest(self._kept, key)
        return self._kept[key]

    def _nearest(self, session: Session, case_id: int, text: str, content_hash: str) -> _Nearest:
        at, now = self.desk.clock(), _decided_now(session)
        if self._examples is None or (self._examples[1] != now and at - self._examples[0] >= REFRESHED):
            model, cache = self.desk.model, self.desk.cache
            self._examples = (at, now, Examples.of(model, lambda: own_examples(session), cache))
            self._near.clear()
        key = (content_hash, case_id)
        if key not in self._near:
            self._near[key] = self._examples[2].nearest(text, without_case=case_id)
        _keep_newest(self._near, key)
        return self._near[key]


def own_examples(session: Session, most: int = OWN, read: int = READ) -> Iterator[Example]:
    """Yield the newest texts on whose decisions people agree, at most `most` of the newest `read` cases."""
    cases = islice(export.decided(session, Wanted(), newest_first=True), read)
    rows = ((case_id, row) for case_id, texts in cases for text in texts if (row := text.row) is not None)
    for case_id, row in islice(rows, most):
        yield Example(row["id"], row["text"], row["act"], tuple(row["harm"]), case=case_id)


def _decided_now(session: Session) -> tuple[int, ...]:
    """Return numbers that change whenever a decision is made, taken back, or opened again."""
    row = session.execute(
        select(
            select(func.coalesce(func.max(Decision.id), 0)).scalar_subquery(),
            select(func.count()).where(Decision.undone_at.is_not(None)).scalar_subquery(),
            select(func.count()).where(Case.state == CaseState.DECIDED).scalar_subquery(),
        )
    ).one()
    return tuple(row)


def _keep_newest(kept: OrderedDict[K, V], key: K) -> None:
    kept.move_to_end(key)
    while len(kept) > KEPT:
        kept.popitem(last=False)


def _score(moved: Moved, text: str) -> Score:
    def pieces(spans: Sequence[Span]) -> list[Piece]:
        return [Piece(start=s.start, end=s.end, text=text[s.start : s.end], weight=s.weight) for s in spans]

    return Score(
        head=moved.head,
        label=moved.label,
        probability=moved.probability,
        up=pieces(moved.up),
        down=pieces(moved.down),
    )


def _near(near: Near) -> NearAnswer:
    example = near.example
    return NearAnswer(
        id=example.id,
        text=example.text,
        act=example.act,
        harms=list(example.harms),
        function=example.function,
        case_id=example.case,
        similarity=near.similarity,
    )


@router.get("/cases/{case_id}/explanation")
def explanation(request: Request, who: Who, case_id: Id) -> ExplanationAnswer:
    """Give why the text of a case scores as it does, and the labelled texts nearest to it."""
    found: Explanations = request.app.state.explanations
    return found.of_case(who.person, case_id)
