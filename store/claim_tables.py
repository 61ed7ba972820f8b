"""The knowledge base: fact-checked claims, each change of one a version that stays."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, one_of, primary_key
from store.vocabulary import ClaimOrigin, ClaimVerdict


class Claim(Base):
    """A fact-checked claim: wording, verdict, correction, source, as its newest `version` has them."""

    __tablename__ = "claim"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(default=1)


class ClaimVersion(Base):
    """What a claim said from one change to the next; a trigger refuses every change and removal.

    `id` rises with each change of any claim, in the order of commits (`store.claims` sees to that), so the
    highest is the state of the whole base. A newer version replaces older ones for the days from its
    `valid_from` on, for all days where it has none; `valid_until` is its last day. `folded` is what a search
    looks through. `by` is who changed it, as the audit log names them.
    """

    __tablename__ = "claim_version"
    __table_args__ = (
        UniqueConstraint("claim_id", "version", name="uq_claim_version_claim_id_version"),
        one_of("verdict", ClaimVerdict),
        one_of("origin", ClaimOrigin),
        CheckConstraint(
            "valid_from IS NULL OR valid_until IS NULL OR valid_from <= valid_until", name="dates"
        ),
        CheckConstraint("wording <> '' AND correction <> '' AND source_name <> ''", name="whole"),
    )

    id: Mapped[int] = primary_key()
    claim_id: Mapped[str] = mapped_column(String(64), ForeignKey("claim.id"))
    version: Mapped[int]
    wording: Mapped[str]
    paraphrases: Mapped[list[Any]]
    language: Mapped[str] = mapped_column(String(16))
    english: Mapped[str]
    harm: Mapped[str] = mapped_column(String(32))
    verdict: Mapped[str] = mapped_column(String(16))
    correction: Mapped[str]
    source_name: Mapped[str]
    source_url: Mapped[str | None]
    source_date: Mapped[str] = mapped_column(String(21))
    note: Mapped[str]
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]
    retired: Mapped[bool]
    origin: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str]
    by: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime]
    folded: Mapped[str]
