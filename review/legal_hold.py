"""Legal holds: a lead keeps a case or a post past its term, with a reason, and lifts it with another."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from review.errors import NoSuchHold, NothingToHold, ReasonNeeded
from review.permissions import Action, Person, may, require
from store import audit
from store.records import lock
from store.retention_tables import LegalHold
from store.tables import Case, Post

Subject = Literal["case", "post"]


def place(
    session: Session, person: Person, subject: Subject, number: int, reason: str, at: datetime
) -> LegalHold:
    """Hold a case or a post, with all its copies and captures; holding it twice changes nothing.

    Raises `ReasonNeeded`, and `NothingToHold` for what is not there or was purged.
    """
    require(person, Action.LEAD)
    if not reason.strip():
        raise ReasonNeeded()
    # A purge takes this lock too: what is held when it begins is held to its end.
    lock(session, "accept")
    of_case = select(Post.purged_at).join(Case, Case.post_id == Post.id).where(Case.id == number)
    of_post = select(Post.purged_at).where(Post.id == number)
    row = session.execute(of_case if subject == "case" else of_post).first()
    if row is None or row.purged_at is not None:
        raise NothingToHold(number=number)
    column = LegalHold.case_id if subject == "case" else LegalHold.post_id
    stands = session.scalar(select(LegalHold).where(column == number, LegalHold.lifted_at.is_(None)))
    if stands is not None:
        return stands
    made = LegalHold(reason=reason.strip(), by_id=person.id, at=at, lifted_why="")
    made.case_id, made.post_id = (number, None) if subject == "case" else (None, number)
    session.add(made)
    session.flush()
    audit.append(
        session, person.actor, "hold.placed", f"{subject}:{number}", hold=made.id, reason=made.reason
    )
    return made


def lift(session: Session, person: Person, hold_id: int, reason: str, at: datetime) -> None:
    """Lift a hold; what its term is over of goes with the next purge. Raises `ReasonNeeded`, `NoSuchHold`."""
    require(person, Action.LEAD)
    if not reason.strip():
        raise ReasonNeeded()
    held = session.scalar(select(LegalHold).where(LegalHold.id == hold_id).with_for_update())
    if held is None or held.lifted_at is not None:
        raise NoSuchHold(hold=hold_id)
    held.lifted_by, held.lifted_at, held.lifted_why = person.id, at, reason.strip()
    subject = f"case:{held.case_id}" if held.case_id is not None else f"post:{held.post_id}"
    audit.append(session, person.actor, "hold.lifted", subject, hold=held.id, reason=held.lifted_why)


def standing(session: Session, person: Person) -> Sequence[LegalHold]:
    """Return the holds that stand, oldest first, for lead and auditor."""
    require(person, Action.LEAD if may(person, Action.LEAD) else Action.AUDIT)
    return session.scalars(
        select(LegalHold)
        .where(LegalHold.lifted_at.is_(None))
        .options(joinedload(LegalHold.by))
        .order_by(LegalHold.id)
    ).all()
