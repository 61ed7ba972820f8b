"""Scores posts and opens cases. What was found and the end of its task are one transaction."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from classifier.assess import Assessment, assess
from classifier.model import Model
from classifier.policy import Policy
from crawlers import frontier
from kiemtin.work.station import Taking
from review import case as cases
from store import outbox, tables, tasks
from store.records import Records
from store.tasks import Batch
from store.vocabulary import TaskKind

log = structlog.get_logger("kiemtin.work")


class Scoring(Taking):
    """The queue `score`; see `kiemtin.work.station.Station`."""

    kind = TaskKind.SCORE

    def __init__(self, records: Records, model: Model, policy: Policy, batch: int = 128) -> None:
        super().__init__(records, batch)
        self.model = model
        self.policy = policy

    def do(self, batch: Batch) -> None:
        """Score the posts, and open and refresh their cases."""
        with self.records.read() as session:
            posts = session.scalars(select(tables.Post).where(tables.Post.id.in_(batch.subject_ids))).all()
        versions = {post.id: post.version for post in posts}
        began = time.perf_counter()
        found, failed = self._assess(posts)
        self.hand.counters["score/milliseconds"] += round((time.perf_counter() - began) * 1000)
        with self.records.write() as session:
            self._write(session, found, versions)
            for post_id, error in failed.items():
                tasks.fail(session, batch, post_id, error)
            # Posts that are gone meanwhile owe nothing.
            tasks.finish(session, batch, [i for i in batch.subject_ids if i not in failed])

    def _assess(self, posts: Sequence[tables.Post]) -> tuple[list[Assessment], dict[int, str]]:
        try:
            return assess(posts, self.model, self.policy), {}
        except Exception:
            # One post in the batch is at fault: find it, so that the others are not held up.
            log.exception("score.batch_failed", posts=[post.id for post in posts])
        found, failed = [], {}
        for post in posts:
            try:
                found += assess([post], self.model, self.policy)
            except Exception as error:
                failed[post.id] = f"{type(error).__name__}: {error}"
                self.hand.counters["score/failed"] += 1
                log.exception("score.failed", post=post.id)
        return found, failed

    def _write(self, session: Session, found: Sequence[Assessment], versions: dict[int, int]) -> None:
        now = datetime.now(UTC)
        # All locks are taken at the start and in order of id: two workers, or a worker and a reviewer,
        # never wait for each other in a circle.
        wanted = select(tables.Post).where(tables.Post.id.in_(versions)).order_by(tables.Post.id)
        posts = {post.id: post for post in session.scalars(wanted.with_for_update())}
        clusters = sorted({post.cluster_id for post in posts.values()})
        held = select(tables.Case.id).where(tables.Case.cluster_id.in_(clusters)).order_by(tables.Case.id)
        session.execute(held.with_for_update())
        known = _rows(session, found)
        scored, flagged = [], []
        for one in found:
            post = posts.get(one.id)
            if post is None or post.version != versions[one.id]:
                continue  # gone, or edited meanwhile; the edit owes its own task
            row = known.get((one.id, post.version, one.model, one.policy))
            if row is None:
                row = _new_row(one, post.version, now)
                session.add(row)
                if one.flagged:
                    flagged.append(post)
            scored.append((post, row))
            self._count(one)
        session.flush()
        for post, row in scored:
            post.assessment_id = row.id
        session.flush()
        frontier.watch(session, flagged, now)
        cases.refresh(session, {post.cluster_id for post, _ in scored}, now)
        outbox.owe_index(session, [one.id for one in found])

    def _count(self, one: Assessment) -> None:
        self.hand.counters["score/done"] += 1
        self.hand.counters["score/flagged"] += one.flagged
        self.hand.counters["score/protected"] += one.protected
        self.hand.counters["score/uncertain"] += one.uncertain


_Key = tuple[int, int, str, str]


def _rows(session: Session, found: Sequence[Assessment]) -> dict[_Key, tables.Assessment]:
    """Return the rows there are; a post scored again by the same model and policy keeps its row."""
    rows = session.scalars(
        select(tables.Assessment).where(tables.Assessment.post_id.in_([one.id for one in found]))
    )
    return {(row.post_id, row.post_version, row.model, row.policy): row for row in rows}


def _new_row(one: Assessment, version: int, now: datetime) -> tables.Assessment:
    return tables.Assessment(
        post_id=one.id,
        post_version=version,
        model=one.model,
        policy=one.policy,
        about=one.about,
        act=one.act,
        harmful=one.harmful,
        flagged=one.flagged,
        protected=one.protected,
        uncertain=one.uncertain,
        referable=bool(one.referable),
        priority=one.priority,
        detail=one.to_dict(),
        at=now,
    )
