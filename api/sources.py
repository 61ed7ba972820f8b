"""Sources as people see and steer them: their health, a pause, a page fetched to try them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Select, func, literal, select
from sqlalchemy.orm import Session

from api.desk import Desk
from crawlers import sources
from review.errors import ReviewError
from review.permissions import Action, Person, require
from store import audit, tasks
from store.base import UtcDateTime
from store.days import day_in_vietnam
from store.tables import Post, Run, Source
from store.vocabulary import PageRole, RunState
from store.work_tables import Page

T = TypeVar("T")
DAYS = 14


class NoSuchSource(ReviewError):
    template = "Không có nguồn {source}."


class CannotTry(ReviewError):
    template = "Không thử được nguồn này: {why}."


@dataclass(frozen=True)
class SourceHealth:
    """A source, how many posts it gave, its latest runs, newest first, and how its crawl stands.

    `root` is the page that it is asked at, with the failures in a row and the last error; `waiting` counts
    the pages that are due now or later. `days` are the new posts of each of the last 14 days in Vietnam,
    today's last; `succeeded_at` is when a run of it last came to its end.
    """

    source: Source
    posts: int
    runs: Sequence[Run]
    root: Page | None
    waiting: int
    days: Sequence[int]
    succeeded_at: datetime | None


def health(session: Session, person: Person, at: datetime) -> list[SourceHealth]:
    """Return all sources by name, to who may read them."""
    require(person, Action.READ)
    return every_source(session, at)


def every_source(session: Session, at: datetime, runs_each: int = 12) -> list[SourceHealth]:
    """Return all sources by name, each with its latest runs. Seven queries."""
    found = session.scalars(select(Source).order_by(Source.name)).all()
    number = func.count().label("number")
    posts = _by_source(session, select(Post.source_id, number).group_by(Post.source_id))
    place = func.row_number().over(partition_by=Run.source_id, order_by=Run.id.desc()).label("place")
    numbered = select(Run.id, place).subquery()
    latest: dict[int, list[Run]] = {}
    for run in session.scalars(
        select(Run)
        .join(numbered, numbered.c.id == Run.id)
        .where(numbered.c.place <= runs_each)
        .order_by(Run.id.desc())
    ):
        latest.setdefault(run.source_id, []).append(run)
    ended = select(Run.source_id, func.max(Run.finished_at)).where(Run.state == RunState.DONE)
    succeeded = _by_source(session, ended.group_by(Run.source_id))
    roots = {page.source_id: page for page in session.scalars(select(Page).where(Page.role == PageRole.ROOT))}
    due = select(Page.source_id, number).where(Page.due_at.is_not(None))
    waiting = _by_source(session, due.group_by(Page.source_id))
    days = _days(session, at)
    return [
        SourceHealth(
            source,
            posts.get(source.id, 0),
            latest.get(source.id, []),
            roots.get(source.id),
            waiting.get(source.id, 0),
            days.get(source.id, [0] * DAYS),
            succeeded.get(source.id),
        )
        for source in found
    ]


def pause(session: Session, person: Person, source_id: int) -> None:
    """Leave a source alone until it is resumed; raises `NoSuchSource`."""
    _switch(session, person, source_id, running=False)


def resume(session: Session, person: Person, source_id: int) -> None:
    """Let a paused source be crawled again; raises `NoSuchSource`."""
    _switch(session, person, source_id, running=True)


def try_out(desk: Desk, person: Person, source_id: int) -> dict[str, Any]:
    """Fetch a page of a source by all rules and say what would be made of it (`crawlers.probe.Probe`).

    Raises `NoSuchSource`, and `CannotTry` where it could not even be begun.
    """
    require(person, Action.LEAD)
    with desk.records.write() as session:
        source = _source(session, source_id)
        audit.append(session, person.actor, "source.tried", f"source:{source_id}", name=source.name)
        name = source.name
    if desk.try_source is None:
        raise CannotTry(why="máy chủ này không thu thập")
    try:
        return desk.try_source(name)
    except ValueError as error:
        raise CannotTry(why=str(error)) from error


def _switch(session: Session, person: Person, source_id: int, *, running: bool) -> None:
    require(person, Action.LEAD)
    source = _source(session, source_id)
    (sources.resume if running else sources.pause)(session, source, person.actor)
    tasks.plan_crawls(session)


def _source(session: Session, source_id: int) -> Source:
    found = session.get(Source, source_id)
    if found is None:
        raise NoSuchSource(source=source_id)
    return found


def _by_source(session: Session, query: Select[int, T]) -> dict[int, T]:
    """Return the second column of a query by its first."""
    return {row[0]: row[1] for row in session.execute(query)}


def _days(session: Session, at: datetime) -> dict[int, list[int]]:
    day = day_in_vietnam(Post.first_seen_at).label("day")
    today = session.execute(select(day_in_vietnam(literal(at, UtcDateTime())))).scalar_one()
    first = at - timedelta(days=DAYS)
    rows = session.execute(
        select(Post.source_id, day, func.count())
        .where(Post.first_seen_at > first)
        .group_by(Post.source_id, day)
    )
    found: dict[int, list[int]] = {}
    for source_id, which, number in rows:
        back = today - which
        if 0 <= back < DAYS:
            found.setdefault(source_id, [0] * DAYS)[DAYS - 1 - back] = number
    return found
