"""Blind second reviews: asked for, waiting for somebody who may answer, and answered once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Select, exists, select, true
from sqlalchemy.orm import Session, joinedload

import models
from review import dispute, grounds
from review.case import record
from review.errors import (
    AlreadyAnswered,
    CaseChanged,
    NoSuchLabel,
    NoSuchSecondReview,
    NotBlind,
    ReasonNeeded,
)
from review.permissions import Action, Person, require
from store import audit
from store.second_review_tables import SecondReview, SecondReviewBar
from store.tables import Case, Post
from store.vocabulary import HARMFUL, Outcome, SecondReviewWhy


def ask(
    session: Session, case: Case, why: SecondReviewWhy, not_by: Iterable[int], at: datetime
) -> SecondReview:
    """Ask for a blind review of what `case` shows, by anyone but the users `not_by`; return it.

    One that waits for the same is returned, with those users barred from it too.
    """
    found = session.scalar(
        select(SecondReview)
        .where(
            SecondReview.case_id == case.id,
            SecondReview.content_hash == case.content_hash,
            SecondReview.why == why,
            SecondReview.answered_at.is_(None),
        )
        .with_for_update()
    )
    if found is None:
        found = SecondReview(case_id=case.id, content_hash=case.content_hash, why=why, asked_at=at)
        session.add(found)
        session.flush()
        # No activity row: the log of a case is for everybody, and would tell why.
        audit.append(
            session, audit.SYSTEM, "second_review.asked", f"second_review:{found.id}", case=case.id, why=why
        )
    barred = set(
        session.scalars(select(SecondReviewBar.user_id).where(SecondReviewBar.review_id == found.id))
    )
    session.add_all(SecondReviewBar(review_id=found.id, user_id=one) for one in sorted({*not_by} - barred))
    session.flush()
    return found


def waiting(session: Session, person: Person, case_id: int | None = None) -> Sequence[SecondReview]:
    """Return what `person` may answer, oldest first, with case, post and source loaded; one query.

    With `case_id` of that case alone. What was asked of a text that has been edited since waits for nobody.
    """
    require(person, Action.REVIEW)
    return session.scalars(
        unanswered(person, case_id)
        .options(joinedload(SecondReview.case).joinedload(Case.post).joinedload(Post.source))
        .order_by(SecondReview.asked_at, SecondReview.id)
    ).all()


def unanswered(person: Person, case_id: int | None = None) -> Select[SecondReview]:
    """Return the query for what `waiting` gives."""
    barred = exists().where(
        SecondReviewBar.review_id == SecondReview.id, SecondReviewBar.user_id == person.id
    )
    return (
        select(SecondReview)
        .join(Case, Case.id == SecondReview.case_id)
        .where(SecondReview.answered_at.is_(None), SecondReview.content_hash == Case.content_hash, ~barred)
        .where(Case.id == case_id if case_id is not None else true())
    )


def answer(
    session: Session,
    person: Person,
    review_id: int,
    outcome: Outcome,
    act: str,
    harms: Iterable[str],
    reason: str,
    seen: str,
    at: datetime,
) -> SecondReview:
    """Record what `person` found, on exactly the text whose content hash is `seen`; return the review.

    Raises `NotBlind` for who is barred, `AlreadyAnswered`, `CaseChanged`, `NoSuchLabel`, `ReasonNeeded`.
    """
    review, case = _to_answer(session, person, review_id)
    named = list(dict.fromkeys(harms))
    scheme = models.labels()
    if unknown := [*({act} - {*scheme.acts}), *sorted({*named} - {*scheme.harms})]:
        raise NoSuchLabel(label=", ".join(unknown))
    if not reason.strip():
        raise ReasonNeeded()
    text_now = session.scalar(select(Post.content_hash).where(Post.id == case.post_id))
    if not review.content_hash == case.content_hash == text_now == seen:
        raise CaseChanged(case=case.id)
    in_force = grounds.in_force(session)
    review.reviewer_id = person.id
    review.outcome, review.act, review.harms = outcome, act, named
    review.protected = outcome == Outcome.PROTECTED or act in scheme.protected
    review.policy = in_force.policy
    review.grounds = in_force.of(named) if outcome in HARMFUL and not review.protected else []
    review.reason = reason.strip()
    review.answered_at = at
    session.flush()
    # The log of the case says that it was answered, the answer is in the audit log.
    record(
        session, case, person.actor, "second_reviewed", at, review=review.id, outcome=outcome, act=act,
        harms=named, protected=review.protected, said=review.reason,
    )  # fmt: skip
    dispute.compare(session, review, at)
    return review


def to_read(session: Session, person: Person, review_id: int) -> SecondReview:
    """Return a review that `person` may answer, with case, post and source loaded.

    Raises `NoSuchSecondReview`, `NotBlind`, `AlreadyAnswered`.
    """
    require(person, Action.REVIEW)
    review = session.scalar(
        select(SecondReview)
        .where(SecondReview.id == review_id)
        .options(joinedload(SecondReview.case).joinedload(Case.post).joinedload(Post.source))
    )
    if review is None:
        raise NoSuchSecondReview(review=review_id)
    if session.get(SecondReviewBar, (review_id, person.id)) is not None:
        raise NotBlind()
    if review.answered_at is not None:
        raise AlreadyAnswered()
    return review


def _to_answer(session: Session, person: Person, review_id: int) -> tuple[SecondReview, Case]:
    """Return a review and its case, both locked: the case first, as whoever asks for a review does."""
    case_id = to_read(session, person, review_id).case_id
    case = session.scalars(
        select(Case).where(Case.id == case_id).with_for_update().execution_options(populate_existing=True)
    ).one()
    review = session.scalars(
        select(SecondReview)
        .where(SecondReview.id == review_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if review.answered_at is not None:
        raise AlreadyAnswered()
    return review, case


def standing(session: Session, case_id: int, content_hash: str) -> SecondReview | None:
    """Return the latest answered review of one text of a case, whatever it was asked for."""
    return standing_of(session, [case_id]).get((case_id, content_hash))


def standing_of(session: Session, case_ids: Iterable[int]) -> dict[tuple[int, str], SecondReview]:
    """Return the latest answered review of each text of some cases, by case and content hash; one query."""
    answered = session.scalars(
        select(SecondReview)
        .where(SecondReview.case_id.in_(case_ids), SecondReview.answered_at.is_not(None))
        .options(joinedload(SecondReview.reviewer))
        .order_by(SecondReview.answered_at, SecondReview.id)
    )
    return {(row.case_id, row.content_hash): row for row in answered}
