"""What was assessed and what was decided of it, read row by row to try another policy on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, case, func, select
from sqlalchemy.orm import Session

from store.tables import Assessment, Case, Cluster, Decision, Post
from store.vocabulary import CaseState, Outcome

_PAGE = 500


@dataclass(frozen=True)
class Recorded:
    """The latest assessment of one post as it reads now, and what people concluded of its cluster.

    `opened_at` is when the first post of the cluster came in; `outcome` is that of the decision that stands,
    None where there is none or the text under review is another than the one decided. No author, no text.
    """

    post_id: int
    cluster_id: int
    opened_at: datetime
    case_id: int | None
    outcome: Outcome | None
    detail: dict[str, Any]


@dataclass(frozen=True)
class Range:
    """Which clusters are read: those opened `since` then, and of them the last, with some `newest` posts."""

    since: datetime | None = None
    newest: int | None = None


EVERYTHING = Range()


def count(session: Session, wanted: Range = EVERYTHING) -> int:
    """Return how many rows `stream` gives."""
    return session.scalar(_within(session, select(func.count()).select_from(Post), wanted)) or 0


def stream(session: Session, wanted: Range = EVERYTHING) -> Iterator[Recorded]:
    """Yield the assessments cluster by cluster, as of one moment, a page in memory at a time."""
    # The text decided on is the one under review: an edit that came later was not decided.
    decided = (
        select(Decision.outcome)
        .where(
            Decision.case_id == Case.id,
            Decision.undone_at.is_(None),
            Decision.snapshot["content_hash"].as_string() == Case.content_hash,
        )
        .order_by(Decision.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    outcome = case((Case.state == CaseState.DECIDED, decided), else_=None)
    rows = _within(
        session,
        select(Post.id, Post.cluster_id, Cluster.created_at, Case.id, outcome, Assessment.detail),
        wanted,
    )
    found = session.execute(rows.order_by(Post.cluster_id, Post.id).execution_options(yield_per=_PAGE))
    for post_id, cluster_id, opened_at, case_id, said, detail in found:
        yield Recorded(post_id, cluster_id, opened_at, case_id, Outcome(said) if said else None, detail)


def _within(session: Session, query: Select[Any], wanted: Range) -> Select[Any]:
    query = (
        query.join(
            Assessment,
            and_(Assessment.id == Post.assessment_id, Assessment.post_version == Post.version),
        )
        .join(Cluster, Cluster.id == Post.cluster_id)
        .outerjoin(Case, Case.cluster_id == Post.cluster_id)
        .where(Post.purged_at.is_(None))
    )
    if wanted.since is not None:
        query = query.where(Cluster.created_at >= wanted.since)
    if wanted.newest is not None and (first := _first_cluster(session, wanted.newest)) is not None:
        query = query.where(Post.cluster_id >= first)
    return query


def _first_cluster(session: Session, newest: int) -> int | None:
    """Return the first of the last clusters that have `newest` posts between them; None for all."""
    asked = select(Post.cluster_id).order_by(Post.cluster_id.desc()).offset(max(0, newest - 1)).limit(1)
    return session.scalar(asked)
