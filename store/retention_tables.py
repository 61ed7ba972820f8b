"""What is kept on purpose, what was purged, and which archive files are being written anew without it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from store.base import Base, Id, partial, primary_key, to
from store.tables import User

_STANDS = "lifted_at IS NULL"


# The file that the captures of purged posts are said to lie in; there is none.
GONE = "purged"


class LegalHold(Base):
    """A case or a post that is kept whatever its term, until a lead lifts the hold; both with a reason.

    It holds the whole cluster: copies and their captures too. Of each case and post one hold stands at most,
    and triggers (migration 0017) let nobody purge a post that is held.
    """

    __tablename__ = "legal_hold"
    __table_args__ = (
        CheckConstraint("(case_id IS NULL) <> (post_id IS NULL)", name="of_one"),
        CheckConstraint("reason <> ''", name="reason"),
        CheckConstraint(
            "(lifted_at IS NULL) = (lifted_by IS NULL) AND (lifted_at IS NULL OR lifted_why <> '')",
            name="lifted",
        ),
        Index("uq_legal_hold_case", "case_id", unique=True, **partial(_STANDS)),
        Index("uq_legal_hold_post", "post_id", unique=True, **partial(_STANDS)),
    )

    id: Mapped[int] = primary_key()
    case_id: Mapped[int | None] = to("case.id")
    post_id: Mapped[int | None] = to("post.id")
    reason: Mapped[str]
    by_id: Mapped[int] = to("user.id")
    at: Mapped[datetime]
    lifted_by: Mapped[int | None] = to("user.id")
    lifted_at: Mapped[datetime | None]
    lifted_why: Mapped[str] = mapped_column(default="")

    by: Mapped[User] = relationship(foreign_keys=[by_id])


class Purge(Base):
    """One run of the retention: what it took out, and what a second look found.

    Its posts are those with `purged_at` = `at`. `counts` are posts by rule, captures, files and bytes;
    without them it was not finished. `left` is what the second look found still there, by place;
    `verified_at` is when that look found nothing: until then it is looked at again.
    """

    __tablename__ = "purge"

    id: Mapped[int] = primary_key()
    at: Mapped[datetime] = mapped_column(unique=True)
    counts: Mapped[dict[str, Any]]
    looked_at: Mapped[datetime | None]
    left: Mapped[dict[str, Any]] = mapped_column(default=dict)
    verified_at: Mapped[datetime | None]


class LooseCapture(Base):
    """A capture that a purged post was read from: cut as soon as nothing else needs it, however young it is.

    No foreign key: the row goes with the capture, and a capture may go before.
    """

    __tablename__ = "loose_capture"

    capture_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)


class Rewrite(Base):
    """An archive file that is written anew without some captures: begun, then switched to, then done.

    Until `switched_at` the records name the old file, and the new one is nothing; from then on they name the
    new one, and the old one is to be removed. A process killed in between leaves a row that says which.
    `new` is "" where nothing of the file is kept.
    """

    __tablename__ = "archive_rewrite"

    id: Mapped[int] = primary_key()
    old: Mapped[str]
    new: Mapped[str]
    cut: Mapped[int] = mapped_column(default=0)
    begun_at: Mapped[datetime]
    switched_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(String(500), default="")
