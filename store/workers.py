"""Which processes work, and which of them has a duty that must be done once."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from store import tasks
from store.records import lock
from store.work_tables import Leader, Worker

BEAT = timedelta(seconds=10)
# A heart that missed this long has stopped; its work is returned.
DEAD = timedelta(seconds=45)
# Clocks of hosts differ; one that is ahead by more than this is no sign of life.
_AHEAD = timedelta(minutes=10)


def join(session: Session, queues: Sequence[str]) -> str:
    """Enter this process among the workers and return its id."""
    now = datetime.now(UTC)
    worker_id = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(3)}"
    session.add(
        Worker(
            id=worker_id, host=_here(), pid=os.getpid(), queues=list(queues),
            started_at=now, beat_at=now, counters={}, trouble={},
        )
    )  # fmt: skip
    return worker_id


def beat(session: Session, worker_id: str, counters: Mapping[str, int], trouble: Mapping[str, Any]) -> bool:
    """Say that a worker lives, what it did and why a queue of it rests; False when it was taken for dead."""
    row = session.execute(
        update(Worker)
        .where(Worker.id == worker_id)
        .values(beat_at=datetime.now(UTC), counters=dict(counters), trouble=dict(trouble))
        .returning(Worker.id)
    ).first()
    return row is not None


def leave(session: Session, worker_id: str) -> None:
    """Take a worker that ends off the list, and hand its duties on."""
    tasks.release(session, [worker_id])
    session.execute(delete(Leader).where(Leader.worker_id == worker_id))
    session.execute(delete(Worker).where(Worker.id == worker_id))


def bury(session: Session, now: datetime | None = None) -> list[str]:
    """Take workers whose heart stopped off the list and return their work; return their ids.

    A worker of this host whose process is gone need not be waited for.
    """
    now = now or datetime.now(UTC)
    silent = or_(Worker.beat_at < now - DEAD, Worker.beat_at > now + _AHEAD)
    dead = set(session.scalars(select(Worker.id).where(silent)))
    here = select(Worker.id, Worker.pid).where(Worker.host == _here())
    dead |= {row.id for row in session.execute(here) if not _lives(row.pid)}
    tasks.release(session, sorted(dead))
    session.execute(delete(Leader).where(Leader.worker_id.in_(dead)))
    session.execute(delete(Worker).where(Worker.id.in_(dead)))
    return sorted(dead)


def lead(session: Session, duty: str, worker_id: str, term: timedelta = timedelta(seconds=30)) -> bool:
    """Say whether `worker_id` has `duty` for the next `term`: it had it, or nobody has."""
    lock(session, f"lead/{duty}")
    now = datetime.now(UTC)
    held = session.get(Leader, duty, populate_existing=True)
    if held is None:
        session.add(Leader(duty=duty, worker_id=worker_id, until=now + term))
        return True
    if held.worker_id != worker_id and now < held.until < now + _AHEAD:
        return False
    held.worker_id, held.until = worker_id, now + term
    return True


def _here() -> str:
    # Containers may share the name of their host, but not its processes: the number tells them apart.
    try:
        space = Path("/proc/self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:
        space = ""
    return f"{socket.gethostname()[:150]} {space}".strip()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
