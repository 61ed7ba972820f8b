"""One person's reading of a text, whether it decided the case or was asked for afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import models
from review import learning
from review.errors import NoSuchLabel, ReasonNeeded
from store.quality_tables import GoldenAnswer
from store.second_review_tables import SecondReview
from store.tables import Activity, Case, Decision, Post, Revision
from store.vocabulary import Outcome


@dataclass(frozen=True)
class Reading:
    """What a person found: an outcome, the speech act and the harms they named (label keys), and why.

    A decision names an act only of protected speech; its harm is the one under which the case was shown.
    """

    outcome: Outcome
    act: str | None = None
    harms: Sequence[str] = ()
    reason: str = ""

    def check(self) -> None:
        """Raise `NoSuchLabel` or `ReasonNeeded` unless it can be kept as an answer."""
        scheme = models.labels()
        named = ([] if self.act in scheme.acts else [str(self.act)]) + sorted({*self.harms} - {*scheme.harms})
        if named:
            raise NoSuchLabel(label=", ".join(named))
        if not self.reason.strip():
            raise ReasonNeeded()

    def to_json(self) -> dict[str, Any]:
        """Return the reading as it is kept with an adjudication."""
        return asdict(self) | {"harms": list(self.harms)}


def of_decision(decision: Decision) -> Reading:
    """Return the reading that a decision was."""
    outcome = Outcome(decision.outcome)
    harms = (
        (learning.shown_harm(decision.snapshot["assessment"]),) if learning.TEACHES[outcome].harmful else ()
    )
    return Reading(outcome, decision.act, harms, decision.reason)


def of_answer(answer: SecondReview | GoldenAnswer) -> Reading:
    """Return the reading of an answered second review, or of an answer to a case with a known answer."""
    return Reading(Outcome(str(answer.outcome)), answer.act, tuple(answer.harms), answer.reason)


# What a person may have done with a case without having said, or been told, what it is.
_INNOCENT = ("leased", "released", "skipped")


def who_know(session: Session, case_id: int) -> set[int]:
    """Return the users who said something of a case, or acted on what was said: they do not read it blind."""
    found = session.scalars(
        select(Activity.user_id)
        .where(Activity.case_id == case_id, Activity.user_id.is_not(None), Activity.what.not_in(_INNOCENT))
        .distinct()
    )
    return {user_id for user_id in found if user_id is not None}


def text_read(session: Session, case: Case, content_hash: str) -> str:
    """Return the text of a case that has `content_hash`, even if edited since; "" when it is gone."""
    found = session.scalar(
        select(Revision.text)
        .join(Post, Post.id == Revision.post_id)
        .where(Post.cluster_id == case.cluster_id, Revision.content_hash == content_hash)
        .limit(1)
    )
    return found or ""
