"""What is told of events: what happened to which case, referral or report, and nothing else."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.delivery import owe
from store.delivery_tables import Webhook
from store.tables import Event
from store.vocabulary import Channel, ReferralState

# What is told, by the action of the audit log; the value is the state that the subject is in now.
EVENTS = {
    "case.decided": "decided",
    "case.undone": "queued",
    "case.reopened": "queued",
    "report.published": "published",
    "correction.published": "published",
    "correction.withdrawn": "withdrawn",
    "digest.made": "made",
} | {f"referral.{state}": state.value for state in ReferralState}


def announce(session: Session, event: Event) -> None:
    """Owe the news of an event of the audit log to the addresses that are told of such."""
    if event.action not in EVENTS:
        return
    at = datetime.fromisoformat(event.at)
    for webhook in session.scalars(select(Webhook).order_by(Webhook.id)):
        if event.action in webhook.events:
            body = json.dumps(payload(event), separators=(",", ":"))
            owe(session, Channel.WEBHOOK, webhook.url, event.action, body, kind="event", at=at)


def payload(event: Event) -> dict[str, Any]:
    """Return what is told of an event: its kind, when, and the id and state of its subject.

    Reasons and names stay here: the audit log has them, for who may read it.
    """
    subject, _, number = event.subject.partition(":")
    return {
        "type": event.action,
        "timestamp": event.at,
        "data": {"kind": subject, "id": number, "state": EVENTS[event.action], "event": event.id},
    }
