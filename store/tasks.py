"""The work owed to posts: taken in batches by any number of workers, lost by none of them.

A task is written in the transaction of the record that owes it. A worker leases a batch, does the
work, and removes the tasks in the transaction that writes the result; if it dies, the lease runs out
and another worker takes them. Work on a post is repeatable, so doing it twice changes nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from store.tables import Post, Task
from store.vocabulary import TaskKind

MAX_ATTEMPTS = 5


@dataclass(frozen=True)
class Batch:
    """Tasks leased to one worker until they fall due again."""

    token: str
    task_ids: tuple[int, ...]
    post_ids: tuple[int, ...]


def owe_index(session: Session, post_ids: Sequence[int], now: datetime) -> None:
    """Owe the index the present state of some posts."""
    if post_ids:
        session.execute(
            insert(Task),
            [{"kind": TaskKind.INDEX, "post_id": post_id, "due_at": now} for post_id in post_ids],
        )


def owe_index_of_cluster(session: Session, cluster_id: int, now: datetime) -> None:
    """Owe the index the present state of every post of a cluster, after its case moved."""
    owe_index(session, session.scalars(select(Post.id).where(Post.cluster_id == cluster_id)).all(), now)


def take(
    session: Session, kind: TaskKind, limit: int, lease: timedelta = timedelta(minutes=2)
) -> Batch | None:
    """Lease up to `limit` due tasks of `kind`, oldest first, or return None when nothing is due."""
    now = datetime.now(UTC)
    due = (
        select(Task.id, Task.post_id)
        .where(Task.kind == kind, Task.due_at <= now, Task.attempts < MAX_ATTEMPTS)
        .order_by(Task.due_at, Task.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = session.execute(due).all()
    if not rows:
        return None
    token = secrets.token_hex(16)
    ids = tuple(row.id for row in rows)
    session.execute(update(Task).where(Task.id.in_(ids)).values(lease_token=token, due_at=now + lease))
    return Batch(token, ids, tuple(dict.fromkeys(row.post_id for row in rows)))


def finish(session: Session, batch: Batch, post_ids: Sequence[int] | None = None) -> None:
    """Remove the batch's tasks (of `post_ids`, or all); one that another worker took over is left to it."""
    done = delete(Task).where(Task.id.in_(batch.task_ids), Task.lease_token == batch.token)
    session.execute(done if post_ids is None else done.where(Task.post_id.in_(post_ids)))


def fail(session: Session, batch: Batch, post_id: int, error: str) -> None:
    """Keep the error of a post's task and let it be tried again after a pause that doubles each time."""
    for task in session.scalars(
        select(Task).where(
            Task.id.in_(batch.task_ids), Task.lease_token == batch.token, Task.post_id == post_id
        )
    ):
        task.error = error[:2000]
        task.lease_token = None
        task.attempts += 1
        task.due_at = datetime.now(UTC) + timedelta(seconds=10 * 2**task.attempts)


def release_all(session: Session) -> int:
    """Let every leased task be taken at once. Only a worker that knows it is alone may call this."""
    leased = update(Task).where(Task.lease_token.is_not(None))
    result = session.execute(leased.values(lease_token=None, due_at=datetime.now(UTC)))
    return int(getattr(result, "rowcount", 0))


def waiting(session: Session) -> dict[str, int]:
    """Return how many tasks of each kind are still to do; `failed` are those given up."""
    rows = session.execute(
        select(Task.kind, func.count()).where(Task.attempts < MAX_ATTEMPTS).group_by(Task.kind)
    )
    counts = {str(kind): int(number) for kind, number in rows}
    counts["failed"] = session.scalar(select(func.count()).where(Task.attempts >= MAX_ATTEMPTS)) or 0
    return counts
