"""Which cases a person sees: an administrator may limit somebody to some lanes of the queue.

One condition, asked by the queue and by every reading of a case. A case stands in the lane of its harm; one
without a harm, or whose flag is uncertain, stands in the lane "uncertain". Whoever has no grant sees all
lanes. What one holds already is seen to its end, although scoring may move it to another lane meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import lru_cache

from sqlalchemy import ColumnElement, case, delete, exists, literal, not_, or_, select
from sqlalchemy.orm import Session

import models
from review.case import change_state, record
from review.errors import NoSuchCase, NoSuchLane
from review.permissions import Action, Person, require
from store import audit
from store.people_tables import LaneGrant
from store.tables import Case
from store.vocabulary import CaseState

UNCERTAIN = "uncertain"


def all_lanes() -> tuple[str, ...]:
    """Return the lanes that a person can be limited to: every harm, and "uncertain"."""
    return (*models.labels().harms, UNCERTAIN)


# Every page asks it several times, and making the expression takes longer than some of the queries.
@lru_cache(maxsize=512)
def visible(person: Person) -> ColumnElement[bool]:
    """Return the condition on `Case` that `person` may see it; true of all where nothing limits them."""
    grants = exists().where(LaneGrant.user_id == person.id)
    return or_(~grants, grants.where(LaneGrant.lane == _lane()), Case.lease_user_id == person.id)


def require_visible(session: Session, person: Person, case_id: int) -> None:
    """Raise `NoSuchCase` when there is no such case, or `person` may not see it: the two look the same."""
    if session.scalar(select(Case.id).where(Case.id == case_id, visible(person))) is None:
        raise NoSuchCase(case=case_id)


def lanes_of(session: Session, user_id: int) -> tuple[str, ...]:
    """Return the lanes a person is limited to, in the order of `all_lanes`; empty: not limited."""
    granted = set(session.scalars(select(LaneGrant.lane).where(LaneGrant.user_id == user_id)))
    return tuple(lane for lane in all_lanes() if lane in granted)


def limit(session: Session, by: Person, user_id: int, lanes: Collection[str], at: datetime) -> None:
    """Limit a person to `lanes`, or lift the limit with none; for the administrator.

    Cases that the person holds outside of them go back to the queue. Raises `NoSuchLane`.
    """
    require(by, Action.ADMINISTER)
    if unknown := sorted(set(lanes) - set(all_lanes())):
        raise NoSuchLane(lane=unknown[0])
    before = lanes_of(session, user_id)
    wanted = tuple(lane for lane in all_lanes() if lane in lanes)
    if wanted == before:
        return
    session.execute(delete(LaneGrant).where(LaneGrant.user_id == user_id))
    session.add_all(LaneGrant(user_id=user_id, lane=lane) for lane in wanted)
    session.flush()
    audit.append(session, by.actor, "user.lanes", f"user:{user_id}", before=list(before), lanes=list(wanted))
    if wanted:
        outside = select(Case).where(
            Case.state == CaseState.LEASED, Case.lease_user_id == user_id, not_(_lane().in_(wanted))
        )
        for held in session.scalars(outside.order_by(Case.id).with_for_update()).all():
            change_state(held, CaseState.QUEUED)
            record(session, held, by.actor, "released", at, holder=user_id)


def _lane() -> ColumnElement[str]:
    return case((or_(Case.uncertain, Case.harm.is_(None)), literal(UNCERTAIN)), else_=Case.harm)
