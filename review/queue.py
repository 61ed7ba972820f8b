"""The queue: which case comes next, and who holds it until when."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, or_, select, update
from sqlalchemy.orm import Session

from review import aside
from review.access import visible
from review.case import change_state, get, record
from review.errors import CaseTaken, KeptForAnother, LeaseLost, ReasonNeeded
from review.lanes import (
    ALL,
    ASIDE,
    ASSIGNED,
    DECIDED,
    ESCALATED,
    EVERYWHERE,
    MINE,
    Region,
    condition,
    for_person,
    held_by,
    kept_for_another,
    lanes,
    listing,
    provinces,
)
from review.permissions import Action, Person, may, require
from review.sla import UNCERTAIN
from store import audit
from store.queue_tables import Assignment
from store.tables import Activity, Case, User
from store.vocabulary import CaseState

# What a caller needs of lanes is had from here: the queue is one thing to those who work with it.
__all__ = [
    "ALL", "ASIDE", "ASSIGNED", "DECIDED", "ESCALATED", "EVERYWHERE", "LEASE", "MINE", "UNCERTAIN",
    "Lease", "Region", "expire", "held", "lanes", "lease", "lease_after", "lease_next", "listing",
    "provinces", "release", "renew", "skip",
]  # fmt: skip

LEASE = timedelta(minutes=10)
# From this severity on a case weighs on who reads it: fraud, false cures and hatred in the shipped policy.
SEVERE = 0.9
_SHIFT = timedelta(hours=8)


@dataclass(frozen=True)
class Lease:
    """What a person must show to decide: the case, its version, the token, and until when they hold."""

    case_id: int
    version: int
    token: str
    until: datetime


def lease_next(
    session: Session,
    person: Person,
    lane: str,
    at: datetime,
    region: Region = EVERYWHERE,
    severe_in_a_row: int = 0,
) -> Lease | None:
    """Lease the first free case of a lane that may be given to `person`; None when none is left.

    A case they already hold in the lane comes first: a reload of the page gives the same case again. What
    they put aside comes in the lane of that name alone. After `severe_in_a_row` severe cases (0: no matter
    how many) a milder one comes, where the lane has one.
    """
    require(person, Action.REVIEW)
    own = condition(lane, person, at, held_by(person, at), region)
    held = session.scalar(select(Case).where(own).limit(1))
    if held is not None:
        return _lease_of(held)
    expire(session, at)
    first = _first(person, lane, at, region)
    found = None
    if severe_in_a_row and _all_severe(session, person, severe_in_a_row, at):
        found = session.scalar(first.where(or_(Case.severity < SEVERE, Case.harm.is_(None))))
    if found is None:
        found = session.scalar(first)
    return _take(session, person, found, at) if found is not None else None


def lease_after(
    session: Session, person: Person, lane: str, at: datetime, after: int, region: Region = EVERYWHERE
) -> Lease | None:
    """Lease the free case that stands after case `after` in a lane, or the first one at the end of it.

    For looking on without deciding: nothing is put aside, so the case left behind comes again.
    """
    require(person, Action.REVIEW)
    expire(session, at)
    left = get(session, after)
    first = _first(person, lane, at, region).where(Case.id != after)
    behind = or_(Case.rank < left.rank, and_(Case.rank == left.rank, Case.id > after))
    found = session.scalar(first.where(behind)) or session.scalar(first)
    return _take(session, person, found, at) if found is not None else None


def lease(session: Session, person: Person, case_id: int, at: datetime) -> Lease:
    """Take one case, or renew one's own lease; raises `CaseTaken` when another has it or it is not queued.

    One that is kept for another is for them and for leads: raises `KeptForAnother`.
    """
    require(person, Action.REVIEW)
    case = get(session, case_id)
    if case.state == CaseState.LEASED and case.lease_user_id == person.id and _alive(case, at):
        return renew(session, person, case_id, case.lease_token or "", at)
    return _take(session, person, case, at)


def renew(session: Session, person: Person, case_id: int, token: str, at: datetime) -> Lease:
    """Hold a leased case longer; raises `LeaseLost`. Not a change of state, so it leaves no row."""
    case = held(session, person, case_id, token, at)
    case.lease_until = at + LEASE
    return _lease_of(case)


def release(session: Session, person: Person, case_id: int, token: str, at: datetime) -> None:
    """Give a leased case back to the queue; raises `LeaseLost`."""
    case = held(session, person, case_id, token, at)
    change_state(case, CaseState.QUEUED)
    record(session, case, person.actor, "released", at)


def skip(session: Session, person: Person, case_id: int, token: str, reason: str, at: datetime) -> None:
    """Give a case back with a reason; it does not come to this person again unless they ask for it.

    One that was kept for them is from then on for everybody.
    """
    if not reason.strip():
        raise ReasonNeeded()
    case = held(session, person, case_id, token, at)
    change_state(case, CaseState.QUEUED)
    aside.put(session, person.id, case_id, at)
    aside.unassign(session, case_id)
    record(session, case, person.actor, "skipped", at, reason.strip())


def expire(session: Session, at: datetime) -> int:
    """Queue every case whose lease ran out; return how many."""
    cases = session.scalars(
        select(Case)
        .where(Case.state == CaseState.LEASED, Case.lease_until <= at)
        .order_by(Case.id)
        .with_for_update(skip_locked=True)
    ).all()
    for case in cases:
        holder = case.lease_user_id
        change_state(case, CaseState.QUEUED)
        record(session, case, audit.SYSTEM, "expired", at, holder=holder)
    return len(cases)


def held(session: Session, person: Person, case_id: int, token: str, at: datetime) -> Case:
    """Return a case that `person` holds by `token` at this moment; raises `LeaseLost`."""
    require(person, Action.REVIEW)
    case = session.scalar(
        select(Case).where(Case.id == case_id).with_for_update().execution_options(populate_existing=True)
    )
    if (
        case is None
        or case.lease_user_id != person.id
        or not _alive(case, at)
        or not secrets.compare_digest((case.lease_token or "").encode(), token.encode())
    ):
        raise LeaseLost(case=case_id)
    return case


def _take(session: Session, person: Person, case: Case, at: datetime) -> Lease:
    _require_not_kept(session, person, case.id)
    expired_holder = case.lease_user_id
    taken = session.scalar(
        update(Case)
        .where(Case.id == case.id, _free(at), visible(person))
        .values(
            state=CaseState.LEASED, lease_user_id=person.id, lease_token=secrets.token_urlsafe(24),
            lease_until=at + LEASE,
        )
        .returning(Case),
        execution_options={"populate_existing": True},
    )  # fmt: skip
    if taken is None:
        raise CaseTaken(case=case.id)
    if expired_holder is not None:
        record(session, taken, audit.SYSTEM, "expired", at, holder=expired_holder)
    record(session, taken, person.actor, "leased", at)
    return _lease_of(taken)


def _alive(case: Case, at: datetime) -> bool:
    return case.lease_until is not None and case.lease_until > at


def _lease_of(case: Case) -> Lease:
    if case.lease_token is None or case.lease_until is None:
        raise LeaseLost(case=case.id)
    return Lease(case.id, case.version, case.lease_token, case.lease_until)


def _free(at: datetime) -> ColumnElement[bool]:
    return or_(Case.state == CaseState.QUEUED, and_(Case.state == CaseState.LEASED, Case.lease_until <= at))


def _first(person: Person, lane: str, at: datetime, region: Region) -> Select[Case]:
    """Return the query for the first case of a lane to give to `person`, past those being taken right now."""
    given = ~kept_for_another(person) if lane == ASIDE else for_person(person)
    query = select(Case).where(condition(lane, person, at, region=region), given)
    order = query.order_by(Case.rank.desc(), Case.id).limit(1)
    return order.with_for_update(skip_locked=True, of=Case)


def _all_severe(session: Session, person: Person, number: int, at: datetime) -> bool:
    """Say whether the last `number` cases that `person` took in this shift were all severe."""
    last = session.execute(
        select(Case.severity, Case.harm)
        .join(Activity, Activity.case_id == Case.id)
        .where(Activity.user_id == person.id, Activity.what == "leased", Activity.at > at - _SHIFT)
        .order_by(Activity.id.desc())
        .limit(number)
    ).all()
    return len(last) == number and all(row.severity >= SEVERE and row.harm is not None for row in last)


def _require_not_kept(session: Session, person: Person, case_id: int) -> None:
    kept = session.execute(
        select(User.id, User.name)
        .join(Assignment, Assignment.user_id == User.id)
        .where(Assignment.case_id == case_id, User.active)
    ).first()
    if kept is not None and kept.id != person.id and not may(person, Action.LEAD):
        raise KeptForAnother(case=case_id, person=kept.name)
