"""How the work stands: queues with their lag, workers, and what was given up with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from review.errors import ReviewError
from review.permissions import Action, Person, require
from store import audit, sending, tasks
from store.tables import Post, Source
from store.vocabulary import TaskKind
from store.work_tables import Task, Worker

# Sooner than this a search shows what was decided; later, people are told.
LATE = timedelta(minutes=1)


class NoSuchTask(ReviewError):
    template = "Việc {task} không còn trong danh sách việc bị dừng."


@dataclass(frozen=True)
class Parked:
    """A task given up, and the name of the post or source it is about; a delivery has only its number."""

    task: Task
    about: str


@dataclass(frozen=True)
class Overview:
    """The queues by kind, the workers, what rests and why, and the tasks given up."""

    queues: dict[str, tasks.Queue]
    workers: Sequence[Worker]
    parked: Sequence[Parked]
    at: datetime

    def lag(self, kind: str) -> timedelta:
        """Return how far a queue is behind."""
        return self.queues[kind].lag(self.at)

    @property
    def trouble(self) -> dict[str, str]:
        """Why a queue rests, by kind."""
        return {kind: why for worker in self.workers for kind, why in worker.trouble.items()}


def overview(session: Session, at: datetime) -> Overview:
    """Return how the work stands at a moment. Five queries."""
    parked = tasks.parked(session)
    posts = [task.subject_id for task in parked if task.kind not in {TaskKind.CRAWL, TaskKind.DELIVER}]
    sources = [task.subject_id for task in parked if task.kind == TaskKind.CRAWL]
    keys = session.execute(select(Post.id, Post.key).where(Post.id.in_(posts)))
    of_posts = {row.id: row.key for row in keys}
    named = session.execute(select(Source.id, Source.name).where(Source.id.in_(sources)))
    of_sources = {row.id: row.name for row in named}
    names = {TaskKind.CRAWL.value: of_sources, TaskKind.DELIVER.value: dict[int, str]()}
    return Overview(
        queues=tasks.queues(session),
        workers=session.scalars(select(Worker).order_by(Worker.started_at, Worker.id)).all(),
        parked=[Parked(t, names.get(t.kind, of_posts).get(t.subject_id, f"#{t.subject_id}")) for t in parked],
        at=at,
    )


def index_lag(session: Session, at: datetime) -> timedelta:
    """Return how far the index is behind the records."""
    return tasks.queues(session)[TaskKind.INDEX].lag(at)


def retry(session: Session, person: Person, task_id: int, at: datetime) -> None:
    """Let a task given up be tried again from the start; raises `NoSuchTask`."""
    task = _parked(session, person, task_id)
    task.attempts, task.due_at = 0, at
    audit.append(
        session, person.actor, "task.retried", f"task:{task.id}", kind=task.kind, about=task.subject_id
    )


def discard(session: Session, person: Person, task_id: int) -> None:
    """Give a task up for good; raises `NoSuchTask`. A crawl cannot be: its source is switched off instead."""
    task = _parked(session, person, task_id)
    if task.kind == TaskKind.CRAWL:
        raise NoSuchTask(task=task_id)
    audit.append(
        session, person.actor, "task.discarded", f"task:{task.id}",
        kind=task.kind, about=task.subject_id, error=task.error,
    )  # fmt: skip
    if task.kind == TaskKind.DELIVER:
        sending.give_up(session, task.subject_id)
    session.execute(delete(Task).where(Task.id == task.id))


def _parked(session: Session, person: Person, task_id: int) -> Task:
    require(person, Action.LEAD)
    wanted = select(Task).where(Task.id == task_id, Task.attempts >= tasks.MAX_ATTEMPTS).with_for_update()
    task = session.scalar(wanted)
    if task is None:
        raise NoSuchTask(task=task_id)
    return task
