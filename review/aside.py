"""What is not given to a person again unless they ask for it: cases they skipped, or decided before."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Select, delete, select
from sqlalchemy.orm import Session

from review.permissions import Person
from store.queue_tables import Assignment, PutAside
from store.tables import Case, Decision


def put(session: Session, user_id: int, case_id: int, at: datetime) -> None:
    """Put a case aside for a person; once is enough."""
    session.merge(PutAside(user_id=user_id, case_id=case_id, at=at))


def forget(session: Session, case_id: int) -> None:
    """Let a case come to everybody again, for its text is another one."""
    session.execute(delete(PutAside).where(PutAside.case_id == case_id))


def reopened(session: Session, case_id: int, at: datetime) -> None:
    """Let a case that is reopened come to others than those who decided it, whoever it was assigned to."""
    unassign(session, case_id)
    deciders = select(Decision.user_id).where(Decision.case_id == case_id, Decision.undone_at.is_(None))
    for user_id in session.scalars(deciders.distinct()).all():
        put(session, user_id, case_id, at)


def unassign(session: Session, case_id: int) -> None:
    """Let a case be kept for nobody."""
    session.execute(delete(Assignment).where(Assignment.case_id == case_id))


def by(person: Person) -> ColumnElement[bool]:
    """Return the condition that `person` put a case aside."""
    # They are few among many cases: the database takes their list once, and asks nothing a case.
    return Case.id.in_(ids(person))


def ids(person: Person) -> Select[int]:
    """Return the query for the cases that `person` put aside."""
    return select(PutAside.case_id).where(PutAside.user_id == person.id)
