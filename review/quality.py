"""How well people's readings agree: of the desk as a whole, and each reviewer's own numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import ColumnElement, SQLColumnExpression, func, select
from sqlalchemy.orm import Session

from review import learning
from review.errors import NotAllowed
from review.permissions import Action, Person, may, require
from review.weeks import VIETNAM, week_of
from store.agreement import Agreement, agreement
from store.complaint_tables import Complaint
from store.quality_tables import Adjudication, Draw, Golden, GoldenAnswer
from store.second_review_tables import SecondReview
from store.tables import Decision, User
from store.vocabulary import ComplaintState, Role

WEEKS = 12


@dataclass(frozen=True)
class Period:
    """From a moment on, up to another that is not in it."""

    since: datetime
    until: datetime

    def holds(self, column: SQLColumnExpression[datetime | None]) -> ColumnElement[bool]:
        """Return the condition that a column lies in the period."""
        return (column >= self.since) & (column < self.until)


def full_weeks(at: datetime, weeks: int = WEEKS) -> Period:
    """Return the last full weeks, Monday to Sunday in Vietnam.

    The week that runs is left out: who saw a number move after one answer could tell that the case was known.
    """
    monday = datetime.combine(week_of(at), time(), VIETNAM).astimezone(UTC)
    return Period(monday - timedelta(weeks=weeks), monday)


@dataclass(frozen=True)
class Numbers:
    """One reviewer's own numbers.

    `second` are random second reviews in which they gave either reading, `known` their answers to known
    cases. `settled` adjudications had a reading of theirs, `right` of them as they had read; `complaints`
    about decisions of theirs ended, `changed` of them with another outcome.
    """

    user_id: int
    name: str
    decisions: int
    second: Agreement
    known: Agreement
    settled: int
    right: int
    complaints: int
    changed: int


@dataclass(frozen=True)
class Desk:
    """The agreement of the whole desk. `harms` are by the harm under which a case was shown.

    `drawn` of `lots` decisions were drawn, at shares between `least` and `most`; `waiting` are not read yet.
    """

    all: Agreement
    known: Agreement
    harms: Mapping[str, Agreement] = field(default_factory=dict)
    lots: int = 0
    drawn: int = 0
    least: float | None = None
    most: float | None = None
    waiting: int = 0


@dataclass(frozen=True)
class _Pair:
    first_id: int
    second_id: int
    first: str
    second: str
    harm: str


def own(session: Session, person: Person, user_id: int, period: Period) -> Numbers:
    """Return a reviewer's numbers, to themselves and to a lead; raises `NotAllowed` for anybody else."""
    if not (may(person, Action.LEAD) or (person.id == user_id and may(person, Action.REVIEW))):
        raise NotAllowed(role=person.role)
    user = session.get_one(User, user_id)
    return _numbers(session, [user], period)[0]


def everybody(session: Session, person: Person, period: Period) -> list[Numbers]:
    """Return the numbers of each reviewer, by name, to a lead. As many queries for one as for all."""
    require(person, Action.LEAD)
    roles = [role for role in Role if may(Person(0, role), Action.REVIEW)]
    users = session.scalars(
        select(User).where(User.active, User.role.in_(roles)).order_by(User.name, User.id)
    ).all()
    return _numbers(session, users, period)


def desk(session: Session, person: Person, period: Period) -> Desk:
    """Return how far readings of the desk agree: of nobody in particular, so to all who may read."""
    require(person, Action.READ)
    pairs = _pairs(session, period)
    by_harm: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for pair in pairs:
        by_harm[pair.harm].append((pair.first, pair.second))
    lots, drawn, least, most = session.execute(
        select(func.count(), func.count(Draw.review_id), func.min(Draw.share), func.max(Draw.share)).where(
            period.holds(Draw.at)
        )
    ).one()
    waiting = session.scalar(
        select(func.count())
        .select_from(Draw)
        .join(SecondReview, SecondReview.id == Draw.review_id)
        .where(SecondReview.answered_at.is_(None))
    )
    return Desk(
        all=agreement((pair.first, pair.second) for pair in pairs),
        known=agreement((known, given) for _, known, given in _known(session, period)),
        harms={harm: agreement(found) for harm, found in sorted(by_harm.items())},
        lots=lots, drawn=drawn, least=least, most=most, waiting=waiting or 0,
    )  # fmt: skip


def _numbers(session: Session, users: Sequence[User], period: Period) -> list[Numbers]:
    pairs, known = _pairs(session, period), _known(session, period)
    decisions = _counted(session, Decision.user_id, period.holds(Decision.at) & Decision.undone_at.is_(None))
    ended = period.holds(Complaint.closed_at)
    answered = Complaint.state.in_((ComplaintState.UPHELD, ComplaintState.CHANGED))
    complaints = _counted(session, Complaint.decider_id, ended & answered)
    changed = _counted(session, Complaint.decider_id, ended & (Complaint.state == ComplaintState.CHANGED))
    settled, right = _settled(session, period)
    return [
        Numbers(
            user_id=user.id, name=user.name, decisions=decisions.get(user.id, 0),
            second=agreement((p.first, p.second) for p in pairs if user.id in {p.first_id, p.second_id}),
            known=agreement((key, given) for who, key, given in known if who == user.id),
            settled=settled.get(user.id, 0), right=right.get(user.id, 0),
            complaints=complaints.get(user.id, 0), changed=changed.get(user.id, 0),
        )
        for user in users
    ]  # fmt: skip


def _pairs(session: Session, period: Period) -> list[_Pair]:
    """Return the random second reviews that were answered, each with the decision it looked at again."""
    rows = session.execute(
        select(
            Decision.user_id, SecondReview.reviewer_id, Decision.outcome,
            SecondReview.outcome.label("second"),
            Decision.snapshot["assessment"].label("assessment"),
        )
        .join(Draw, Draw.decision_id == Decision.id)
        .join(SecondReview, SecondReview.id == Draw.review_id)
        .where(period.holds(SecondReview.answered_at))
    )  # fmt: skip
    return [
        _Pair(r.user_id, r.reviewer_id, r.outcome, r.second, learning.shown_harm(r.assessment)) for r in rows
    ]


def _known(session: Session, period: Period) -> list[tuple[int, str, str]]:
    rows = session.execute(
        select(GoldenAnswer.user_id, Golden.outcome, GoldenAnswer.outcome.label("given"))
        .join(Golden, Golden.id == GoldenAnswer.golden_id)
        .where(period.holds(GoldenAnswer.answered_at))
    )
    return [(row.user_id, row.outcome, row.given) for row in rows]


def _settled(session: Session, period: Period) -> tuple[dict[int, int], dict[int, int]]:
    settled: dict[int, int] = defaultdict(int)
    right: dict[int, int] = defaultdict(int)
    rows = session.execute(
        select(
            Adjudication.first_id, Adjudication.first, Adjudication.second_id, Adjudication.second,
            Adjudication.outcome,
        ).where(period.holds(Adjudication.settled_at))
    )  # fmt: skip
    for row in rows:
        for user_id, reading in ((row.first_id, row.first), (row.second_id, row.second)):
            if user_id is not None:
                settled[user_id] += 1
                right[user_id] += reading["outcome"] == row.outcome
    return settled, right


def _counted(session: Session, who: SQLColumnExpression[int], where: ColumnElement[bool]) -> dict[int, int]:
    rows = session.execute(select(who, func.count()).where(where).group_by(who))
    return {row[0]: row[1] for row in rows}
