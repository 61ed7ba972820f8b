"""What leaves the installation: messages to send, and the addresses that are told of events."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, one_of, primary_key
from store.vocabulary import Channel, DeliveryState


class Delivery(Base):
    """One message to one recipient, owed in the transaction of what it tells of.

    `key` is the same at each attempt: a recipient that gets a message twice can see that it is one. Once a
    message is sent, its text and attachments (`name`, `media_type`, `content` in Base64) are not kept.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        one_of("channel", Channel),
        one_of("state", DeliveryState),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent"),
        Index("ix_delivery_state", "state", "id"),
    )

    id: Mapped[int] = primary_key()
    key: Mapped[str] = mapped_column(String(36), unique=True)
    kind: Mapped[str] = mapped_column(String(32))
    channel: Mapped[str] = mapped_column(String(16))
    recipient: Mapped[str]
    subject: Mapped[str]
    body_text: Mapped[str]
    body_html: Mapped[str]
    attachments: Mapped[list[Any]]
    state: Mapped[str] = mapped_column(String(16), default=DeliveryState.WAITING)
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    owed_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


class Webhook(Base):
    """An address that is told of events: their ids and states, never a text or an author."""

    __tablename__ = "webhook"

    id: Mapped[int] = primary_key()
    url: Mapped[str] = mapped_column(unique=True)
    events: Mapped[list[Any]]
    added_at: Mapped[datetime]
    added_by: Mapped[str] = mapped_column(String(100))
