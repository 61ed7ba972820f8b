"""What becomes of the messages owed: sent, tried again for two days, then a dead letter for people to see."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from store import audit, tasks
from store.delivery_tables import Delivery
from store.tasks import Batch
from store.vocabulary import DeliveryState, TaskKind
from store.work_tables import Task

# About as the Standard Webhooks specification recommends; the last attempt is two days after the first.
PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 60, 300, 1800, 7200, 18_000, 36_000, 50_400, 64_800)
)


def sent(session: Session, batch: Batch, delivery_id: int, at: datetime) -> None:
    """Note that a message was taken by its recipient's server, and keep no more of it than that."""
    delivery = session.get_one(Delivery, delivery_id)
    delivery.state, delivery.sent_at, delivery.error = DeliveryState.SENT, at, None
    delivery.attempts += 1
    delivery.body_text = delivery.body_html = ""
    delivery.attachments = []
    _trace(session, delivery, "delivery.sent")
    tasks.finish(session, batch, [delivery_id])


def failed(session: Session, batch: Batch, delivery_id: int, error: str, *, for_good: bool = False) -> bool:
    """Note why a message could not be sent; say whether it was given up: the last time, or `for_good`."""
    delivery = session.get_one(Delivery, delivery_id)
    delivery.error = error[:2000]
    delivery.attempts += 1
    if for_good or delivery.attempts > len(PAUSES):
        delivery.state = DeliveryState.DEAD
        _trace(session, delivery, "delivery.dead")
        tasks.finish(session, batch, [delivery_id])
        return True
    # Up to a fifth longer, by chance, so that what failed together does not come back together.
    pause = PAUSES[delivery.attempts - 1] * (1 + secrets.randbelow(200) / 1000)
    tasks.put_off(session, batch, delivery_id, pause, delivery.error)
    return False


def found(session: Session, state: DeliveryState | None = None, limit: int = 200) -> Sequence[Delivery]:
    """Return messages, of a state or all, the latest first."""
    wanted = select(Delivery).order_by(Delivery.id.desc()).limit(limit)
    return session.scalars(wanted if state is None else wanted.where(Delivery.state == state)).all()


def retry(session: Session, actor: str, at: datetime, ids: Iterable[int] | None = None) -> list[int]:
    """Let dead letters (all, or those of `ids`) be sent anew, with all their attempts; return their ids."""
    wanted = select(Delivery).where(Delivery.state == DeliveryState.DEAD).order_by(Delivery.id)
    if ids is not None:
        wanted = wanted.where(Delivery.id.in_(list(ids)))
    again = session.scalars(wanted.with_for_update()).all()
    for delivery in again:
        delivery.state, delivery.attempts = DeliveryState.WAITING, 0
        session.add(Task(kind=TaskKind.DELIVER, subject_id=delivery.id, owed_at=at, due_at=at))
        _trace(session, delivery, "delivery.retried", actor)
    return [delivery.id for delivery in again]


def give_up(session: Session, delivery_id: int) -> None:
    """Make a message whose task was discarded a dead letter."""
    delivery = session.get(Delivery, delivery_id)
    if delivery is not None and delivery.state == DeliveryState.WAITING:
        delivery.state = DeliveryState.DEAD


def _trace(session: Session, delivery: Delivery, action: str, actor: str = audit.SYSTEM) -> None:
    # Who was written to is in the row; the log, which is kept for ever, has no addresses of people.
    subject = f"delivery:{delivery.id}"
    audit.append(session, actor, action, subject, channel=delivery.channel, kind=delivery.kind)
