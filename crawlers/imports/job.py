"""What every import does in the records: begins a run, holds its place in the file, and ends it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from store import audit
from store.archived import Torn
from store.records import Records, lock
from store.tables import Capture, Rejection, Run, Source
from store.vocabulary import RunKind, RunState, SourceKind

Progress = Callable[[int, int], None]

_REASON, _RAW = 2_000, 20_000


class ImportConflict(Exception):
    """Two processes import the same file, or it changed meanwhile; the message says which."""


@dataclass(frozen=True)
class Job:
    """An import as the records know it: what has the same `identity` is the same import."""

    file_name: str
    sha256: str
    identity: str
    source: str
    source_kind: SourceKind
    legal_basis: str
    language: str


@dataclass(frozen=True)
class Outcome:
    """What an import did. `resumed_at` is the row it went on after; `done_before`: nothing was left to do."""

    run_id: int
    counters: dict[str, int]
    rejected: int
    resumed_at: int
    done_before: bool
    torn: tuple[Torn, ...]


def identity_of(*parts: object) -> str:
    """Return the name of an import, of all that makes it another one."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find(records: Records, job: Job) -> Run | None:
    """Return the run of an import that was begun before."""
    with records.read() as session:
        return session.scalar(select(Run).where(Run.identity == job.identity))


def begin(records: Records, job: Job, capture: Capture | None = None) -> Run:
    """Return a new run, with `capture` as the one of its whole file; the run there is, if it was begun."""
    now = datetime.now(UTC)
    with records.write() as session:
        lock(session, "import")
        begun = session.scalar(select(Run).where(Run.identity == job.identity))
        if begun is not None:
            return begun
        source = _source(session, job, now)
        if capture is not None:
            capture.source_id = source.id
            session.add(capture)
            session.flush()
        begun = Run(
            kind=RunKind.IMPORT,
            state=RunState.RUNNING,
            source_id=source.id,
            capture_id=capture.id if capture is not None else None,
            file_name=job.file_name,
            identity=job.identity,
            started_at=now,
            counters={},
            next_row=0,
        )
        session.add(begun)
        session.flush()
        audit.append(
            session,
            audit.SYSTEM,
            "import.started",
            f"run:{begun.id}",
            file=job.file_name,
            sha256=job.sha256,
            source=source.id,
        )
    return begun


def held(session: Session, run_id: int, expected: int) -> Run:
    """Return a run to go on with, locked; raises `ImportConflict` unless it is where its process left it."""
    current = session.get_one(Run, run_id, with_for_update=True)
    if current.next_row != expected or current.state == RunState.DONE:
        raise ImportConflict(f"{current.file_name} đang được một tiến trình khác nhập. Đợi nó xong.")
    current.state, current.finished_at = RunState.RUNNING, None
    return current


def refuse(session: Session, run_id: int, row: int, reason: str, raw: str) -> None:
    """Keep a row that was not accepted, and why."""
    kept = [text.encode("utf-8", "replace").decode().replace("\0", "�") for text in (reason, raw)]
    session.add(Rejection(run_id=run_id, row=row, reason=kept[0][:_REASON], raw=kept[1][:_RAW]))


def end(records: Records, run_id: int, expected: int) -> Run:
    """Close a run whose file was read to its end; raises `ImportConflict`."""
    with records.write() as session:
        ended = session.get_one(Run, run_id, with_for_update=True)
        if ended.next_row != expected:
            raise ImportConflict(f"{ended.file_name} đang được một tiến trình khác nhập. Đợi nó xong.")
        if ended.state != RunState.DONE:
            _close(session, ended, RunState.DONE)
            audit.append(session, audit.SYSTEM, "import.finished", f"run:{run_id}", counters=ended.counters)
        return ended


def fail(records: Records, run_id: int, expected: int, reason: str) -> Run:
    """Close a run whose file cannot be read further; given again, it goes on from there."""
    with records.write() as session:
        ended = held(session, run_id, expected)
        _close(session, ended, RunState.FAILED)
        audit.append(
            session, audit.SYSTEM, "import.failed", f"run:{run_id}", reason=reason, counters=ended.counters
        )
        return ended


def write_errors(session: Session, run_id: int, path: Path) -> int:
    """Write the refused rows of a run to `path` as JSON lines `{row, reason, raw}`; return how many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".part")
    count = 0
    with aside.open("w", encoding="utf-8") as file:
        for found in session.scalars(
            select(Rejection).where(Rejection.run_id == run_id).order_by(Rejection.row)
        ):
            line = {"row": found.row, "reason": found.reason, "raw": found.raw}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    return count


def _source(session: Session, job: Job, now: datetime) -> Source:
    source = session.scalar(select(Source).where(Source.name == job.source))
    if source is None:
        source = Source(
            name=job.source,
            kind=job.source_kind,
            language=job.language,
            legal_basis=job.legal_basis,
            added_at=now,
        )
        session.add(source)
        session.flush()
        audit.append(session, audit.SYSTEM, "source.added", f"source:{source.id}", name=source.name)
    return source


def _close(session: Session, run: Run, state: RunState) -> None:
    run.state = state
    run.finished_at = datetime.now(UTC)
