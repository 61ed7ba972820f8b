"""What is told to others: reports in versions, and corrections that the public reads."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, Id, one_of, primary_key
from store.vocabulary import CorrectionState, ReportKind, ReportState


class Report(Base):
    """One version of a report: its figures as they were when it was made.

    `data` is what `reports` built, `sha256` that of its canonical JSON; neither changes, and `note`, the
    lead's own words, only while it is a draft (trigger). `made_by` and the like are as in the audit log.
    """

    __tablename__ = "report"
    __table_args__ = (
        one_of("kind", ReportKind),
        one_of("state", ReportState),
        UniqueConstraint("kind", "period", "version"),
        CheckConstraint("(state = 'draft') = (published_at IS NULL)", name="published"),
        CheckConstraint("(published_at IS NULL) = (published_by IS NULL)", name="publisher"),
        CheckConstraint("(state = 'withdrawn') = (withdrawn_at IS NOT NULL)", name="withdrawn"),
        CheckConstraint("state <> 'withdrawn' OR withdrawn_reason <> ''", name="reason"),
    )

    id: Mapped[int] = primary_key()
    kind: Mapped[str] = mapped_column(String(16))
    period: Mapped[str] = mapped_column(String(10))
    version: Mapped[int]
    state: Mapped[str] = mapped_column(String(16), default=ReportState.DRAFT)
    data: Mapped[dict[str, Any]]
    sha256: Mapped[str] = mapped_column(String(64))
    note: Mapped[str] = mapped_column(default="")
    made_by: Mapped[str] = mapped_column(String(100))
    made_at: Mapped[datetime]
    published_by: Mapped[str | None] = mapped_column(String(100))
    published_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None] = mapped_column(String(100))
    withdrawn_at: Mapped[datetime | None]
    withdrawn_reason: Mapped[str] = mapped_column(default="")


class Correction(Base):
    """One version of what the public is told of a claim; never changed or removed (triggers).

    The highest `version` of a claim is what counts; a withdrawal is a version too. `claim_version_id` is the
    version of the claim that it corrects. `short` fits a text message, `spoken` is read out.
    """

    __tablename__ = "correction"
    __table_args__ = (
        one_of("state", CorrectionState),
        UniqueConstraint("claim_id", "version"),
        CheckConstraint("headline <> '' AND body <> '' AND short <> '' AND spoken <> ''", name="whole"),
        CheckConstraint("version = 1 OR reason <> ''", name="reason"),
    )

    id: Mapped[int] = primary_key()
    claim_id: Mapped[str] = mapped_column(String(64), ForeignKey("claim.id"))
    version: Mapped[int]
    claim_version_id: Mapped[int] = mapped_column(Id, ForeignKey("claim_version.id"))
    state: Mapped[str] = mapped_column(String(16), default=CorrectionState.PUBLISHED)
    headline: Mapped[str]
    body: Mapped[str]
    short: Mapped[str]
    spoken: Mapped[str]
    reason: Mapped[str]
    by: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime]


class ClaimMention(Base):
    """A claim that the text of a post is about, as its latest assessment found, so that it can be counted.

    `confirmed` says whether the match is firm, or a suggestion.
    """

    __tablename__ = "claim_mention"

    post_id: Mapped[int] = mapped_column(Id, ForeignKey("post.id"), primary_key=True)
    claim_id: Mapped[str] = mapped_column(String(64), primary_key=True, index=True)
    confirmed: Mapped[bool]
