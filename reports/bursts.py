"""Emerging clusters: what grows faster than before and is about no claim that anybody has checked yet."""

from __future__ import annotations

from datetime import timedelta

from scipy.stats import poisson
from sqlalchemy import and_, case, distinct, exists, func, select
from sqlalchemy.orm import Session

from reports.asking import within
from reports.model import Burst
from reports.periods import Period
from store.place_tables import PostPlace
from store.report_tables import ClaimMention
from store.tables import Case, Post

LEAST = 5
BASE = timedelta(weeks=4)
SURPRISE = 0.001
# What is new has no rate of its own: half a post a week is what any cluster may be expected to give.
_FLOOR = 0.5


def bursts(session: Session, period: Period, most: int = 10) -> list[Burst]:
    """Return clusters about no confirmed claim with five posts or more, and more than chance gives.

    A cluster bursts when a Poisson variable with its mean of the four weeks before (half a post a week at
    least, scaled to the length of the period) would reach its posts with probability under 0.001. Those
    under review come first, then the most surprising.
    """
    begin = period.begin
    now = case((Post.first_seen_at >= begin, 1))
    known = exists().where(and_(ClaimMention.post_id == Post.id, ClaimMention.confirmed))
    number = func.count(now).label("number")
    rows = session.execute(
        select(
            Post.cluster_id, number, func.count() - number,
            func.count(distinct(case((Post.first_seen_at >= begin, Post.source_id)))),
        )
        .where(Post.first_seen_at >= begin - BASE, Post.first_seen_at < period.end)
        .group_by(Post.cluster_id)
        .having(number >= LEAST, func.count(case((known, 1))) == 0)
    ).all()  # fmt: skip
    scale = (period.end - begin) / BASE
    found = []
    for cluster_id, posts, before, sources in rows:
        expected = max(before * scale, _FLOOR * (period.end - begin) / timedelta(weeks=1))
        chance = float(poisson.sf(posts - 1, expected))
        if chance < SURPRISE:
            found.append((chance, -posts, cluster_id, posts, sources, expected))
    ids = [one[2] for one in found]
    cases = {
        row.cluster_id: (row.id, row.harm)
        for row in session.execute(
            select(Case.cluster_id, Case.id, Case.harm).where(Case.cluster_id.in_(ids))
        )
    }
    chosen = sorted(found, key=lambda one: (one[2] not in cases, one))[:most]
    places: dict[int, list[str]] = {}
    for cluster_id, province in session.execute(
        select(PostPlace.cluster_id, PostPlace.province)
        .join(Post, Post.id == PostPlace.post_id)
        .where(PostPlace.cluster_id.in_(ids), within(Post.first_seen_at, period))
        .group_by(PostPlace.cluster_id, PostPlace.province)
        .order_by(func.count().desc(), PostPlace.province)
    ):
        places.setdefault(cluster_id, []).append(province)
    return [
        Burst(
            cluster_id=cluster, case_id=cases.get(cluster, (None, None))[0],
            harm=cases.get(cluster, (None, None))[1], posts=posts, sources=sources,
            expected=round(expected, 2), provinces=places.get(cluster, [])[:3],
        )
        for _, _, cluster, posts, sources, expected in chosen
    ]  # fmt: skip
