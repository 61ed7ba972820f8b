"""Cases kept for one person: a lead assigns them, or who holds one hands it over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload

from review import aside, queue
from review.case import change_state, record
from review.errors import CaseTaken, NotAReviewer
from review.permissions import MAY, Action, Person, require
from store.queue_tables import Assignment, PutAside
from store.tables import Case, User
from store.vocabulary import CaseState, Role


def people(session: Session, person: Person) -> Sequence[User]:
    """Return those to whom a case can be given, by name; `person` is not among them."""
    require(person, Action.READ)
    roles = [role for role, allowed in MAY.items() if Action.REVIEW in allowed]
    return session.scalars(
        select(User).where(User.active, User.role.in_(roles), User.id != person.id).order_by(User.name)
    ).all()


def of_cases(session: Session, case_ids: Sequence[int]) -> dict[int, Assignment]:
    """Return for whom some cases are kept, with the names."""
    rows = session.scalars(
        select(Assignment).where(Assignment.case_id.in_(case_ids)).options(joinedload(Assignment.user))
    )
    return {row.case_id: row for row in rows}


def assign(session: Session, person: Person, case_id: int, to: int | None, note: str, at: datetime) -> None:
    """Keep a queued case for user `to`, or for nobody where it is None; for leads, also for themselves.

    Raises `CaseTaken` for a case that is not queued, `NotAReviewer`.
    """
    require(person, Action.LEAD)
    case = session.scalar(select(Case).where(Case.id == case_id).with_for_update())
    if case is None or case.state != CaseState.QUEUED:
        raise CaseTaken(case=case_id)
    if to is None:
        aside.unassign(session, case_id)
        record(session, case, person.actor, "unassigned", at, note.strip())
        return
    _keep(session, person, case, to, note, at)
    record(session, case, person.actor, "assigned", at, note.strip(), to=to)


def hand_over(
    session: Session, person: Person, case_id: int, token: str, to: int, note: str, at: datetime
) -> None:
    """Give a case that one holds to another person; raises `LeaseLost`, `NotAReviewer`."""
    case = queue.held(session, person, case_id, token, at)
    if to == person.id:
        raise NotAReviewer()
    change_state(case, CaseState.QUEUED)
    _keep(session, person, case, to, note, at)
    record(session, case, person.actor, "handed_over", at, note.strip(), to=to)


def _keep(session: Session, person: Person, case: Case, to: int, note: str, at: datetime) -> None:
    user = session.get(User, to)
    if user is None or not user.active or Action.REVIEW not in MAY[Role(user.role)]:
        raise NotAReviewer()
    # Whoever is given a case by a person gets it, although they put it aside before.
    session.execute(delete(PutAside).where(PutAside.user_id == to, PutAside.case_id == case.id))
    session.merge(Assignment(case_id=case.id, user_id=to, by_id=person.id, note=note.strip(), at=at))
