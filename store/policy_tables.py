"""The policies that were ever in force, each with the decision that switched to it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, primary_key


class PolicySwitch(Base):
    """One decision to judge by another policy, with its whole text; never changed or removed (triggers).

    The policy in force is that of the last row. `version` is what assessments name it by; `sha256` is that of
    the UTF-8 of `text`, as `sha256sum policy.yaml` prints it; `actor` as in the audit log.
    """

    __tablename__ = "policy"
    __table_args__ = (
        CheckConstraint("reason <> ''", name="reason"),
        CheckConstraint("length(sha256) = 64", name="sha256"),
    )

    id: Mapped[int] = primary_key()
    version: Mapped[str] = mapped_column(String(100), unique=True)
    sha256: Mapped[str] = mapped_column(String(64))
    text: Mapped[str]
    reason: Mapped[str]
    actor: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime]
