"""Workers on PostgreSQL: how scoring grows from one worker to two, and what the queue costs a post.

A worker is a process with the shipped model, which drains the queue `score` as `kiemtin work` does.
The time runs from the moment all have loaded, until the last one finds nothing due. The reference is one
worker; of the queue it is scoring itself, without the queue.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import create_engine, func, insert, select, text

from bench.corpus import texts
from bench.measure import Measure
from classifier.assess import assess
from classifier.load import load
from classifier.policy import load_policy
from kiemtin.work.crew import Crew
from kiemtin.work.score import Scoring
from store import tasks
from store.ingest import Incoming, accept, clean
from store.keys import Keys
from store.migrate import migrate
from store.records import Records
from store.tables import Assessment, Capture, Post, Source
from store.vocabulary import PostKind, TaskKind
from store.work_tables import Task

SERVER = os.environ.get("KIEMTIN_TEST_DATABASE_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
_POSTS = 12_000
_BATCH = 128
_PAGE = 200


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
    with _records() as (url, records):
        _accept(records)
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
    with _records() as (_, records):
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


def _accept(records: Records) -> None:
    now = datetime.now(UTC)
    with records.write() as session:
        source = Source(name="bench", kind="import", legal_basis="bench", added_at=now)
        session.add(source)
        session.flush()
        capture = Capture(
            source_id=source.id, url="file:///bench", at=now, media_type="application/x-ndjson",
            sha256="0" * 64, warc="bench", offset=0, length=1,
        )  # fmt: skip
        session.add(capture)
        session.flush()
        source_id, capture_id = source.id, capture.id
    incoming = [
        Incoming(key=str(i), kind=PostKind.SOCIAL, text=clean(said), capture_id=capture_id)
        for i, said in enumerate(texts(_POSTS))
    ]
    for start in range(0, len(incoming), _PAGE):
        with records.write() as session:
            accept(session, source_id, incoming[start : start + _PAGE], Keys(bytes(32)))


@contextmanager
def _records() -> Iterator[tuple[str, Records]]:
    name = f"kiemtin_bench_{secrets.token_hex(6)}"
    server = create_engine(SERVER, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    url = server.url.set(database=name).render_as_string(hide_password=False)
    records = Records(url)
    try:
        migrate(records)
        yield url, records
    finally:
        records.close()
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()


def _main() -> None:
    records = Records(sys.argv[1])
    crew = Crew(records, [Scoring(records, load(), load_policy(), _BATCH)])
    print("ready", flush=True)
    sys.stdin.readline()
    crew.until_idle()
    records.close()


if __name__ == "__main__":
    _main()
