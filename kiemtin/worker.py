"""Does the work owed to posts: scores them, opens cases, puts them into the index."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import structlog
from filelock import FileLock, Timeout
from sqlalchemy import select
from sqlalchemy.orm import Session

from classifier.assess import Assessment, assess
from classifier.model import Model
from classifier.policy import Policy
from kiemtin import documents
from review import case as cases
from review import queue
from search.engine import SearchEngine, SearchError
from store import tables, tasks
from store.records import Records
from store.vocabulary import TaskKind

log = structlog.get_logger("kiemtin.work")

IDLE_SECONDS = 1.0


class AlreadyWorking(Exception):
    """Another worker runs on this data folder."""


class Worker:
    """One worker. Scoring only computes; what it found and the end of its task are one transaction."""

    def __init__(
        self, records: Records, engine: SearchEngine, model: Model, policy: Policy, batch: int = 128
    ) -> None:
        self.records = records
        self.engine = engine
        self.model = model
        self.policy = policy
        self.batch = batch
        self.counters: Counter[str] = Counter()

    def until_idle(self, progress: Callable[[int, int], None] = lambda done, left: None) -> None:
        """Work until nothing is due. `progress` is told the tasks done and those left."""
        done = 0
        while number := self.once():
            done += number
            with self.records.read() as session:
                waiting = tasks.waiting(session)
            progress(done, waiting.get(TaskKind.SCORE, 0) * 2 + waiting.get(TaskKind.INDEX, 0))

    def forever(self, stop: threading.Event) -> None:
        """Work until `stop` is set; the batch in hand is finished first."""
        while not stop.is_set():
            if not self.once():
                with self.records.write() as session:
                    queue.expire(session, datetime.now(UTC))
                stop.wait(IDLE_SECONDS)

    def once(self) -> int:
        """Do one batch of each kind; return how many tasks were taken."""
        return self.score() + self.index()

    def score(self) -> int:
        """Score one batch of posts; return how many tasks were taken."""
        with self.records.write() as session:
            batch = tasks.take(session, TaskKind.SCORE, self.batch)
        if batch is None:
            return 0
        with self.records.read() as session:
            posts = session.scalars(select(tables.Post).where(tables.Post.id.in_(batch.post_ids))).all()
        versions = {post.id: post.version for post in posts}
        found, failed = self._assess(posts)
        with self.records.write() as session:
            self._write(session, found, versions)
            for post_id, error in failed.items():
                tasks.fail(session, batch, post_id, error)
            tasks.finish(session, batch, [one.id for one in found])
        return len(batch.task_ids)

    def index(self) -> int:
        """Put one batch of posts into the index; return how many tasks were taken."""
        with self.records.write() as session:
            batch = tasks.take(session, TaskKind.INDEX, self.batch * 4)
        if batch is None:
            return 0
        with self.records.read() as session:
            found = documents.of_posts(session, batch.post_ids)
        try:
            self.engine.put(found)
        except SearchError as error:
            self.counters["index/failed"] += 1
            log.warning("index.failed", error=str(error), posts=len(found))
            with self.records.write() as session:
                for post_id in batch.post_ids:
                    tasks.fail(session, batch, post_id, str(error))
            return 0
        with self.records.write() as session:
            tasks.finish(session, batch)
        self.counters["index/put"] += len(found)
        return len(batch.task_ids)

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
                self.counters["score/failed"] += 1
                log.exception("score.failed", post=post.id)
        return found, failed

    def _write(self, session: Session, found: Sequence[Assessment], versions: dict[int, int]) -> None:
        now = datetime.now(UTC)
        posts = {
            post.id: post
            for post in session.scalars(
                select(tables.Post).where(tables.Post.id.in_(versions)).with_for_update()
            )
        }
        clusters = []
        for one in found:
            post = posts[one.id]
            if post.version != versions[one.id]:
                continue  # edited meanwhile; the edit owes its own task
            row = _row(session, one, post.version, now)
            post.assessment_id = row.id
            clusters.append(post.cluster_id)
            self.counters["score/done"] += 1
            self.counters["score/flagged"] += one.flagged
            self.counters["score/protected"] += one.protected
            self.counters["score/uncertain"] += one.uncertain
        session.flush()
        for cluster_id in dict.fromkeys(clusters):
            cases.refresh(session, cluster_id, now)
        tasks.owe_index(session, [one.id for one in found], now)


def _row(session: Session, one: Assessment, version: int, now: datetime) -> tables.Assessment:
    """Return the row of an assessment; a post scored again by the same model and policy keeps its row."""
    row = session.scalar(
        select(tables.Assessment).where(
            tables.Assessment.post_id == one.id,
            tables.Assessment.post_version == version,
            tables.Assessment.model == one.model,
            tables.Assessment.policy == one.policy,
        )
    )
    if row is None:
        row = tables.Assessment(
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
        session.add(row)
        session.flush()
    return row


@contextmanager
def only_worker(records: Records, data_dir: Path) -> Iterator[None]:
    """Be the one worker of a data folder; work that a killed one had in hand is taken up at once.

    Raises `AlreadyWorking`.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(data_dir / "work.lock", timeout=0):
            with records.write() as session:
                tasks.release_all(session)
            yield
    except Timeout as error:
        raise AlreadyWorking(f"Đã có một tiến trình chấm bài trên {data_dir}.") from error
