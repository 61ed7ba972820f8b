"""The policy in force, and those before it: texts that `classifier.policy` reads, each with its decision."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, insert, literal, select, text
from sqlalchemy.orm import Session

from store import audit
from store.base import UtcDateTime
from store.policy_tables import PolicySwitch
from store.records import lock
from store.tables import Assessment, Case, Post
from store.vocabulary import CaseState, TaskKind
from store.work_tables import Task

FIRST = "chính sách đầu tiên của hệ thống"


class PolicyError(Exception):
    """A policy was not switched to; the message says why and what to do. Nothing was recorded."""


@dataclass(frozen=True)
class Switched:
    """What a switch did: its row, and how many posts are owed a judgement by the new policy."""

    row: PolicySwitch
    owed: int


def digest(said: str) -> str:
    """Return the SHA-256 (hex) of a policy's text."""
    return hashlib.sha256(said.encode()).hexdigest()


def active(session: Session) -> PolicySwitch | None:
    """Return the switch in force, or None where none was ever recorded."""
    return session.scalar(select(PolicySwitch).order_by(PolicySwitch.id.desc()).limit(1))


def history(session: Session) -> Sequence[PolicySwitch]:
    """Return all switches, the one in force first."""
    return session.scalars(select(PolicySwitch).order_by(PolicySwitch.id.desc())).all()


def of_versions(session: Session, versions: Iterable[str]) -> dict[str, PolicySwitch]:
    """Return the switches to some versions, those that were ever made."""
    rows = session.scalars(select(PolicySwitch).where(PolicySwitch.version.in_(versions)))
    return {row.version: row for row in rows}


def judging(session: Session) -> PolicySwitch | None:
    """Return the switch in force, which cannot change before this transaction ends.

    Who writes assessments holds this: a switch waits for them, and then owes each of them a new judgement.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock_shared(hashtext('kiemtin/policy'))"))
    return active(session)


def begin(session: Session, version: str, said: str, at: datetime) -> PolicySwitch:
    """Record the first policy, unless there is one; return the one in force."""
    lock(session, "policy")
    found = active(session)
    return found or _record(session, version, said, audit.SYSTEM, FIRST, at, None)


def switch(
    session: Session,
    version: str,
    said: str,
    *,
    actor: str,
    reason: str,
    at: datetime,
    seen: str | None = None,
    **detail: str,
) -> Switched:
    """Judge by the policy `said` from now on, and owe every undecided post a judgement by it.

    `said` must be a policy of that version (the caller has read it); `seen` is the SHA-256 of the policy in
    force that the person looked at. Raises `PolicyError` without a reason, for a version that was in force
    before, or when the policy in force is not the one seen.
    """
    if not reason.strip():
        raise PolicyError("Hãy ghi lý do chuyển chính sách.")
    lock(session, "policy")
    before = active(session)
    if before is not None and before.sha256 == digest(said):
        raise PolicyError(f"Chính sách {version} đang được dùng rồi.")
    if of_versions(session, [version]):
        raise PolicyError(
            f"Phiên bản {version} đã từng được dùng với nội dung đã ghi lại: đặt một version mới trong tệp,"
            " kể cả khi quay về nội dung cũ."
        )
    if seen is not None and before is not None and before.sha256 != seen:
        raise PolicyError(f"Chính sách vừa được chuyển sang {before.version}. Hãy xem lại rồi quyết định.")
    row = _record(session, version, said, actor, reason.strip(), at, before, **detail)
    return Switched(row, _owe(session, version, at))


def _record(
    session: Session,
    version: str,
    said: str,
    actor: str,
    reason: str,
    at: datetime,
    before: PolicySwitch | None,
    **detail: str,
) -> PolicySwitch:
    row = PolicySwitch(version=version, sha256=digest(said), text=said, reason=reason, actor=actor, at=at)
    session.add(row)
    session.flush()
    audit.append(
        session, actor, "policy.switched", f"policy:{row.id}", version=version, sha256=row.sha256,
        before=before.version if before else None, before_sha256=before.sha256 if before else None,
        reason=reason, **detail,
    )  # fmt: skip
    return row


def owe_again(session: Session, post_id: int, at: datetime) -> None:
    """Owe a post a judgement by the policy in force, if another judged it.

    A switch owes none to what was decided.
    """
    in_force = active(session)
    judged = session.scalar(
        select(Assessment.policy).join(Post, Post.assessment_id == Assessment.id).where(Post.id == post_id)
    )
    owed = session.scalar(select(Task.id).where(Task.kind == TaskKind.SCORE, Task.subject_id == post_id))
    if in_force is not None and judged != in_force.version and owed is None:
        session.add(Task(kind=TaskKind.SCORE, subject_id=post_id, owed_at=at, due_at=at))


def undecided() -> ColumnElement[bool]:
    """Return the condition that nobody has decided the cluster of a post."""
    decided = exists().where(Case.cluster_id == Post.cluster_id, Case.state == CaseState.DECIDED)
    return ~decided


def _owe(session: Session, version: str, at: datetime) -> int:
    """Owe a score to each undecided post that another policy judged, after what is new."""
    judged = and_(Assessment.id == Post.assessment_id, Assessment.post_version == Post.version)
    now = literal(at, UtcDateTime())
    owed = (
        select(
            literal(TaskKind.SCORE).label("kind"),
            Post.id,
            now.label("owed_at"),
            now.label("due_at"),
            literal(0),
            literal(1).label("turn"),
        )
        .join(Assessment, judged)
        .where(Assessment.policy != version, Post.purged_at.is_(None), undecided())
    )
    number = session.scalar(select(func.count()).select_from(owed.subquery())) or 0
    columns = ["kind", "subject_id", "owed_at", "due_at", "attempts", "turn"]
    session.execute(insert(Task).from_select(columns, owed))
    return number
