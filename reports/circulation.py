"""What circulated: posts, harms, and the claims that posts are about, with their spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Integer, case, cast, distinct, func, select
from sqlalchemy.orm import Session

from reports.asking import PRESENT, numbered, spanning, within
from reports.model import ClaimLine, HarmLine
from reports.periods import Period
from store import corrections
from store.claim_tables import Claim, ClaimVersion
from store.place_tables import PostPlace
from store.report_tables import ClaimMention
from store.tables import Assessment, Case, Post


@dataclass(frozen=True)
class Judged:
    """How many posts of a period came in, and what the machine made of them; the rest is unscored."""

    posts: int = 0
    scored: int = 0
    flagged: int = 0
    uncertain: int = 0
    protected: int = 0


def judged(session: Session, periods: Sequence[Period]) -> list[Judged]:
    """Count the posts of each period. One query."""
    number = numbered(Post.first_seen_at, periods)
    sums = [
        func.sum(cast(column, Integer))
        for column in (Assessment.flagged, Assessment.uncertain, Assessment.protected)
    ]
    rows = session.execute(
        select(number, func.count(), func.count(Assessment.id), *sums)
        .select_from(Post)
        .outerjoin(Assessment, PRESENT)
        .where(within(Post.first_seen_at, spanning(periods)))
        .group_by(number)
    )
    found = {row[0]: Judged(*(int(value or 0) for value in row[1:])) for row in rows}
    return [found.get(i, Judged()) for i in range(len(periods))]


def judges(session: Session, period: Period) -> tuple[list[str], list[str]]:
    """Return the models and the policies that judged the posts of a period, by name."""
    rows = session.execute(
        select(Assessment.model, Assessment.policy)
        .join(Post, PRESENT)
        .where(within(Post.first_seen_at, period))
        .distinct()
    ).all()
    return sorted({row.model for row in rows}), sorted({row.policy for row in rows})


def harms(session: Session, now: Period, before: Period) -> list[HarmLine]:
    """Count the posts in cases of each harm, the most frequent first."""
    number = numbered(Post.first_seen_at, [before, now])
    rows = session.execute(
        select(Case.harm, number, func.count())
        .join(Post, Post.cluster_id == Case.cluster_id)
        .where(Case.harm.is_not(None), within(Post.first_seen_at, spanning([before, now])))
        .group_by(Case.harm, number)
    )
    found: dict[str, list[int]] = {}
    for harm, which, posts in rows:
        found.setdefault(str(harm), [0, 0])[which] = posts
    lines = [HarmLine(harm=harm, now=two[1], before=two[0]) for harm, two in found.items()]
    return sorted(lines, key=lambda line: (-(line.now or 0), -(line.before or 0), line.harm))


def claims(
    session: Session, periods: Sequence[Period], most: int, *, of_all: bool = False
) -> tuple[list[ClaimLine], int]:
    """Return the claims that most posts of the last period match, and how many there were in all.

    With `of_all`, those of all periods together. Six queries, whatever the number of claims.
    """
    now = periods[-1]
    number = numbered(Post.first_seen_at, periods)
    weekly: dict[str, list[int]] = {}
    for claim_id, which, posts in session.execute(
        select(ClaimMention.claim_id, number, func.count())
        .join(Post, Post.id == ClaimMention.post_id)
        .where(within(Post.first_seen_at, spanning(periods)))
        .group_by(ClaimMention.claim_id, number)
    ):
        weekly.setdefault(claim_id, [0] * len(periods))[which] = posts
    counted = {claim: sum(weeks) if of_all else weeks[-1] for claim, weeks in weekly.items()}
    seen = sorted(
        (claim for claim in counted if counted[claim]), key=lambda c: (-counted[c], -sum(weekly[c]), c)
    )
    chosen = seen[:most]
    said = _newest(session, chosen)
    spread = _spread(session, chosen, now)
    provinces = _provinces(session, chosen, now)
    public = corrections.public_ids(session)
    lines = []
    for claim in chosen:
        sources, asking, refuting, firm = spread.get(claim, (0, 0, 0, 0))
        version = said.get(claim)
        lines.append(
            ClaimLine(
                claim_id=claim, wording=version.wording if version else claim,
                verdict=version.verdict if version else "", harm=version.harm if version else "",
                now=weekly[claim][-1], before=weekly[claim][-2], sources=sources,
                provinces=provinces.get(claim, 0), asking=asking, refuting=refuting, firm=firm,
                corrected=claim in public, weeks=list(weekly[claim]),
            )
        )  # fmt: skip
    return lines, len(seen)


def _newest(session: Session, claim_ids: Sequence[str]) -> dict[str, ClaimVersion]:
    rows = session.scalars(
        select(ClaimVersion)
        .join(Claim, (Claim.id == ClaimVersion.claim_id) & (Claim.version == ClaimVersion.version))
        .where(Claim.id.in_(claim_ids))
    )
    return {row.claim_id: row for row in rows}


def _spread(
    session: Session, claim_ids: Sequence[str], period: Period
) -> dict[str, tuple[int, int, int, int]]:
    rows = session.execute(
        select(
            ClaimMention.claim_id,
            func.count(distinct(Post.source_id)),
            func.count(case((Assessment.act == "question", 1))),
            func.count(case((Assessment.act == "debunk", 1))),
            func.count(case((ClaimMention.confirmed, 1))),
        )
        .join(Post, Post.id == ClaimMention.post_id)
        .join(Assessment, PRESENT)
        .where(ClaimMention.claim_id.in_(claim_ids), within(Post.first_seen_at, period))
        .group_by(ClaimMention.claim_id)
    )
    return {row[0]: (row[1], row[2], row[3], row[4]) for row in rows}


def _provinces(session: Session, claim_ids: Sequence[str], period: Period) -> dict[str, int]:
    rows = session.execute(
        select(ClaimMention.claim_id, func.count(distinct(PostPlace.province)))
        .join(Post, Post.id == ClaimMention.post_id)
        .join(PostPlace, PostPlace.post_id == Post.id)
        .where(ClaimMention.claim_id.in_(claim_ids), within(Post.first_seen_at, period))
        .group_by(ClaimMention.claim_id)
    )
    return {row[0]: row[1] for row in rows}
