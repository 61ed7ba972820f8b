"""What an installation holds of posts, how long and why: each post is counted once, under what keeps it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, not_, or_, select
from sqlalchemy.orm import Session

from store.purging import due_now
from store.retention import Keeper, Rule, Terms, held, is_evidence, no_case, post_held
from store.retention_tables import GONE, LegalHold, Purge
from store.tables import Capture, Case, Post


@dataclass(frozen=True)
class Line:
    """Posts that one rule, or one thing beside the rules, keeps: how many, in how many cases, since when.

    `why` is a `Rule` or a `Keeper`; `days` the term of the rule, None for a keeper, which has none. `oldest`
    is when the first of them was seen.
    """

    why: str
    days: int | None
    posts: int
    cases: int
    oldest: datetime | None


@dataclass(frozen=True)
class Holdings:
    """Everything that is held. `due` are the posts that the next purge takes; `purged` all so far."""

    at: datetime
    lines: tuple[Line, ...]
    due: dict[str, int]
    purged: int
    captures: int
    archive_bytes: int
    holds: tuple[dict[str, Any], ...]
    last_purge: dict[str, Any] | None
    unverified: int

    @property
    def posts(self) -> int:
        """How many posts are kept with their text."""
        return sum(line.posts for line in self.lines)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON, times as ISO 8601."""
        said = asdict(self) | {"posts": self.posts, "at": self.at.isoformat()}
        for line in said["lines"]:
            line["oldest"] = line["oldest"].isoformat() if line["oldest"] else None
        return said


def holdings(session: Session, terms: Terms, at: datetime) -> Holdings:
    """Count what is held at `at`."""
    last = session.scalar(select(Purge).order_by(Purge.id.desc()).limit(1))
    captures, size = session.execute(
        select(func.count(), func.coalesce(func.sum(Capture.length), 0)).where(Capture.warc != GONE)
    ).one()
    return Holdings(
        at=at,
        lines=_lines(session, terms),
        due=due_now(session, terms, at),
        purged=session.scalar(select(func.count()).where(Post.purged_at.is_not(None))) or 0,
        captures=captures,
        archive_bytes=int(size),
        holds=tuple(
            {
                "hold": one.id, "case": one.case_id, "post": one.post_id, "reason": one.reason,
                "at": one.at.isoformat(),
            }
            for one in session.scalars(
                select(LegalHold).where(LegalHold.lifted_at.is_(None)).order_by(LegalHold.id)
            )
        ),
        last_purge=None
        if last is None
        else {
            "at": last.at.isoformat(), "counts": last.counts, "left": last.left,
            "verified_at": last.verified_at.isoformat() if last.verified_at else None,
        },
        unverified=session.scalar(select(func.count(Purge.id)).where(Purge.verified_at.is_(None))) or 0,
    )  # fmt: skip


def _lines(session: Session, terms: Terms) -> tuple[Line, ...]:
    alone = select(func.count(Post.id), func.min(Post.first_seen_at)).where(
        Post.purged_at.is_(None), no_case()
    )
    lines = []
    for why, days, condition in (
        (Rule.UNFLAGGED.value, terms.unflagged.days, not_(post_held())),
        (Keeper.LEGAL_HOLD.value, None, post_held()),
    ):
        posts, oldest = session.execute(alone.where(condition)).one()
        lines.append(Line(why, days, posts, 0, oldest))
    before: list[ColumnElement[bool]] = []
    for keeper in Keeper:
        lines.append(_of_cases(session, keeper.value, None, and_(held(keeper), *map(not_, before))))
        before.append(held(keeper))
    free = not_(or_(*before))
    evidence = is_evidence()
    lines.append(_of_cases(session, Rule.DISMISSED.value, terms.dismissed.days, and_(free, not_(evidence))))
    lines.append(_of_cases(session, Rule.EVIDENCE.value, terms.evidence.days, and_(free, evidence)))
    return _joined(lines)


def _of_cases(session: Session, why: str, days: int | None, condition: ColumnElement[bool]) -> Line:
    asked = (
        select(func.count(Post.id), func.count(Case.id.distinct()), func.min(Post.first_seen_at))
        .select_from(Case)
        .join(Post, Post.cluster_id == Case.cluster_id)
        .where(Post.purged_at.is_(None), condition)
    )
    posts, cases, oldest = session.execute(asked).one()
    return Line(why, days, posts, cases, oldest)


def _joined(lines: list[Line]) -> tuple[Line, ...]:
    """Return one line for each reason: a hold may be on posts with a case and on posts without."""
    found: dict[str, Line] = {}
    for line in lines:
        other = found.get(line.why)
        if other is None:
            found[line.why] = line
            continue
        oldest = min((one for one in (line.oldest, other.oldest) if one is not None), default=None)
        found[line.why] = Line(
            line.why, line.days, line.posts + other.posts, line.cases + other.cases, oldest
        )
    return tuple(found.values())
