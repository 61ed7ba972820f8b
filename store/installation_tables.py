"""What an installation knows of itself: the agency it works for, and how far its setting up is."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, Id, one_of


class SetupState(StrEnum):
    """Setting up is pending until the first administrator is done with it, or puts it off."""

    PENDING = "pending"
    PUT_OFF = "put_off"
    DONE = "done"


class Installation(Base):
    """The one row of an installation; none where its first administrator was made by an older version."""

    __tablename__ = "installation"
    __table_args__ = (CheckConstraint("id = 1", name="one"), one_of("setup", SetupState))

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    agency: Mapped[str] = mapped_column(String(200), default="")
    setup: Mapped[str] = mapped_column(String(16))
    changed_at: Mapped[datetime]
