"""Notes of reviewers on a case: for each other alone, in no export, no snapshot and no search."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from review import blind
from review.case import get
from review.errors import ReviewError
from review.permissions import Action, Person, require
from store import audit
from store.case_tables import Note

LONGEST = 2000


class EmptyNote(ReviewError):
    template = "Hãy viết ghi chú, nhiều nhất {longest} ký tự."


def add(session: Session, person: Person, case_id: int, text: str, at: datetime) -> Note:
    """Keep a note; the audit event says that there is one, not what it says. Raises `EmptyNote`."""
    require(person, Action.REVIEW)
    text = text.strip()
    if not 0 < len(text) <= LONGEST:
        raise EmptyNote(longest=LONGEST)
    note = Note(case_id=get(session, case_id).id, user_id=person.id, text=text, at=at)
    session.add(note)
    session.flush()
    audit.append(session, person.actor, "note.added", f"case:{case_id}", note=note.id)
    return note


def of_case(session: Session, person: Person, case_id: int) -> Sequence[Note]:
    """Return the notes on a case, oldest first, to who reviews; none to who is to read it blind."""
    require(person, Action.REVIEW)
    return () if blind.awaits(session, person, case_id) else written(session, case_id)


def written(session: Session, case_id: int) -> Sequence[Note]:
    """Return the notes on a case, oldest first; whether they may be read is for the caller to know."""
    return session.scalars(
        select(Note).where(Note.case_id == case_id).options(joinedload(Note.user)).order_by(Note.id)
    ).all()
