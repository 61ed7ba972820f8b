"""The addresses that are told of events, as `store.news` has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from store import audit
from store.delivery import BadMessage, require_url
from store.delivery_tables import Webhook
from store.news import EVENTS


def add(session: Session, url: str, events: Iterable[str], actor: str, at: datetime) -> Webhook:
    """Tell `url` of events from now on, of all when none is named; raises `BadMessage`."""
    require_url(url)
    wanted = sorted(set(events)) or sorted(EVENTS)
    if unknown := [name for name in wanted if name not in EVENTS]:
        raise BadMessage(f"Không có sự kiện {', '.join(unknown)}; có: {', '.join(sorted(EVENTS))}.")
    if session.scalar(select(Webhook.id).where(Webhook.url == url)) is not None:
        raise BadMessage(f"Đã báo sự kiện tới {url}. Bỏ đi rồi thêm lại để đổi các sự kiện.")
    made = Webhook(url=url, events=wanted, added_at=at, added_by=actor)
    session.add(made)
    session.flush()
    audit.append(session, actor, "webhook.added", f"webhook:{made.id}", url=url, events=wanted)
    return made


def remove(session: Session, url: str, actor: str) -> None:
    """Tell `url` of nothing any more; what it was owed before is still sent. Raises `BadMessage`."""
    found = session.scalar(select(Webhook).where(Webhook.url == url))
    if found is None:
        raise BadMessage(f"Không báo sự kiện nào tới {url}.")
    audit.append(session, actor, "webhook.removed", f"webhook:{found.id}", url=url)
    session.delete(found)


def every(session: Session) -> Sequence[Webhook]:
    """Return all, the oldest first."""
    return session.scalars(select(Webhook).order_by(Webhook.id)).all()
