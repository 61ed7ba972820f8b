"""Adjudication: a lead who gave neither reading sees both side by side, without names, and settles it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from review import case as cases
from review import complaint, decision, queue, reading
from review.decision import Verdict
from review.errors import AlreadyAnswered, NoSuchAdjudication, NotBlind
from review.permissions import Action, Person, require
from store import audit
from store.complaint_tables import Complaint
from store.quality_tables import Adjudication, Golden, GoldenAnswer
from store.tables import Case, Decision, Post
from store.vocabulary import HARMFUL, CaseState, ComplaintState, Dispute, Outcome


@dataclass(frozen=True)
class Side:
    """One of two readings. `name` is who gave it, "" until it is settled and where it is nobody's."""

    reading: dict[str, Any]
    name: str


@dataclass(frozen=True)
class Disputed:
    """An adjudication with the text as it was read and both readings, in an order that tells nothing."""

    row: Adjudication
    text: str
    sides: tuple[Side, Side]
    edited: bool
    complaints: Sequence[str]
    golden: Golden | None


def listing(
    session: Session, person: Person, *, settled: bool = False, limit: int = 100
) -> Sequence[Adjudication]:
    """Return what waits for a lead, oldest first, without what `person` has read; or the latest settled."""
    require(person, Action.LEAD)
    query = select(Adjudication).options(
        joinedload(Adjudication.case).joinedload(Case.post).joinedload(Post.source),
        joinedload(Adjudication.lead),
    )
    if settled:
        query = query.where(Adjudication.settled_at.is_not(None)).order_by(Adjudication.settled_at.desc())
    else:
        mine = or_(Adjudication.first_id == person.id, Adjudication.second_id == person.id)
        query = query.where(Adjudication.settled_at.is_(None), mine.is_not(True)).order_by(Adjudication.id)
    return session.scalars(query.limit(limit)).all()


def load(session: Session, person: Person, number: int) -> Disputed:
    """Return one; raises `NoSuchAdjudication`, and `NotBlind` for who read it, until it is settled."""
    require(person, Action.LEAD)
    row = session.scalar(
        select(Adjudication)
        .where(Adjudication.id == number)
        .options(
            joinedload(Adjudication.case).joinedload(Case.post).joinedload(Post.source),
            joinedload(Adjudication.first_reader),
            joinedload(Adjudication.second_reader),
            joinedload(Adjudication.lead),
        )
    )
    if row is None:
        raise NoSuchAdjudication(adjudication=number)
    if row.settled_at is None and person.id in {row.first_id, row.second_id}:
        raise NotBlind()
    shown = row.settled_at is not None
    first = Side(_told(row.first), row.first_reader.name if shown and row.first_reader else "")
    second = Side(_told(row.second), row.second_reader.name if shown else "")
    return Disputed(
        row=row,
        text=reading.text_read(session, row.case, row.content_hash),
        sides=(second, first) if _swapped(row) else (first, second),
        edited=row.case.content_hash != row.content_hash,
        complaints=session.scalars(
            select(Complaint.said).where(Complaint.review_id == _review(row)).order_by(Complaint.id)
        ).all(),
        golden=session.scalar(select(Golden).where(Golden.adjudication_id == row.id)),
    )


def settle(session: Session, person: Person, number: int, verdict: Verdict, at: datetime) -> Adjudication:
    """Settle which outcome is right, with a reason, and see to what follows from it.

    A decision that stands on the same text with another outcome is replaced by one of the lead; complaints
    that wait for this are closed; a known answer that proved wrong is used no more. Raises
    `NoSuchAdjudication`, `NotBlind`, `AlreadyAnswered`, `CaseChanged`, and what `Verdict.check` raises.
    """
    require(person, Action.LEAD)
    verdict.check()
    row = session.scalar(
        select(Adjudication)
        .where(Adjudication.id == number)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise NoSuchAdjudication(adjudication=number)
    if row.settled_at is not None:
        raise AlreadyAnswered()
    if person.id in {row.first_id, row.second_id}:
        raise NotBlind()
    row.lead_id, row.outcome, row.reason, row.settled_at = (
        person.id,
        verdict.outcome,
        verdict.reason.strip(),
        at,
    )
    session.flush()
    told = {"adjudication": row.id, "outcome": row.outcome, "why": row.why}
    if row.why == Dispute.GOLDEN:
        # Not in the log of the case: it would tell others that this one has a known answer.
        audit.append(
            session, person.actor, "golden.adjudicated", f"case:{row.case_id}", reason=row.reason, **told
        )
        _doubt_golden(session, person, row, at)
        return row
    case = cases.get(session, row.case_id)
    cases.record(session, case, person.actor, "adjudicated", at, row.reason, **told)
    _decide_anew(session, person, case, row, verdict, at)
    _close_complaints(session, person, row, at)
    return row


def _decide_anew(
    session: Session, person: Person, case: Case, row: Adjudication, verdict: Verdict, at: datetime
) -> None:
    if case.state != CaseState.DECIDED or case.content_hash != row.content_hash:
        return
    stands = session.scalars(
        select(Decision)
        .where(Decision.case_id == case.id, Decision.undone_at.is_(None))
        .order_by(Decision.id.desc())
        .limit(1)
    ).one()
    if stands.outcome == verdict.outcome:
        return
    decision.reopen(session, person, case.id, row.reason, at)
    session.flush()
    lease = queue.lease(session, person, case.id, at)
    decision.decide(session, person, case.id, lease.version, lease.token, row.content_hash, verdict, at)


def _close_complaints(session: Session, person: Person, row: Adjudication, at: datetime) -> None:
    waiting = session.scalars(
        select(Complaint)
        .where(Complaint.review_id == _review(row), Complaint.state == ComplaintState.DISPUTED)
        .options(joinedload(Complaint.decision))
        .order_by(Complaint.id)
    ).all()
    for one in waiting:
        same = one.decision.outcome == row.outcome
        target = ComplaintState.UPHELD if same else ComplaintState.CHANGED
        complaint.close(session, one, target, row.reason, person.actor, at)


def _doubt_golden(session: Session, person: Person, row: Adjudication, at: datetime) -> None:
    answer = session.get_one(GoldenAnswer, int(row.about.rpartition(":")[2]))
    golden = session.get_one(Golden, answer.golden_id)
    if golden.outcome != row.outcome and golden.retired_at is None:
        golden.retired_by, golden.retired_at, golden.retired_why = person.id, at, row.reason


def _told(reading: dict[str, Any]) -> dict[str, Any]:
    """Return what every reading of its outcome says: else the act would tell a review from a decision."""
    outcome = Outcome(reading["outcome"])
    return {
        "outcome": outcome,
        "act": reading["act"] if outcome == Outcome.PROTECTED else None,
        "harms": reading["harms"] if outcome in HARMFUL else [],
        "reason": reading["reason"],
    }


def _review(row: Adjudication) -> int | None:
    kind, _, number = row.about.partition(":")
    return int(number) if kind == "second_review" else None


def _swapped(row: Adjudication) -> bool:
    """Say which reading stands first: the same each time, but nobody can tell the first from the second."""
    return hashlib.sha256(f"{row.about}:{row.content_hash}".encode()).digest()[0] % 2 == 1
