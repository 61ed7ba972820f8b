"""The queue: which case comes next, and who holds it until when."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, true, update
from sqlalchemy.orm import Session, joinedload

from review.access import visible
from review.case import change_state, get, record
from review.errors import CaseTaken, LeaseLost, ReasonNeeded
from review.permissions import Action, Person, require
from store import audit
from store.place_tables import PostPlace
from store.tables import Activity, Case, Post
from store.vocabulary import CaseState

LEASE = timedelta(minutes=10)
SKIPPED_FOR = timedelta(hours=8)

ALL, UNCERTAIN, MINE, ESCALATED, DECIDED = "all", "uncertain", "mine", "escalated", "decided"


@dataclass(frozen=True)
class Region:
    """Whose cases are looked at: those with a post that names a place of `provinces` (two digits, of today).

    With `placeless` also those that name no place. Neither of the two: all cases. What a text names, never
    where its author is.
    """

    provinces: tuple[str, ...] = ()
    placeless: bool = False


EVERYWHERE = Region()


@dataclass(frozen=True)
class Lease:
    """What a person must show to decide: the case, its version, the token, and until when they hold."""

    case_id: int
    version: int
    token: str
    until: datetime


def lanes(session: Session, person: Person, at: datetime, region: Region = EVERYWHERE) -> dict[str, int]:
    """Return how many cases wait in each lane: all, every harm that has some, uncertain, mine, escalated.

    What one holds is counted wherever it is.
    """
    require(person, Action.READ)
    counted = {ALL: 0, UNCERTAIN: 0, MINE: 0, ESCALATED: 0}
    rows = session.execute(
        select(Case.harm, Case.uncertain, func.count())
        .where(_free(at), _within(region), visible(person))
        .group_by(Case.harm, Case.uncertain)
    )
    for harm, uncertain, number in rows:
        counted[ALL] += number
        lane = UNCERTAIN if uncertain or harm is None else harm
        counted[lane] = counted.get(lane, 0) + number
    counted[MINE] = _count(session, _held_by(person, at))
    counted[ESCALATED] = _count(session, _lane(ESCALATED, person, at, region=region))
    return counted


def provinces(session: Session, person: Person, lane: str, at: datetime) -> dict[str, int]:
    """Return how many cases of a lane name a place of each province, most first."""
    require(person, Action.READ)
    number = func.count(Case.id.distinct())
    rows = session.execute(
        select(PostPlace.province, number)
        .join(Case, Case.cluster_id == PostPlace.cluster_id)
        .where(_lane(lane, person, at))
        .group_by(PostPlace.province)
        .order_by(number.desc(), PostPlace.province)
    )
    return {row[0]: row[1] for row in rows}


def listing(
    session: Session,
    person: Person,
    lane: str,
    at: datetime,
    offset: int = 0,
    limit: int = 50,
    region: Region = EVERYWHERE,
) -> Sequence[Case]:
    """Return the cases of a lane, first to review first, with post, source and assessment loaded."""
    require(person, Action.READ)
    order = Case.decided_at.desc() if lane == DECIDED else Case.priority.desc()
    # One query brings all that a row shows; so nobody needs a query a row.
    shown = joinedload(Case.post)
    query = select(Case).options(shown.joinedload(Post.source), shown.joinedload(Post.assessment))
    return session.scalars(
        query.where(_lane(lane, person, at, region=region))
        .order_by(order, Case.id)
        .offset(offset)
        .limit(limit)
    ).all()


def lease_next(
    session: Session, person: Person, lane: str, at: datetime, region: Region = EVERYWHERE
) -> Lease | None:
    """Lease the first free case of a lane that `person` did not skip lately; None when none is left.

    A case they already hold in the lane comes first: a reload of the page gives the same case again.
    """
    require(person, Action.REVIEW)
    held = session.scalar(select(Case).where(_lane(lane, person, at, _held_by(person, at), region)).limit(1))
    if held is not None:
        return _lease_of(held)
    skipped = select(Activity.case_id).where(
        Activity.user_id == person.id, Activity.what == "skipped", Activity.at > at - SKIPPED_FOR
    )
    found = session.scalar(
        select(Case.id)
        .where(_lane(lane, person, at, region=region), Case.id.not_in(skipped))
        .order_by(Case.priority.desc(), Case.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return lease(session, person, found, at) if found is not None else None


def lease_after(
    session: Session, person: Person, lane: str, at: datetime, after: int, region: Region = EVERYWHERE
) -> Lease | None:
    """Lease the free case that stands after case `after` in a lane, or the first one at the end of it.

    For looking on without deciding: nothing is skipped, so the case left behind comes again.
    """
    require(person, Action.REVIEW)
    left = get(session, after)
    free = (_lane(lane, person, at, _free(at), region), Case.id != after)
    behind = or_(Case.priority < left.priority, and_(Case.priority == left.priority, Case.id > after))
    order = (Case.priority.desc(), Case.id)
    found = session.scalar(select(Case.id).where(*free, behind).order_by(*order).limit(1))
    if found is None:
        found = session.scalar(select(Case.id).where(*free).order_by(*order).limit(1))
    return lease(session, person, found, at) if found is not None else None


def lease(session: Session, person: Person, case_id: int, at: datetime) -> Lease:
    """Take one case, or renew one's own lease; raises `CaseTaken` when another has it or it is not queued."""
    require(person, Action.REVIEW)
    case = get(session, case_id)
    if case.state == CaseState.LEASED and case.lease_user_id == person.id and _alive(case, at):
        return renew(session, person, case_id, case.lease_token or "", at)
    expired_holder = case.lease_user_id
    token = secrets.token_urlsafe(24)
    taken = session.execute(
        update(Case)
        .where(Case.id == case_id, _free(at), visible(person))
        .values(state=CaseState.LEASED, lease_user_id=person.id, lease_token=token, lease_until=at + LEASE)
        .returning(Case.id)
    ).first()
    if taken is None:
        raise CaseTaken(case=case_id)
    case = get(session, case_id)
    if expired_holder is not None:
        record(session, case, audit.SYSTEM, "expired", at, holder=expired_holder)
    record(session, case, person.actor, "leased", at)
    return _lease_of(case)


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
    """Give a case back with a reason; it does not come to this person again for 8 hours."""
    if not reason.strip():
        raise ReasonNeeded()
    case = held(session, person, case_id, token, at)
    change_state(case, CaseState.QUEUED)
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


def _alive(case: Case, at: datetime) -> bool:
    return case.lease_until is not None and case.lease_until > at


def _lease_of(case: Case) -> Lease:
    if case.lease_token is None or case.lease_until is None:
        raise LeaseLost(case=case.id)
    return Lease(case.id, case.version, case.lease_token, case.lease_until)


def _free(at: datetime) -> ColumnElement[bool]:
    return or_(Case.state == CaseState.QUEUED, and_(Case.state == CaseState.LEASED, Case.lease_until <= at))


def _held_by(person: Person, at: datetime) -> ColumnElement[bool]:
    return and_(Case.state == CaseState.LEASED, Case.lease_user_id == person.id, Case.lease_until > at)


def _lane(
    lane: str,
    person: Person,
    at: datetime,
    state: ColumnElement[bool] | None = None,
    region: Region = EVERYWHERE,
) -> ColumnElement[bool]:
    """Return the condition of a lane; `state` says which of its cases: the free ones when not given.

    What one holds is in its lane wherever it is. Cases that `person` may not see are in none.
    """
    if lane == MINE:
        return _held_by(person, at)
    if lane in {ESCALATED, DECIDED}:
        return and_(Case.state == lane, _within(region), visible(person))
    state = and_(_free(at) if state is None else state, _within(region), visible(person))
    if lane == ALL:
        return state
    return and_(state, or_(Case.uncertain, Case.harm.is_(None)) if lane == UNCERTAIN else Case.harm == lane)


def _within(region: Region) -> ColumnElement[bool]:
    if region == EVERYWHERE:
        return true()
    named = exists().where(PostPlace.cluster_id == Case.cluster_id)
    wanted = [~named] if region.placeless else []
    if region.provinces:
        wanted.append(named.where(PostPlace.province.in_(region.provinces)))
    return or_(*wanted)


def _count(session: Session, where: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(Case).where(where)) or 0
