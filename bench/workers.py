"""Workers on PostgreSQL: how scoring grows from one worker to two, and what the queue costs a post.

A worker is a process with the shipped model, which drains the queue `score` as `kiemtin work` does.
The time runs from the moment all have loaded, until the last one finds nothing due. The reference is one
worker; of the queue it is scoring itself, without the queue.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import func, insert, select

from bench.corpus import texts
from bench.installation import postgres, take_in
from bench.measure import Measure
from classifier.assess import assess
from classifier.load import load
from classifier.policy import load_policy
from kiemtin.work.crew import Crew
from kiemtin.work.score import Scoring
from store import tasks
from store.records import Records
from store.tables import Assessment, Post
from store.vocabulary import PostKind, TaskKind
from store.work_tables import Task

_POSTS = 12_000
_BATCH = 128


def run() -> Iterable[Measure]:
    """Score the same posts with one worker and with two, then measure the queue alone."""
    one, two = _scored(1), _scored(2)
    yield Measure(
        "workers", "scoring by two workers, against one", round(two, 1), round(one, 1), "≥ 1.8 × one",
        two >= 1.8 * one, "posts/s",
    )  # fmt: skip
    queue, scoring = _queue_alone(), _scoring_alone()
    yield Measure(
        "workers", "queue: owed, leased and done, against scoring itself", round(queue, 3), round(scoring, 3),
        "≤ 2 ms a post", queue <= 2, "ms/post",
    )  # fmt: skip


def _scored(workers: int) -> float:
    """Return posts a second."""
    with postgres() as (url, records):
        take_in(records, _POSTS)
        command = [sys.executable, "-m", "bench.workers", url]
        pipe = subprocess.PIPE
        started = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(workers)]
        for worker in started:
            assert worker.stdout is not None
            worker.stdout.readline()
        began = time.perf_counter()
        for worker in started:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        codes = [worker.wait() for worker in started]
        seconds = time.perf_counter() - began
        with records.read() as session:
            done = session.scalar(select(func.count(func.distinct(Assessment.post_id)))) or 0
            posts = session.scalar(select(func.count()).select_from(Post)) or 0
        if any(codes) or done != posts:
            raise SystemExit(f"{done} of {posts} posts were scored; the workers ended with {codes}")
        return posts / seconds


def _queue_alone() -> float:
    """Return milliseconds a post."""
    now = datetime.now(UTC)
    with postgres() as (_, records):
        began = time.perf_counter()
        for start in range(0, _POSTS, _BATCH):
            owed = [
                {"kind": TaskKind.SCORE, "subject_id": i, "owed_at": now, "due_at": now}
                for i in range(start, start + _BATCH)
            ]
            with records.write() as session:
                session.execute(insert(Task), owed)
        number = 0
        while True:
            with records.write() as session:
                batch = tasks.take(session, TaskKind.SCORE, _BATCH)
            if batch is None:
                return (time.perf_counter() - began) * 1000 / number
            number += len(batch.task_ids)
            with records.write() as session:
                tasks.finish(session, batch, batch.subject_ids)


def _scoring_alone() -> float:
    """Return milliseconds a post."""
    now = datetime.now(UTC)
    posts = [
        Post(id=i, version=1, title="", text=said, url=None, kind=PostKind.SOCIAL, first_seen_at=now)
        for i, said in enumerate(texts(_BATCH * 10))
    ]
    model, policy = load(), load_policy()
    assess(posts[:_BATCH], model, policy)
    began = time.perf_counter()
    for start in range(0, len(posts), _BATCH):
        assess(posts[start : start + _BATCH], model, policy)
    return (time.perf_counter() - began) * 1000 / len(posts)


def _main() -> None:
    records = Records(sys.argv[1])
    crew = Crew(records, [Scoring(records, load(), load_policy(), _BATCH)])
    print("ready", flush=True)
    sys.stdin.readline()
    crew.until_idle()
    records.close()


if __name__ == "__main__":
    _main()
