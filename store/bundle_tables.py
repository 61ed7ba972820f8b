"""What is kept of evidence bundles: what a person masked, which were built, and who is asked to date them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, Id, one_of, primary_key, to


class BundleState(StrEnum):
    BUILDING = "building"
    BUILT = "built"


class StampState(StrEnum):
    WAITING = "waiting"
    STAMPED = "stamped"


class Redaction(Base):
    """What a person decided to mask in the evidence of a referral; the latest counts, none is ever changed.

    `marks` are `{text, kind, keep, why}`, one for each text proposed or added; what is kept says why.
    `boxes` are `[x, y, width, height]` in pixels of the picture. `images` says that pictures of the page were
    looked at and may go along; `original_reason`, where it is not empty, why the untouched original goes
    along, sealed. It counts for the evidence of `evidence_sha256` alone.
    """

    __tablename__ = "redaction"

    id: Mapped[int] = primary_key()
    referral_id: Mapped[int] = to("referral.id", index=True)
    evidence_sha256: Mapped[str] = mapped_column(String(64))
    marks: Mapped[list[Any]]
    boxes: Mapped[list[Any]]
    images: Mapped[bool]
    original_reason: Mapped[str]
    user_id: Mapped[int] = to("user.id")
    at: Mapped[datetime]


class Bundle(Base):
    """One bundle of a referral, from when it was begun; what it is made of is fixed then.

    `upto` is the last event of the audit log that its custody tells. `manifest_sha256` is the SHA-256 of its
    SHA256SUMS: the name by which others know it, for dates that come later do not change it. `done` of
    `total` steps are made.
    """

    __tablename__ = "bundle"
    __table_args__ = (
        one_of("state", BundleState),
        UniqueConstraint("referral_id"),
        CheckConstraint(
            "(state = 'built') = (manifest_sha256 IS NOT NULL) AND (state = 'built') = (size IS NOT NULL)",
            name="built",
        ),
    )

    id: Mapped[int] = primary_key()
    referral_id: Mapped[int] = to("referral.id")
    redaction_id: Mapped[int] = to("redaction.id")
    state: Mapped[str] = mapped_column(String(16), default=BundleState.BUILDING)
    upto: Mapped[int] = mapped_column(Id)
    user_id: Mapped[int] = to("user.id")
    started_at: Mapped[datetime]
    built_at: Mapped[datetime | None]
    name: Mapped[str]
    manifest_sha256: Mapped[str | None] = mapped_column(String(64))
    size: Mapped[int | None] = mapped_column(BigInteger)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)


class BundleStamp(Base):
    """A time-stamping authority that is asked to date a bundle: until it answers, it is asked again."""

    __tablename__ = "bundle_stamp"
    __table_args__ = (
        one_of("state", StampState),
        CheckConstraint("(state = 'stamped') = (stamped_at IS NOT NULL)", name="stamped"),
    )

    bundle_id: Mapped[int] = mapped_column(Id, ForeignKey("bundle.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    authority: Mapped[str]
    state: Mapped[str] = mapped_column(String(16), default=StampState.WAITING)
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime]
    error: Mapped[str] = mapped_column(default="")
    stamped_at: Mapped[datetime | None]
    token: Mapped[bytes | None]
