"""The work owed: taken in batches by any number of workers on any number of machines, lost by none of them.

A task is written in the transaction of the record that owes it. A worker leases a batch, does the work,
and removes the tasks in the transaction that writes the result. While it works its heart keeps the lease
alive; if it dies, the lease lapses and another worker takes the tasks, fewer at a time each time, so that
the one that kills its workers is found and parked. Work is repeatable: doing it twice changes nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from store.records import lock
from store.tables import Source
from store.vocabulary import CRAWLED, TaskKind
from store.work_tables import Task

MAX_ATTEMPTS = 5
LEASE = timedelta(minutes=2)
# No pause is longer: what is due later than this was put off by a clock that has since been set back.
_LONGEST_PAUSE = timedelta(minutes=10)
# Only these may be put off for longer.
_PUT_OFF = (TaskKind.CRAWL, TaskKind.DELIVER)
INTERRUPTED = "tiến trình xử lý bị ngắt giữa chừng"


@dataclass(frozen=True)
class Batch:
    """Tasks leased to one worker; `subject_ids` are posts, or sources, each once.

    `waited` is how many seconds ago its tasks were owed, added up.
    """

    token: str
    task_ids: tuple[int, ...]
    subject_ids: tuple[int, ...]
    waited: float = 0.0


@dataclass(frozen=True)
class Queue:
    """How a queue stands: tasks to do, of them in hand now, given up; since when the oldest is owed.

    What can wait for its turn makes a queue long, not late: `oldest` leaves it out.
    """

    waiting: int = 0
    in_hand: int = 0
    parked: int = 0
    oldest: datetime | None = None

    def lag(self, at: datetime) -> timedelta:
        """Return how long before `at` the oldest task was owed; zero when nothing is."""
        return max(timedelta(), at - self.oldest) if self.oldest is not None else timedelta()


def take(
    session: Session, kind: TaskKind, limit: int, worker_id: str = "", lease: timedelta = LEASE
) -> Batch | None:
    """Lease up to `limit` due tasks of `kind`, by turn and oldest first, or return None when nothing is due.

    Rows that another worker is taking are passed over, not waited for.
    """
    now = datetime.now(UTC)
    _count_lapsed(session, kind, now)
    due = (
        select(Task.id, Task.subject_id, Task.attempts, Task.owed_at)
        .where(Task.kind == kind, _due(now), Task.attempts < MAX_ATTEMPTS)
        .order_by(Task.turn, Task.due_at, Task.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = session.execute(due).all()
    if not rows:
        return None
    tried = rows[0].attempts
    # A batch that has failed is tried again in ever smaller parts, apart from those that never did.
    part = [row for row in rows if row.attempts == tried][: max(1, limit >> (2 * tried))]
    batch = _lease(session, [r.id for r in part], [r.subject_id for r in part], worker_id, now + lease)
    return replace(batch, waited=sum(max(0.0, (now - row.owed_at).total_seconds()) for row in part))


def take_crawls(
    session: Session, worker_id: str = "", source_ids: Iterable[int] | None = None, lease: timedelta = LEASE
) -> Batch | None:
    """Lease the crawls that are due, or those of `source_ids` whether due or not.

    Never one whose host is being crawled now: a host is asked by one process at a time.
    """
    lock(session, "take_crawls")
    now = datetime.now(UTC)
    _count_lapsed(session, TaskKind.CRAWL, now)
    rows = session.execute(
        select(Task.id, Task.subject_id, Task.lease_token, Source.url, _due(now).label("due"), Task.attempts)
        .join(Source, Source.id == Task.subject_id)
        .where(Task.kind == TaskKind.CRAWL, is_crawled())
        .order_by(Task.due_at, Task.id)
    ).all()
    busy = {_host(row.url) for row in rows if row.lease_token is not None}
    asked = None if source_ids is None else set(source_ids)
    wanted = [
        row
        for row in rows
        if _host(row.url) not in busy
        and (row.subject_id in asked if asked is not None else row.due and row.attempts < MAX_ATTEMPTS)
    ]
    if not wanted:
        return None
    return _lease(session, [r.id for r in wanted], [r.subject_id for r in wanted], worker_id, now + lease)


def crawls_due(session: Session) -> int:
    """Return how many crawls could be started now."""
    now = datetime.now(UTC)
    due = (
        select(func.count())
        .select_from(Task)
        .join(Source, Source.id == Task.subject_id)
        .where(Task.kind == TaskKind.CRAWL, is_crawled(), _due(now), Task.attempts < MAX_ATTEMPTS)
    )
    return session.scalar(due) or 0


def plan_crawls(session: Session) -> None:
    """Let every source that is crawled have its task, due at once if it is new, and no other source one."""
    now = datetime.now(UTC)
    crawled = set(session.scalars(select(Source.id).where(is_crawled())))
    planned = set(session.scalars(select(Task.subject_id).where(Task.kind == TaskKind.CRAWL)))
    for source_id in sorted(crawled - planned):
        session.add(Task(kind=TaskKind.CRAWL, subject_id=source_id, owed_at=now, due_at=now))
    session.execute(
        delete(Task).where(
            Task.kind == TaskKind.CRAWL, Task.subject_id.in_(planned - crawled), Task.lease_token.is_(None)
        )
    )
    session.flush()


def is_crawled() -> ColumnElement[bool]:
    """Return the condition that a source is crawled: of such a kind, switched on, and not paused."""
    return and_(Source.enabled, Source.paused_at.is_(None), Source.kind.in_(CRAWLED))


def hasten(session: Session, source_id: int, at: datetime) -> None:
    """Let the crawl of a source fall due at `at` if it would later; one that is running sees for itself."""
    session.execute(
        update(Task)
        .where(
            Task.kind == TaskKind.CRAWL, Task.subject_id == source_id, Task.lease_token.is_(None),
            Task.due_at > at,
        )
        .values(due_at=at, owed_at=at)
    )  # fmt: skip


def owe_render(session: Session, post_id: int, at: datetime) -> None:
    """Owe a look at a post's page in a browser, once until it was done; one given up is tried anew."""
    lock(session, f"render/{post_id}")
    owed = select(Task).where(Task.kind == TaskKind.RENDER, Task.subject_id == post_id)
    task = session.scalar(owed)
    if task is None:
        session.add(Task(kind=TaskKind.RENDER, subject_id=post_id, owed_at=at, due_at=at))
    elif task.attempts >= MAX_ATTEMPTS:
        task.attempts, task.error, task.owed_at, task.due_at = 0, None, at, at
    session.flush()


def extend(session: Session, tokens: Sequence[str], lease: timedelta = LEASE) -> None:
    """Keep the leases of batches in hand alive."""
    if tokens:
        session.execute(
            update(Task).where(Task.lease_token.in_(tokens)).values(due_at=datetime.now(UTC) + lease)
        )


def finish(session: Session, batch: Batch, subject_ids: Sequence[int] | None = None) -> None:
    """Remove the batch's tasks (of `subject_ids`, or all), but none that another worker took over."""
    done = delete(Task).where(_in_hand(batch))
    session.execute(done if subject_ids is None else done.where(Task.subject_id.in_(subject_ids)))


def fail(session: Session, batch: Batch, subject_id: int, error: str) -> None:
    """Keep the error of a task and let it be tried again after a pause that doubles each time."""
    for task in session.scalars(select(Task).where(_in_hand(batch), Task.subject_id == subject_id)):
        task.error = error[:2000]
        task.lease_token = task.worker_id = None
        task.attempts += 1
        task.due_at = datetime.now(UTC) + timedelta(seconds=10 * 2**task.attempts)


def give_back(session: Session, batch: Batch, pause: timedelta = timedelta()) -> None:
    """Let the batch be taken again after `pause`; for a fault that is none of the tasks'."""
    session.execute(
        update(Task)
        .where(_in_hand(batch))
        .values(lease_token=None, worker_id=None, due_at=datetime.now(UTC) + pause)
    )


def put_off(session: Session, batch: Batch, subject_id: int, pause: timedelta, error: str | None) -> None:
    """Let a task whose pauses are its own affair, a crawl or a delivery, fall due again after `pause`."""
    session.execute(
        update(Task)
        .where(_in_hand(batch), Task.subject_id == subject_id)
        .values(
            lease_token=None, worker_id=None, attempts=0, error=error,
            owed_at=datetime.now(UTC) + pause, due_at=datetime.now(UTC) + pause,
        )
    )  # fmt: skip


def release_batch(session: Session, batch: Batch) -> None:
    """Let a batch whose work broke off be taken at once; it counts as an attempt."""
    session.execute(update(Task).where(_in_hand(batch)).values(due_at=datetime.now(UTC)))


def release(session: Session, worker_ids: Sequence[str]) -> None:
    """Let what dead workers had in hand be taken at once; it counts as an attempt."""
    if worker_ids:
        session.execute(
            update(Task)
            .where(Task.worker_id.in_(worker_ids), Task.lease_token.is_not(None))
            .values(due_at=datetime.now(UTC))
        )


def queues(session: Session) -> dict[str, Queue]:
    """Return how each queue stands, by kind; every kind is there."""
    now = datetime.now(UTC)
    open_ = Task.attempts < MAX_ATTEMPTS
    owed = and_(open_, Task.owed_at <= now)
    rows = session.execute(
        select(
            Task.kind,
            func.count().filter(owed).label("waiting"),
            func.count()
            .filter(and_(open_, Task.lease_token.is_not(None), Task.due_at > now))
            .label("in_hand"),
            func.count().filter(Task.attempts >= MAX_ATTEMPTS).label("parked"),
            func.min(Task.owed_at).filter(and_(owed, Task.turn == 0)).label("oldest"),
        ).group_by(Task.kind)
    ).all()
    found = {row.kind: Queue(row.waiting, row.in_hand, row.parked, row.oldest) for row in rows}
    return {kind: found.get(kind, Queue()) for kind in TaskKind}


def parked(session: Session, limit: int = 200) -> Sequence[Task]:
    """Return the tasks given up, the latest first."""
    return session.scalars(
        select(Task).where(Task.attempts >= MAX_ATTEMPTS).order_by(Task.due_at.desc(), Task.id).limit(limit)
    ).all()


def _count_lapsed(session: Session, kind: TaskKind, now: datetime) -> None:
    session.execute(
        update(Task)
        .where(Task.kind == kind, Task.lease_token.is_not(None), _due(now))
        .values(
            lease_token=None, worker_id=None, due_at=now, attempts=Task.attempts + 1,
            error=func.coalesce(Task.error, INTERRUPTED),
        )
    )  # fmt: skip


def _due(now: datetime) -> ColumnElement[bool]:
    set_back = and_(Task.due_at > now + _LONGEST_PAUSE, Task.kind.not_in(_PUT_OFF))
    return or_(Task.due_at <= now, set_back)


def _lease(
    session: Session, task_ids: Sequence[int], subject_ids: Sequence[int], worker_id: str, until: datetime
) -> Batch:
    token = secrets.token_hex(16)
    session.execute(
        update(Task)
        .where(Task.id.in_(task_ids))
        .values(lease_token=token, worker_id=worker_id or None, due_at=until)
    )
    return Batch(token, tuple(task_ids), tuple(dict.fromkeys(subject_ids)))


def _in_hand(batch: Batch) -> ColumnElement[bool]:
    return and_(Task.id.in_(batch.task_ids), Task.lease_token == batch.token)


def _host(url: str | None) -> str:
    return (urlsplit(url or "").hostname or "").removeprefix("www.")
