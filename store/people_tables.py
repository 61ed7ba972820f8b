"""What is kept of the people who sign in, beside `store.tables.User`: lanes, second factors, devices, tries.

Every token and code is kept as its SHA-256 alone: each is random with at least 74 bits, so a hash that is
quick to make cannot be guessed back.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, Id, one_of, primary_key, to

# These rows live for minutes and belong to the server that wrote them.
_STAYS = {"stays": True}


class SignInBy(StrEnum):
    """How a session was opened."""

    PASSWORD = "password"  # noqa: S105 a word of the records
    CODE = "code"
    OIDC = "oidc"


class Step(StrEnum):
    """What a sign-in that has begun still waits for."""

    CODE = "code"
    OIDC = "oidc"


class LaneGrant(Base):
    """A lane of the queue (a harm, or "uncertain") that a person is limited to; no row: all lanes."""

    __tablename__ = "lane_grant"

    user_id: Mapped[int] = mapped_column(Id, ForeignKey("user.id"), primary_key=True)
    lane: Mapped[str] = mapped_column(String(32), primary_key=True)


class SecondFactor(Base):
    """A person's TOTP secret (RFC 6238), sealed; it counts once `confirmed_at` is there.

    `last_step` is the 30-second step of the last code that was taken, so that none is taken twice.
    """

    __tablename__ = "second_factor"

    user_id: Mapped[int] = mapped_column(Id, ForeignKey("user.id"), primary_key=True, autoincrement=False)
    sealed: Mapped[bytes]
    added_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int] = mapped_column(BigInteger, default=0)


class RecoveryCode(Base):
    """A code that stands once for a second factor that is lost."""

    __tablename__ = "recovery_code"
    __table_args__ = (UniqueConstraint("user_id", "sha256"),)

    id: Mapped[int] = primary_key()
    user_id: Mapped[int] = to("user.id")
    sha256: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None]


class KnownDevice(Base):
    """A browser that a person signed in with: guesses made elsewhere do not keep it out."""

    __tablename__ = "known_device"

    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = to("user.id", index=True)
    expires_at: Mapped[datetime]


class OutsideIdentity(Base):
    """Whom an OIDC provider must name for a person to be signed in.

    `name` is what an administrator wrote; at the first sign-in the account is bound to `subject`, which the
    provider never gives to another, and the name is not asked again.
    """

    __tablename__ = "outside_identity"
    __table_args__ = (UniqueConstraint("issuer", "name"), UniqueConstraint("issuer", "subject"))

    user_id: Mapped[int] = mapped_column(Id, ForeignKey("user.id"), primary_key=True, autoincrement=False)
    issuer: Mapped[str]
    name: Mapped[str]
    subject: Mapped[str | None]
    bound_at: Mapped[datetime | None]


class SignInStep(Base):
    """A sign-in that has begun in one browser: the password was right, or a provider is being asked."""

    __tablename__ = "sign_in_step"
    __table_args__ = (one_of("step", Step), {"info": _STAYS})

    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    step: Mapped[str] = mapped_column(String(8))
    user_id: Mapped[int | None] = to("user.id")
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    expires_at: Mapped[datetime]


class SignInTries(Base):
    """How often signing in failed from one place or for one login since `began_at`; gone after its time."""

    __tablename__ = "sign_in_tries"
    __table_args__ = (CheckConstraint("failures >= 0", name="failures"), {"info": _STAYS})

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int]
    began_at: Mapped[datetime]
