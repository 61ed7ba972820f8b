"""Reads that pages and the JSON API share: runs, the audit log, captures, posts like one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from reports import unusual
from reports.periods import VIETNAM, BadPeriod, Period, named, week_of
from review.access import visible
from review.errors import NoSuchCase, ReasonNeeded, ReviewError
from review.permissions import Action, Person, require
from search.engine import Hit, Probe, SearchEngine
from search.vectors import embed
from store import audit
from store.tables import Capture, Case, Event, Post, Run, User


class NoSuchCapture(ReviewError):
    template = "Không có bản chụp {capture}."


class BadWeek(ReviewError):
    template = "Không có tuần {week}. Viết như 2026-W47."


@dataclass(frozen=True)
class Similar:
    """A post like another, and its case if it has one."""

    hit: Hit
    case_id: int | None


def similar(session: Session, person: Person, engine: SearchEngine, case_id: int) -> list[Similar]:
    """Return up to five posts like the one of a case, copies apart; raises `NoSuchCase`, `SearchError`."""
    require(person, Action.READ)
    row = session.execute(
        select(Post.text, Post.cluster_id)
        .join(Case, Case.post_id == Post.id)
        .where(Case.id == case_id, visible(person))
    ).first()
    if row is None:
        raise NoSuchCase(case=case_id)
    hits = engine.similar(Probe(row.text, embed([row.text])[0], row.cluster_id))
    known = case_ids(session, [hit.post_id for hit in hits])
    return [Similar(hit, known.get(hit.post_id)) for hit in hits]


def runs(session: Session, person: Person, limit: int = 50, before: int | None = None) -> Sequence[Run]:
    """Return the latest runs with their sources, those with an id under `before`."""
    require(person, Action.READ)
    query = select(Run).options(joinedload(Run.source)).order_by(Run.id.desc()).limit(limit)
    return session.scalars(query if before is None else query.where(Run.id < before)).all()


@dataclass(frozen=True)
class EventFilter:
    """Which events: each field narrows, empty ones do not. `action` matches its beginning.

    `since` and `until` are days in Vietnam, both within.
    """

    actor: str = ""
    action: str = ""
    subject: str = ""
    since: date | None = None
    until: date | None = None


def events(
    session: Session, person: Person, wanted: EventFilter, before: int | None = None, limit: int = 50
) -> Sequence[Event]:
    """Return events newest first, those with an id under `before`."""
    require(person, Action.AUDIT)
    query: Select[Event] = select(Event).order_by(Event.id.desc()).limit(limit)
    if wanted.actor:
        query = query.where(Event.actor == wanted.actor)
    if wanted.action:
        query = query.where(Event.action.startswith(wanted.action, autoescape=True))
    if wanted.subject:
        query = query.where(Event.subject == wanted.subject)
    if wanted.since is not None:
        query = query.where(Event.at >= _begin(wanted.since))
    if wanted.until is not None:
        query = query.where(Event.at < _begin(wanted.until + timedelta(days=1)))
    if before is not None:
        query = query.where(Event.id < before)
    return session.scalars(query).all()


def _begin(day: date) -> str:
    """Return when a day begins in Vietnam, as the log writes times."""
    return datetime.combine(day, time(), VIETNAM).astimezone(UTC).isoformat(timespec="microseconds")


def names(session: Session, actors: Iterable[str]) -> dict[str, str]:
    """Return the name of each actor of the audit log that is a user."""
    ids = [int(actor.removeprefix("user:")) for actor in actors if actor.startswith("user:")]
    rows = session.execute(select(User.id, User.name).where(User.id.in_(ids)))
    return {f"user:{row.id}": row.name for row in rows}


def digest(session: Session, person: Person, week: str, at: datetime) -> unusual.Digest:
    """Return the digest of the audit log for a week by its name, or of the one that is over at `at`.

    Raises `BadWeek`.
    """
    require(person, Action.AUDIT)
    return unusual.digest(session, week_named(week, at))


def week_named(week: str, at: datetime) -> Period:
    """Return a week by its name, or the one that is over at `at`; raises `BadWeek`."""
    try:
        period = named(week) if week else week_of(at).back()
    except BadPeriod as error:
        raise BadWeek(week=week) from error
    if not period.is_week:
        raise BadWeek(week=week)
    return period


def verify(session: Session, person: Person) -> audit.Verdict:
    """Walk the audit chain."""
    require(person, Action.AUDIT)
    return audit.verify(session)


def capture(session: Session, person: Person, capture_id: int, reason: str) -> Capture:
    """Return a capture's record, and leave an event that it was looked at, and why; raises `ReasonNeeded`."""
    require(person, Action.AUDIT)
    if not reason.strip():
        raise ReasonNeeded()
    found = session.get(Capture, capture_id)
    if found is None:
        raise NoSuchCapture(capture=capture_id)
    audit.append(session, person.actor, "capture.read", f"capture:{capture_id}", reason=reason.strip())
    return found


def case_ids(session: Session, post_ids: Sequence[int]) -> dict[int, int]:
    """Return the case of each post that has one."""
    rows = session.execute(
        select(Post.id, Case.id).join(Case, Case.cluster_id == Post.cluster_id).where(Post.id.in_(post_ids))
    )
    return {row[0]: row[1] for row in rows}


def posts(session: Session, post_ids: Sequence[int]) -> dict[int, Post]:
    """Return posts by id with source and assessment loaded."""
    found = session.scalars(
        select(Post)
        .where(Post.id.in_(post_ids))
        .options(joinedload(Post.source), joinedload(Post.assessment))
    )
    return {post.id: post for post in found}
