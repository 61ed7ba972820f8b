"""Cases with a known answer: marked by a lead, shown again to others unmarked, and what they answered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, exists, func, or_, select, true
from sqlalchemy.orm import Session, joinedload

from review import dispute
from review.errors import CaseChanged, NoSuchAdjudication, NoSuchGolden, NotSettled, ReasonNeeded
from review.permissions import Action, Person, require
from review.reading import Reading, who_know
from store import audit
from store.quality_tables import Adjudication, Golden, GoldenAnswer
from store.tables import Case, Post
from store.vocabulary import Dispute


def mark(session: Session, person: Person, adjudication_id: int, at: datetime) -> Golden:
    """Keep what a lead settled as a known answer; marking twice is marking once.

    Raises `NoSuchAdjudication`, and `NotSettled` while it waits, when it was about a known answer itself, or
    when the text was edited since.
    """
    require(person, Action.LEAD)
    row = session.get(Adjudication, adjudication_id)
    if row is None:
        raise NoSuchAdjudication(adjudication=adjudication_id)
    marked = session.scalar(select(Golden).where(Golden.adjudication_id == row.id))
    if marked is not None:
        return marked
    case = session.get_one(Case, row.case_id)
    if row.outcome is None or row.why == Dispute.GOLDEN or case.content_hash != row.content_hash:
        raise NotSettled()
    golden = Golden(
        adjudication_id=row.id, case_id=row.case_id, content_hash=row.content_hash, outcome=row.outcome,
        marked_by=person.id, marked_at=at,
    )  # fmt: skip
    session.add(golden)
    session.flush()
    audit.append(
        session, person.actor, "golden.marked", f"golden:{golden.id}", case=row.case_id, outcome=row.outcome,
        adjudication=row.id,
    )  # fmt: skip
    return golden


def retire(session: Session, person: Person, golden_id: int, reason: str, at: datetime) -> None:
    """Show a case with a known answer to nobody any more; raises `NoSuchGolden` or `ReasonNeeded`."""
    require(person, Action.LEAD)
    if not reason.strip():
        raise ReasonNeeded()
    golden = session.get(Golden, golden_id)
    if golden is None or golden.retired_at is not None:
        raise NoSuchGolden(golden=golden_id)
    golden.retired_by, golden.retired_at, golden.retired_why = person.id, at, reason.strip()
    audit.append(session, person.actor, "golden.retired", f"golden:{golden.id}", reason=reason.strip())


def listing(session: Session, person: Person) -> Sequence[tuple[Golden, int, int]]:
    """Return the known answers, newest first, each with how many answered and how many were right."""
    require(person, Action.LEAD)
    right = func.count(GoldenAnswer.id).filter(GoldenAnswer.outcome == Golden.outcome)
    rows = session.execute(
        select(Golden, func.count(GoldenAnswer.answered_at), right)
        .outerjoin(GoldenAnswer, GoldenAnswer.golden_id == Golden.id)
        .options(joinedload(Golden.case).joinedload(Case.post))
        .group_by(Golden.id)
        .order_by(Golden.retired_at.is_not(None), Golden.id.desc())
    )
    return [(row[0], row[1], row[2]) for row in rows]


def assign(session: Session, user_id: int, at: datetime) -> GoldenAnswer | None:
    """Ask a user to read the known case that was asked least, of those new to them; None: there is none."""
    asked = exists().where(GoldenAnswer.golden_id == Golden.id, GoldenAnswer.user_id == user_id)
    settled = or_(
        Adjudication.first_id == user_id, Adjudication.second_id == user_id, Adjudication.lead_id == user_id
    )
    times = select(func.count()).where(GoldenAnswer.golden_id == Golden.id).scalar_subquery()
    found = session.scalars(
        select(Golden)
        .join(Adjudication, Adjudication.id == Golden.adjudication_id)
        .join(Case, Case.id == Golden.case_id)
        .where(
            Golden.retired_at.is_(None), Case.content_hash == Golden.content_hash, ~asked,
            settled.is_not(True), Golden.marked_by != user_id,
        )
        .order_by(times, Golden.id)
    )  # fmt: skip
    golden = next((one for one in found if user_id not in who_know(session, one.case_id)), None)
    if golden is None:
        return None
    made = GoldenAnswer(golden_id=golden.id, user_id=user_id, asked_at=at)
    session.add(made)
    session.flush()
    audit.append(session, audit.SYSTEM, "golden.asked", f"golden_answer:{made.id}", user=user_id)
    return made


def waiting(session: Session, person: Person, case_id: int | None = None) -> Sequence[GoldenAnswer]:
    """Return the known cases that wait for an answer of `person`, with case, post and source loaded.

    With `case_id` that case alone.
    """
    require(person, Action.REVIEW)
    shown = joinedload(GoldenAnswer.golden).joinedload(Golden.case)
    return session.scalars(
        unanswered(person, case_id)
        .options(shown.joinedload(Case.post).joinedload(Post.source))
        .order_by(GoldenAnswer.asked_at, GoldenAnswer.id)
    ).all()


def unanswered(person: Person, case_id: int | None = None) -> Select[GoldenAnswer]:
    """Return the query for what `waiting` gives."""
    return (
        select(GoldenAnswer)
        .join(Golden, Golden.id == GoldenAnswer.golden_id)
        .join(Case, Case.id == Golden.case_id)
        .where(
            GoldenAnswer.user_id == person.id, GoldenAnswer.answered_at.is_(None),
            Golden.retired_at.is_(None), Case.content_hash == Golden.content_hash,
            Case.id == case_id if case_id is not None else true(),
        )
    )  # fmt: skip


def answer(
    session: Session, person: Person, asked: GoldenAnswer, reading: Reading, seen: str, at: datetime
) -> None:
    """Keep what `person` answered; nothing else comes of it but, where it is another, an adjudication.

    Raises `CaseChanged` unless `seen` is the text that is known, and what `Reading.check` raises.
    """
    reading.check()
    golden = asked.golden
    text_now = session.scalar(select(Post.content_hash).where(Post.id == golden.case.post_id))
    if not golden.content_hash == golden.case.content_hash == text_now == seen:
        raise CaseChanged(case=golden.case_id)
    asked.outcome, asked.act, asked.harms = reading.outcome, reading.act, list(reading.harms)
    asked.reason, asked.answered_at = reading.reason.strip(), at
    session.flush()
    audit.append(
        session, person.actor, "golden.answered", f"golden_answer:{asked.id}", outcome=asked.outcome,
        act=asked.act, harms=asked.harms, said=asked.reason,
    )  # fmt: skip
    dispute.compare_golden(session, asked, at)
