"""What the public is told of claims: published, changed and withdrawn in versions that stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from store import audit, claims
from store.claim_tables import ClaimVersion
from store.records import lock
from store.report_tables import ClaimMention, Correction
from store.tables import Post
from store.text import normalise
from store.vocabulary import CorrectionState

SHORTEST, SMS = 10, 300
_LONGEST = timedelta(days=28)


class CorrectionError(Exception):
    """A correction was not published or withdrawn; the message says why. Nothing was recorded."""


@dataclass(frozen=True)
class Told:
    """What the public is told: a headline, the whole, what fits a message, what is read out."""

    headline: str
    body: str
    short: str
    spoken: str

    def checked(self) -> Told:
        """Return it normalised, as claims are; raises `CorrectionError` for what is missing or too long.

        What the public reads holds no sign that turns a line round, hides, or breaks a feed.
        """
        told = Told(*(normalise(said) for said in (self.headline, self.body, self.short, self.spoken)))
        for said, name in (
            (told.headline, "tiêu đề"), (told.body, "nội dung"), (told.short, "tin ngắn"),
            (told.spoken, "bài đọc"),
        ):  # fmt: skip
            if len(said) < SHORTEST:
                raise CorrectionError(f"Hãy ghi {name} (ít nhất {SHORTEST} chữ cái).")
        if len(told.short) > SMS:
            raise CorrectionError(f"Tin ngắn dài {len(told.short)} ký tự, nhiều nhất là {SMS}.")
        return told


def publish(session: Session, claim_id: str, told: Told, actor: str, reason: str, at: datetime) -> Correction:
    """Publish a correction of a claim, or the next version of it; raises `CorrectionError`.

    Every version but the first needs a reason.
    """
    told = told.checked()
    claim = claims.newest(session, claim_id)
    if claim is None:
        raise CorrectionError(f"Không có tuyên bố {claim_id!r}.")
    return _add(session, claim, told, CorrectionState.PUBLISHED, actor, reason, at)


def withdraw(session: Session, claim_id: str, actor: str, reason: str, at: datetime) -> Correction:
    """Take a correction back: its page then says that it was withdrawn, and why; raises `CorrectionError`."""
    last = newest(session, claim_id)
    if last is None or last.state == CorrectionState.WITHDRAWN:
        raise CorrectionError("Không có đính chính nào đang công bố của tuyên bố này.")
    claim = session.get_one(ClaimVersion, last.claim_version_id)
    told = Told(last.headline, last.body, last.short, last.spoken)
    return _add(session, claim, told, CorrectionState.WITHDRAWN, actor, reason, at)


def newest(session: Session, claim_id: str) -> Correction | None:
    """Return what counts of a claim's correction, or None where there never was one."""
    return session.scalar(_newest().where(Correction.claim_id == claim_id))


def versions(session: Session, claim_id: str) -> Sequence[Correction]:
    """Return all versions, newest first."""
    return session.scalars(
        select(Correction).where(Correction.claim_id == claim_id).order_by(Correction.version.desc())
    ).all()


def every(session: Session) -> Sequence[Correction]:
    """Return what counts of every correction, withdrawn ones too, the latest change first."""
    return session.scalars(_newest().order_by(Correction.at.desc(), Correction.id.desc())).all()


def public(session: Session) -> Sequence[Correction]:
    """Return the corrections that are public now, the latest change first."""
    return [row for row in every(session) if row.state == CorrectionState.PUBLISHED]


def public_ids(session: Session) -> frozenset[str]:
    """Return the claims of which a correction is public."""
    return frozenset(row.claim_id for row in public(session))


@dataclass(frozen=True)
class Seen:
    """How many posts matched a claim in as many days before its correction was published and since."""

    days: int
    before: int
    since: int


def seen(session: Session, at: datetime) -> dict[str, Seen]:
    """Return, by claim, how often it was seen before and since its correction was first published. One query.

    Both sides are as long as the time since then, at least a day and at most 28 days, so that they can be
    compared; on a day it was published the time since is not yet over.
    """
    first = (
        select(Correction.claim_id, Correction.at.label("told_at")).where(Correction.version == 1).subquery()
    )
    days = {
        row.claim_id: (row.told_at, min(28, max(1, (at - row.told_at).days)))
        for row in session.execute(select(first))
    }
    if not days:
        return {}
    rows = session.execute(
        select(ClaimMention.claim_id, Post.first_seen_at)
        .join(Post, Post.id == ClaimMention.post_id)
        .where(
            ClaimMention.claim_id.in_(days),
            Post.first_seen_at >= min(told for told, _ in days.values()) - _LONGEST,
        )
    )
    counted = {claim: [0, 0] for claim in days}
    for claim, moment in rows:
        told_at, length = days[claim]
        if abs(moment - told_at).total_seconds() <= length * 86_400:
            counted[claim][moment >= told_at] += 1
    return {claim: Seen(days[claim][1], two[0], two[1]) for claim, two in counted.items()}


def _newest() -> Select[Correction]:
    last = (
        select(Correction.claim_id, func.max(Correction.version).label("version"))
        .group_by(Correction.claim_id)
        .subquery()
    )
    return select(Correction).join(
        last, and_(last.c.claim_id == Correction.claim_id, last.c.version == Correction.version)
    )


def _add(
    session: Session,
    claim: ClaimVersion,
    told: Told,
    state: CorrectionState,
    actor: str,
    reason: str,
    at: datetime,
) -> Correction:
    lock(session, "corrections")
    last = newest(session, claim.claim_id)
    reason = normalise(reason)
    if last is not None and not reason:
        raise CorrectionError("Hãy ghi lý do.")
    row = Correction(
        claim_id=claim.claim_id, version=last.version + 1 if last else 1, claim_version_id=claim.id,
        state=state, headline=told.headline, body=told.body, short=told.short, spoken=told.spoken,
        reason=reason, by=actor, at=at,
    )  # fmt: skip
    session.add(row)
    session.flush()
    audit.append(
        session, actor, f"correction.{state}", f"claim:{claim.claim_id}", version=row.version,
        claim_version=claim.version, reason=reason,
    )  # fmt: skip
    return row
