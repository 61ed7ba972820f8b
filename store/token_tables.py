"""What programs show instead of signing in, and what their repeated requests are answered with."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from store.base import Base, Id, primary_key, to
from store.tables import User
from store.work_tables import HERE


class AccessToken(Base):
    """A token by which a program asks in its owner's name, within `scopes`; only its SHA-256 is kept.

    The token is 32 bytes of chance, so a hash that is quick to make gives nothing away.
    """

    __tablename__ = "access_token"
    __table_args__ = (CheckConstraint("expires_at > created_at", name="expires"),)

    id: Mapped[int] = primary_key()
    user_id: Mapped[int] = to("user.id", index=True)
    name: Mapped[str] = mapped_column(String(100))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[Any]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    user: Mapped[User] = relationship()


class KeptAnswer(Base):
    """The answer of a request that carried an `Idempotency-Key`, for when the same comes again.

    `status` is None from its beginning until its answer is kept. The answer is encrypted with the key, of
    which only the SHA-256 is here: it may hold what is shown once.
    """

    __tablename__ = "kept_answer"
    __table_args__ = HERE

    user_id: Mapped[int] = mapped_column(Id, ForeignKey("user.id"), primary_key=True)
    key_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    request_sha256: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    status: Mapped[int | None]
    media_type: Mapped[str]
    body: Mapped[bytes]
