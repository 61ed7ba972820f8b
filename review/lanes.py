"""The lanes of the queue: which cases each holds for a person, how many, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session, joinedload

from review import aside
from review.access import visible
from review.permissions import Action, Person, require
from review.sla import UNCERTAIN, Clocks, lane_of_case
from store.place_tables import PostPlace
from store.queue_tables import Assignment
from store.tables import Assessment, Case, Post, Source, User
from store.vocabulary import CaseState

ALL, MINE, ESCALATED, DECIDED = "all", "mine", "escalated", "decided"
ASSIGNED, ASIDE = "assigned", "aside"
# Lanes of a person; every other one waits for whoever comes.
PERSONAL = frozenset({MINE, ASSIGNED, ASIDE})
_OWN = (MINE, ASSIGNED, ASIDE, ESCALATED)

_COUNT = func.count()
_AT = bindparam("at", type_=Case.lease_until.type)


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
    counted = dict.fromkeys((ALL, UNCERTAIN, *_OWN), 0)
    for lane, number in session.execute(_counting(person, region), {"at": at}):
        counted[lane] = counted.get(lane, 0) + number
    counted[ALL] = sum(number for lane, number in counted.items() if lane not in _OWN)
    return counted


# With each case that is decided it is asked again, and making it takes longer than the query itself.
@lru_cache(maxsize=512)
def _counting(person: Person, region: Region) -> CompoundSelect[str, int]:
    """Return the query for how many cases are in which lane at moment `at`, to be added up."""
    seen = and_(queued(), within(region), visible(person))
    return union_all(
        _by_harm(seen),
        # Those that do not come to this person are few, so they are counted apart and taken off.
        _by_harm(and_(seen, _for_others(person)), -_COUNT),
        *(_number(lane, condition(lane, person, _AT, region=region)) for lane in _OWN),
    )


def overdue(session: Session, at: datetime, clocks: Clocks, region: Region = EVERYWHERE) -> dict[str, int]:
    """Return how many cases of each lane have waited longer than its clock allows; `all` is their sum.

    Counts what is queued or held, whoever it is for.
    """
    rows = session.execute(_by_harm(and_(undecided(), clocks.late(at), within(region))))
    late = {row[0]: row[1] for row in rows}
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
    """Return the cases of a lane, first to review first, with post, source and assessment loaded.

    What no row shows of them (the why of an assessment, the facts of a page) is not there to be asked for.
    """
    require(person, Action.READ)
    # One query brings all that a row shows; and only for the rows that are shown.
    rows = order(lane, person, at, region).with_only_columns(Case.id).offset(offset).limit(limit)
    post = joinedload(Case.post)
    return session.scalars(
        _sorted(select(Case).where(Case.id.in_(rows)), lane).options(
            post.load_only(Post.title, Post.text, Post.kind, Post.published_at, raiseload=True),
            post.joinedload(Post.source).load_only(Source.name, raiseload=True),
            post.joinedload(Post.assessment).load_only(Assessment.harmful, raiseload=True),
        )
    ).all()


def order(lane: str, person: Person, at: datetime, region: Region = EVERYWHERE) -> Select[Case]:
    """Return the query for the cases of a lane in their order, which an index gives."""
    return _sorted(select(Case).where(condition(lane, person, at, region=region)), lane)


def condition(
    lane: str,
    person: Person,
    at: datetime | ColumnElement[datetime],
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
    return ~_for_others(person)


def queued() -> ColumnElement[bool]:
    """Return the condition that nobody holds a case. A lease that ran out ends with the next who leases."""
    return Case.state == CaseState.QUEUED


def undecided() -> ColumnElement[bool]:
    """Return the condition that a case is queued or held."""
    return Case.state.in_((CaseState.QUEUED, CaseState.LEASED))


def held_by(person: Person, at: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
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
    return Case.id.in_(_ids_kept_for_another(person))


def _for_others(person: Person) -> ColumnElement[bool]:
    # One list of few cases, not two: so a database can begin with it.
    return Case.id.in_(union_all(aside.ids(person), _ids_kept_for_another(person)))


def _ids_kept_for_another(person: Person) -> Select[int]:
    kept = select(Assignment.case_id).join(User, User.id == Assignment.user_id)
    return kept.where(Assignment.user_id != person.id, User.active)


def _sorted(query: Select[Case], lane: str) -> Select[Case]:
    return query.order_by(Case.decided_at.desc() if lane == DECIDED else Case.rank.desc(), Case.id)


def _by_harm(where: ColumnElement[bool], number: ColumnElement[int] = _COUNT) -> Select[str, int]:
    return select(lane_of_case(), number).where(where).group_by(Case.harm)


def _number(lane: str, where: ColumnElement[bool]) -> Select[str, int]:
    return select(literal(lane), _COUNT).select_from(Case).where(where)
