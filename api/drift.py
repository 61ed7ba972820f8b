"""The drift report: how the posts of each week differ from those of the first weeks, or of training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Query, Request
from numpy.typing import NDArray
from pydantic import BaseModel
from sqlalchemy.orm import Session

from api.auth import Who
from api.desk import Desk
from classifier import drift
from classifier.drift import LEAST, Level, Token
from classifier.load import folder_of
from review import weeks as reading
from review.errors import ReviewError
from review.permissions import Action, Person, require
from review.weeks import Week

router = APIRouter(prefix="/api/v1")

WEEKS, MOST_WEEKS = 12, 104
REFERENCE_WEEKS = 4
# Texts of a week whose words are compared: the first of its sample, which is in the order of its lots.
WORDS = 1_000
KEPT_FOR = timedelta(minutes=15)

Against = Literal["weeks", "training"]
# Why a week has no comparison of scores: it is the reference, has no posts or too few, another model judged
# it, or there is nothing to compare with.
State = Literal["compared", "reference", "empty", "few", "model", "alone"]


class Rose(BaseModel):
    """A word that became more frequent, with its share of all words now and in the reference."""

    word: str
    share: float
    before: float


class Words(BaseModel):
    """How the words differ, in bits, and the share of words new; each with what chance would make of it."""

    js: float
    js_by_chance: float
    beyond_chance: bool
    unknown: float
    unknown_by_chance: float
    rose: list[Rose]


class WeekDrift(BaseModel):
    """One week. Shares and the mean are of all its posts, quantiles of the `sampled` ones."""

    week: str
    start: date
    full: bool
    posts: int
    flagged: float | None = None
    uncertain: float | None = None
    protected: float | None = None
    mean: float | None = None
    quantiles: dict[str, float] = {}
    sampled: int
    models: dict[str, int]
    policies: dict[str, int]
    model_changed: bool
    policy_changed: bool
    state: State
    compared: int = 0
    psi: float | None = None
    psi_by_chance: float | None = None
    js: float | None = None
    level: Level | None = None
    words: Words | None = None


class DriftReport(BaseModel):
    """The weeks, oldest first. `reference` are the weeks that are compared with, by their ISO names."""

    at: datetime
    against: Against
    model: str
    reference: list[str]
    reference_scores: int
    weeks: list[WeekDrift]

    @property
    def latest(self) -> WeekDrift | None:
        """The last week whose scores could be compared."""
        return next((week for week in reversed(self.weeks) if week.level is not None), None)


@dataclass(frozen=True)
class _Reference:
    """What weeks are compared with: scores, words, and the weeks that these are of."""

    weeks: Sequence[date]
    scores: Sequence[float] | NDArray[np.float64]
    words: Sequence[Sequence[Token]]


def report(
    session: Session, at: datetime, weeks: int = WEEKS, training: NDArray[np.float64] | None = None
) -> DriftReport:
    """Return how the last `weeks` weeks differ from the first full weeks that the present model judged.

    With `training`, scores are compared with these instead. Only posts that the present model judged are
    compared by score; words do not depend on the model. Reads every post of the weeks once, and the texts of
    at most 1,000 a week.
    """
    last = reading.week_of(at)
    seen = reading.read(session, last - timedelta(weeks=weeks - 1), last)
    model = next((week.model for week in reversed(seen) if week.posts), "")
    reference = _reference(session, model, last, seen, training)
    told: list[WeekDrift] = []
    before: Week | None = None
    for week in seen:
        told.append(_week(session, week, last, model, before, reference, trained=training is not None))
        before = week if week.posts else before
    return DriftReport(
        at=at,
        against="weeks" if training is None else "training",
        model=model,
        reference=[Week(monday).label for monday in reference.weeks],
        reference_scores=len(reference.scores),
        weeks=told,
    )


def _reference(
    session: Session, model: str, last: date, seen: Sequence[Week], training: NDArray[np.float64] | None
) -> _Reference:
    """Take the first full weeks of the model: up to four, and never more than half of those there are."""
    began = reading.first_week(session, model)
    full = (last - began).days // 7 - 1 if began is not None else 0
    if began is None or full < 1:
        return _Reference((), training if training is not None else (), ())
    first = began + timedelta(weeks=1)
    end = first + timedelta(weeks=min(REFERENCE_WEEKS, max(1, full // 2)) - 1)
    chosen = [week for week in seen if first <= week.start <= end]
    if len(chosen) < (end - first).days // 7 + 1:
        chosen = reading.read(session, first, end)
    scores = [one.harmful for week in chosen for one in week.sample if one.model == model]
    share = WORDS // len(chosen)
    words = [text for week in chosen for text in _words(session, week, share)]
    return _Reference([week.start for week in chosen], scores if training is None else training, words)


def _words(session: Session, week: Week, most: int) -> Iterator[list[Token]]:
    for text in reading.texts(session, [one.post for one in week.sample[:most]]):
        yield drift.tokens(text)


def _week(
    session: Session,
    week: Week,
    last: date,
    model: str,
    before: Week | None,
    reference: _Reference,
    *,
    trained: bool,
) -> WeekDrift:
    told = WeekDrift(
        week=week.label,
        start=week.start,
        full=week.start < last,
        posts=week.posts,
        sampled=len(week.sample),
        models=dict(week.models),
        policies=dict(week.policies),
        model_changed=before is not None and week.posts > 0 and week.model != before.model,
        policy_changed=before is not None and week.posts > 0 and week.policy != before.policy,
        state="empty",
    )
    if not week.posts:
        return told
    told.flagged, told.uncertain, told.protected, told.mean = (
        round(number / week.posts, 6)
        for number in (week.flagged, week.uncertain, week.protected, week.harmful)
    )
    sampled = [one.harmful for one in week.sample]
    told.quantiles = {f"{q:g}": round(float(np.quantile(sampled, q)), 6) for q in (0.1, 0.5, 0.9, 0.99)}
    in_reference = week.start in reference.weeks
    scores = [one.harmful for one in week.sample if one.model == model]
    told.compared = len(scores)
    told.state = _state(week, model, len(scores), reference, in_reference=in_reference and not trained)
    if told.state == "compared":
        shift = drift.score_shift(scores, list(reference.scores))
        told.psi, told.psi_by_chance = round(shift.psi, 6), round(shift.psi_by_chance, 6)
        told.js, told.level = round(shift.js, 6), shift.level
    if not in_reference and min(len(week.sample), len(reference.words)) >= LEAST:
        found = drift.word_shift(list(_words(session, week, WORDS)), reference.words)
        told.words = Words.model_validate(found, from_attributes=True) if found else None
    return told


def _state(week: Week, model: str, scores: int, reference: _Reference, *, in_reference: bool) -> State:
    if in_reference:
        return "reference"
    if scores < LEAST:
        return "few" if week.model == model else "model"
    return "compared" if len(reference.scores) >= LEAST else "alone"


class NoTrainingScores(ReviewError):
    template = "Thư mục mô hình {folder} không có điểm huấn luyện (oof.npz): so với các tuần đầu."


def training_scores(folder: Path | None) -> NDArray[np.float64]:
    """Return P(harmful) of a model's training posts; `folder` is None for the shipped one.

    Raises `NoTrainingScores`.
    """
    place = folder_of(folder)
    found = drift.training_scores(place)
    if found is None:
        raise NoTrainingScores(folder=place)
    return found


@dataclass
class Drift:
    """Reports for the lead, each kept for a quarter of an hour: one reads every post of its weeks."""

    desk: Desk
    _kept: dict[tuple[int, Against], DriftReport] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def report(self, person: Person, weeks: int, against: Against) -> DriftReport:
        """Return the report; raises `NotAllowed` and `NoTrainingScores`."""
        require(person, Action.LEAD)
        training = training_scores(self.desk.model_folder) if against == "training" else None
        with self._lock:
            at = self.desk.clock()
            kept = self._kept.get((weeks, against))
            if kept is None or not timedelta(0) <= at - kept.at < KEPT_FOR:
                with self.desk.records.read() as session:
                    kept = self._kept[weeks, against] = report(session, at, weeks, training)
            return kept


@router.get("/drift")
def drift_report(
    request: Request,
    who: Who,
    weeks: Annotated[int, Query(ge=2, le=MOST_WEEKS)] = WEEKS,
    against: Against = "weeks",
) -> DriftReport:
    """Give how the posts of each week differ from those before (lead)."""
    found: Drift = request.app.state.drift
    return found.report(who.person, weeks, against)
