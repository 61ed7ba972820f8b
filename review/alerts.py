"""Tells people of new matches of the filters they keep: how many and which, never a word of a post."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from review.lanes import Region, condition, undecided
from review.permissions import Person
from store import delivery
from store.queue_tables import SavedFilter
from store.tables import Case, User
from store.tasks import MAX_ATTEMPTS
from store.vocabulary import Channel, Role, TaskKind
from store.work_tables import Task

EVERY = timedelta(minutes=5)
_NAMED = 20


def due(session: Session, at: datetime) -> Sequence[SavedFilter]:
    """Return the filters with an alert, of people who can sign in, not looked at for five minutes."""
    return session.scalars(
        select(SavedFilter)
        .join(User, User.id == SavedFilter.user_id)
        .where(SavedFilter.channel.is_not(None), SavedFilter.checked_at <= at - EVERY, User.active)
        .order_by(SavedFilter.id)
    ).all()


def new_cases(session: Session, kept: SavedFilter, lane: str, region: Region, at: datetime) -> Sequence[int]:
    """Return the cases of a lane, nobody having decided them, that were opened since `kept` was looked at."""
    owner = session.get_one(User, kept.user_id)
    wanted = condition(lane, Person(owner.id, Role(owner.role)), at, undecided(), region)
    return session.scalars(select(Case.id).where(wanted, Case.id > kept.mark).order_by(Case.id)).all()


def first_unfinished(session: Session, kept: SavedFilter) -> int | None:
    """Return the first post above the mark of `kept` that is still to be scored or indexed, or None.

    What comes after it is told another time: the mark must not pass a post that cannot be found yet. One
    that was given up holds nothing back.
    """
    return session.scalar(
        select(func.min(Task.subject_id)).where(
            Task.kind.in_((TaskKind.SCORE, TaskKind.INDEX)),
            Task.subject_id > kept.mark,
            Task.attempts < MAX_ATTEMPTS,
        )
    )


def tell(session: Session, filter_id: int, found: Sequence[int], at: datetime) -> None:
    """Note that a filter was looked at, and owe the message of what was found, in one transaction.

    `found` are ids of cases or posts above the filter's mark; none, and nothing is sent.
    """
    kept = session.get(SavedFilter, filter_id, with_for_update=True)
    if kept is None or kept.channel is None:
        return
    new = sorted(i for i in found if i > kept.mark)
    kept.checked_at = at
    if not new:
        return
    kept.mark = new[-1]
    channel = Channel(kept.channel)
    subject = f"Kiểm Tin: {len(new)} kết quả mới của bộ lọc {kept.name}"
    body = _event(kept, new, at) if channel == Channel.WEBHOOK else _letter(kept, new)
    title = "filter.matched" if channel == Channel.WEBHOOK else subject
    delivery.owe(session, channel, kept.alert_to, title, body, kind="alert", at=at)


def _letter(kept: SavedFilter, new: Sequence[int]) -> str:
    what = "ca" if kept.kind == "queue" else "bài"
    named = ", ".join(map(str, new[:_NAMED])) + (", …" if len(new) > _NAMED else "")
    return (
        f"Bộ lọc “{kept.name}” có {len(new)} {what} mới: {named}.\n\n"
        f"Mở Kiểm Tin, trang /{kept.kind}?{kept.query}\n\n"
        "Thư này không có nội dung bài. Bỏ báo tin ở trang /filters.\n"
    )


def _event(kept: SavedFilter, new: Sequence[int], at: datetime) -> str:
    data = {"filter": kept.id, "kind": kept.kind, "new": len(new), "ids": list(new[:_NAMED])}
    said = {"type": "filter.matched", "timestamp": at.isoformat(), "data": data}
    return json.dumps(said, separators=(",", ":"))
