"""Reads the clusters that nobody decided, and writes a sample of them for labelling."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

import models
from review.leaving import leaving
from review.permissions import Person
from review.sampling import Bounds, By, Candidate, Chosen, Sampler, margin
from store.records import Records
from store.tables import Assessment, Case, Post
from store.vocabulary import CaseState

_PAGE = 500


def sample(
    records: Records,
    person: Person,
    target: Path,
    *,
    size: int,
    by: By,
    seed: int,
    bounds: Bounds,
    raw: bool = False,
    reason: str = "",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, int]:
    """Write `size` texts that nobody decided yet to `target`, one of a cluster; return the counters.

    Rows are `{id, text, group, copies, chosen, probability}`; the model's scores are left out, so that they
    lead nobody. Streams over all posts that are scored as they read now. `progress` is told posts read and
    posts in all. Raises what `review.leaving.leaving` raises.
    """
    how = {"size": size, "by": by.value, "seed": seed}
    with leaving(records, person, target, "sample", raw=raw, reason=reason, **how) as out:
        sampler = Sampler(size, by, seed)
        with records.read() as session:
            total = session.scalar(_undecided(select(func.count()))) or 0
            done = 0
            for candidate in _candidates(session, bounds):
                sampler.offer(candidate)
                done += candidate.copies
                progress(done, total)
            chosen = sampler.chosen()
            out.counters.update(pool=sampler.pool, uncertainty=0, random=0)
            for one, text in _with_texts(session, chosen):
                out.counters[one.why.value] += 1
                out.put(_row(one, text))
    return dict(out.counters)


def _row(one: Chosen, text: str) -> dict[str, Any]:
    candidate = one.candidate
    return {
        "id": f"p{candidate.post}",
        "text": text,
        "group": f"cluster-{candidate.cluster}",
        "copies": candidate.copies,
        "chosen": one.why.value,
        "probability": one.probability,
    }


def _undecided(query: Select[Any]) -> Select[Any]:
    present = and_(Assessment.id == Post.assessment_id, Assessment.post_version == Post.version)
    return (
        query.select_from(Post)
        .join(Assessment, present)
        .outerjoin(Case, Case.cluster_id == Post.cluster_id)
        .where(or_(Case.id.is_(None), Case.state != CaseState.DECIDED), Post.purged_at.is_(None))
    )


def _candidates(session: Session, bounds: Bounds) -> Iterator[Candidate]:
    """Yield the clusters nobody decided, by id: the oldest post of each, and how many scored copies."""
    scheme = models.labels()
    query = _undecided(
        select(
            Post.cluster_id,
            Post.id,
            Post.source_id,
            Assessment.harmful,
            Assessment.detail["acts"].label("acts"),
        )
    ).order_by(Post.cluster_id, Post.id)
    rows = session.execute(query.execution_options(yield_per=1000))
    for _, posts in groupby(rows, key=lambda row: row.cluster_id):
        first, copies = _first_of(posts)
        acts = {act: p for act, p in (first.acts or {}).items() if act in scheme.protected}
        yield Candidate(
            cluster=first.cluster_id,
            post=first.id,
            source=first.source_id,
            copies=copies,
            margin=margin(first.harmful, acts, bounds),
        )


def _first_of(rows: Iterator[Any]) -> tuple[Any, int]:
    """Return the first of some rows and how many they are, without holding them."""
    return next(rows), 1 + sum(1 for _ in rows)


def _with_texts(session: Session, chosen: Sequence[Chosen]) -> Iterator[tuple[Chosen, str]]:
    for start in range(0, len(chosen), _PAGE):
        page = chosen[start : start + _PAGE]
        ids = [one.candidate.post for one in page]
        rows = session.execute(select(Post.id, Post.text).where(Post.id.in_(ids)))
        texts = {row.id: row.text for row in rows}
        yield from ((one, texts[one.candidate.post]) for one in page if one.candidate.post in texts)
