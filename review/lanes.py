"""The lanes of the queue: which cases each holds for a person, how many, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, true
from sqlalchemy.orm import Session, joinedload

from review import aside
from review.access import visible
from review.permissions import Action, Person, require
from review.sla import UNCERTAIN, Clocks
from store.place_tables import PostPlace
from store.queue_tables import Assignment
from store.tables import Case, Post, User
from store.vocabulary import CaseState

ALL, MINE, ESCALATED, DECIDED = "all", "mine", "escalated", "decided"
ASSIGNED, ASIDE = "assigned", "aside"
# Lanes of a person; every other one waits for whoever comes.
PERSONAL = frozenset({MINE, ASSIGNED, ASIDE})


@dataclass(frozen=True)
class Region:
    """Whose cases are looked at: those with a post that names a place of `provinces` (two digits, of today).

    With `placeless` also those that name no place. Neither of the two: all cases. What a text names, never
    where its author is.
    """

    provinces: tuple[str, ...] = ()
    placeless: bool = False


EVERYWHERE = Region()


def lanes(session: Session, person: Person, at: datetime, region: Region = EVERYWHERE) -> dict[str, int]:
    """Return how many cases wait for `person` in each lane: all, every harm that has some, uncertain, mine,
    assigned to them, put aside by them, escalated.

    What one holds, is assigned or put aside is counted wherever it is.
    """
    require(person, Action.READ)
    counted = {ALL: 0, UNCERTAIN: 0, MINE: 0, ASSIGNED: 0, ASIDE: 0, ESCALATED: 0}
    seen = and_(queued(), within(region), visible(person))
    waiting = _by_harm(session, seen)
    # Those that do not come to this person are few, so they are counted apart and taken off.
    for_others = _by_harm(session, and_(seen, or_(*_not_for(person))))
    for harm, number in waiting.items():
        left = number - for_others.get(harm, 0)
        counted[ALL] += left
        lane = UNCERTAIN if harm is None else harm
        counted[lane] = counted.get(lane, 0) + left
    for lane in (MINE, ASSIGNED, ASIDE, ESCALATED):
        counted[lane] = _count(session, condition(lane, person, at, region=region))
    return counted


def overdue(session: Session, at: datetime, clocks: Clocks, region: Region = EVERYWHERE) -> dict[str, int]:
    """Return how many cases of each lane have waited longer than its clock allows; `all` is their sum.

    Counts what is queued or held, whoever it is for.
    """
    found = _by_harm(session, and_(undecided(), clocks.late(at), within(region)))
    late = {UNCERTAIN if harm is None else harm: number for harm, number in found.items()}
    return {ALL: sum(late.values()), **late}


def provinces(session: Session, person: Person, lane: str, at: datetime) -> dict[str, int]:
    """Return how many cases of a lane name a place of each province, most first."""
    require(person, Action.READ)
    number = func.count(Case.id.distinct())
    rows = session.execute(
        select(PostPlace.province, number)
        .join(Case, Case.cluster_id == PostPlace.cluster_id)
        .where(condition(lane, person, at))
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
    # One query brings all that a row shows; so nobody needs a query a row.
    shown = joinedload(Case.post)
    query = order(lane, person, at, region).offset(offset).limit(limit)
    return session.scalars(
        query.options(shown.joinedload(Post.source), shown.joinedload(Post.assessment))
    ).all()


def order(lane: str, person: Person, at: datetime, region: Region = EVERYWHERE) -> Select[Case]:
    """Return the query for the cases of a lane in their order, which an index gives."""
    first = Case.decided_at.desc() if lane == DECIDED else Case.rank.desc()
    return select(Case).where(condition(lane, person, at, region=region)).order_by(first, Case.id)


def condition(
    lane: str,
    person: Person,
    at: datetime,
    state: ColumnElement[bool] | None = None,
    region: Region = EVERYWHERE,
) -> ColumnElement[bool]:
    """Return the condition of a lane; `state` says which of its cases: the queued ones when not given.

    What one holds, is assigned or put aside is in its lane wherever it is. Cases that `person` may not see
    are in none of the others.
    """
    if lane == MINE:
        return held_by(person, at)
    if lane in {ESCALATED, DECIDED}:
        return and_(Case.state == lane, within(region), visible(person))
    state = queued() if state is None else state
    if lane == ASSIGNED:
        return and_(state, Case.id.in_(select(Assignment.case_id).where(Assignment.user_id == person.id)))
    if lane == ASIDE:
        return and_(state, aside.by(person))
    state = and_(state, within(region), visible(person))
    if lane == ALL:
        return state
    return and_(state, Case.harm.is_(None) if lane == UNCERTAIN else Case.harm == lane)


def for_person(person: Person) -> ColumnElement[bool]:
    """Return the condition that a case may be given to `person` unasked."""
    return and_(*(~not_ for not_ in _not_for(person)))


def queued() -> ColumnElement[bool]:
    """Return the condition that nobody holds a case. A lease that ran out ends with the next who leases."""
    return Case.state == CaseState.QUEUED


def undecided() -> ColumnElement[bool]:
    """Return the condition that a case is queued or held."""
    return Case.state.in_((CaseState.QUEUED, CaseState.LEASED))


def held_by(person: Person, at: datetime) -> ColumnElement[bool]:
    """Return the condition that `person` holds a case at this moment."""
    return and_(Case.state == CaseState.LEASED, Case.lease_user_id == person.id, Case.lease_until > at)


def within(region: Region) -> ColumnElement[bool]:
    """Return the condition that a case belongs to a region."""
    if region == EVERYWHERE:
        return true()
    named = exists().where(PostPlace.cluster_id == Case.cluster_id)
    wanted = [~named] if region.placeless else []
    if region.provinces:
        wanted.append(named.where(PostPlace.province.in_(region.provinces)))
    return or_(*wanted)


def kept_for_another(person: Person) -> ColumnElement[bool]:
    """Return the condition that a case is assigned to somebody else, who can still sign in."""
    kept = select(Assignment.case_id).join(User, User.id == Assignment.user_id)
    return Case.id.in_(kept.where(Assignment.user_id != person.id, User.active))


def _not_for(person: Person) -> tuple[ColumnElement[bool], ...]:
    return aside.by(person), kept_for_another(person)


def _by_harm(session: Session, where: ColumnElement[bool]) -> dict[str | None, int]:
    return {
        row[0]: row[1]
        for row in session.execute(select(Case.harm, func.count()).where(where).group_by(Case.harm))
    }


def _count(session: Session, where: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(Case).where(where)) or 0
