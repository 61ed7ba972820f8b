"""How the sources are: what they gave, and which need a look."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from reports.asking import numbered, spanning, within
from reports.model import SourceLine
from reports.periods import Period
from store.tables import Post, Run, Source
from store.vocabulary import CRAWLED, RunState

# A source that gave so much in a week and nothing in the next has probably changed its form.
USUAL = 5
SILENT = timedelta(days=3)


def sources(session: Session, now: Period, before: Period, at: datetime) -> list[SourceLine]:
    """Return all sources, those with trouble first. Four queries."""
    two = [before, now]
    number = numbered(Post.first_seen_at, two)
    posts: dict[int, list[int]] = {}
    for source, which, count in session.execute(
        select(Post.source_id, number, func.count())
        .where(within(Post.first_seen_at, spanning(two)))
        .group_by(Post.source_id, number)
    ):
        posts.setdefault(source, [0, 0])[which] = count
    failures = {
        row[0]: row[1]
        for row in session.execute(
            select(Run.source_id, func.count())
            .where(Run.state == RunState.FAILED, within(Run.started_at, now))
            .group_by(Run.source_id)
        )
    }
    done = {
        row[0]: row[1]
        for row in session.execute(
            select(Run.source_id, func.max(Run.finished_at))
            .where(Run.state == RunState.DONE)
            .group_by(Run.source_id)
        )
    }
    until = min(at, now.end)
    lines = [
        SourceLine(
            name=source.name, kind=source.kind, now=posts.get(source.id, [0, 0])[1],
            before=posts.get(source.id, [0, 0])[0], failures=failures.get(source.id, 0),
            trouble=_trouble(source, posts.get(source.id, [0, 0]), done.get(source.id), until),
        )
        for source in session.scalars(select(Source).order_by(Source.name))
    ]  # fmt: skip
    return sorted(lines, key=lambda line: (line.trouble is None, -(line.now or 0), line.name))


def _trouble(source: Source, posts: list[int], done: datetime | None, until: datetime) -> str | None:
    if not source.enabled:
        return None
    if source.paused_at is not None:
        return "paused"
    if source.kind in CRAWLED and (done is None or until - done > SILENT):
        return "not_read"
    return "silent" if posts[1] == 0 and posts[0] >= USUAL else None
