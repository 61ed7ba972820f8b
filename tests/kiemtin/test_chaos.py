"""Servers that break under load: connections cut, a search node killed in mid-bulk, disks that are full."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from kiemtin.doctor import examine
from kiemtin.work.crew import Crew
from kiemtin.work.index import Indexing
from kiemtin.work.station import Resting
from search.open import open_engine
from store import audit, tasks
from store.archive import Archive
from store.archived import ArchiveError
from store.records import Records
from store.tables import Assessment, Case, Post
from store.vocabulary import TaskKind
from store.work_tables import Task
from tests.elastic import Node, own_node
from tests.factory import HARMFUL, Place, exchange, stations
from tests.kiemtin.program import Program, wait_for

POSTS = 400
CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def write_posts(path: Path) -> None:
    lines = (
        json.dumps({"id": i, "text": f"{i} {HARMFUL[i % len(HARMFUL)]} {i * 7919}"}) for i in range(POSTS)
    )
    path.write_text("\n".join(lines))


def drained(records: Records) -> bool:
    with records.read() as session:
        return session.scalar(select(func.count()).select_from(Task)) == 0


@pytest.mark.postgres
def test_cut_connections_and_killed_workers_lose_and_repeat_nothing(
    postgres: Records, tmp_path: Path
) -> None:
    program = Program(tmp_path, settings={"KIEMTIN_DATABASE_URL": postgres.url, "KIEMTIN_WORK_BATCH": "20"})
    write_posts(tmp_path / "posts.jsonl")
    program.run("migrate")
    workers = [program.start("work") for _ in range(2)]
    try:
        for turn in range(6):
            importing = program.start("import", "posts.jsonl", "--quiet")
            with postgres.engine.connect() as connection:
                reached = partial(_reached, postgres, turn * 20, importing)
                wait_for(reached)
                connection.execute(text(CUT))
            importing.wait(180)
            victim = workers[turn % 2]
            if turn % 3 == 0:
                victim.kill()
            if victim.poll() is not None or turn % 3 == 0:
                victim.wait(180)
                workers[turn % 2] = program.start("work")
        program.run("import", "posts.jsonl", "--quiet")
        wait_for(lambda: drained(postgres))
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        ended = [worker.wait(180) for worker in workers]
    assert ended == [0, 0], (tmp_path / "work.log").read_text()[-3000:]
    with postgres.read() as session:
        assert session.scalar(select(func.count()).select_from(Post)) == POSTS
        assert session.scalar(select(func.count()).select_from(Assessment)) == POSTS
        clusters = session.scalar(select(func.count(Case.cluster_id.distinct())))
        assert session.scalar(select(func.count()).select_from(Case)) == clusters
        assert audit.verify(session).ok
    assert "Chỉ mục khớp" in program.run("search", "doctor", "--no-repair")


def _reached(records: Records, number: int, importing: subprocess.Popen[bytes]) -> bool:
    with records.read() as session:
        there = session.scalar(select(func.count()).select_from(Post)) or 0
    return there >= number or importing.poll() is not None


@pytest.fixture
def node(elasticsearch: str) -> Iterator[Node]:
    """A node of its own, for it is going to be killed."""
    with own_node() as made:
        yield made


@pytest.mark.elasticsearch
def test_a_search_node_killed_in_mid_bulk_is_behind_and_catches_up(sqlite: Records, node: Node) -> None:
    place, engine = Place(sqlite), open_engine(node.url)
    texts = [f"{i} {HARMFUL[i % len(HARMFUL)]}" for i in range(POSTS)]
    place.take(*texts)
    Crew(sqlite, stations(sqlite)[:1]).until_idle()
    indexing = Indexing(sqlite, engine, 40)
    for _ in range(3):
        indexing.once()
    pid = int((node.folder / "pid").read_text())
    killer = subprocess.Popen(["sh", "-c", f"sleep 0.05; kill -9 {pid}"])
    with pytest.raises(Resting, match=r"không trả lời|chưa dùng được"):
        for _ in range(40):
            indexing.once()
    killer.wait()
    # Reviewing and scoring go on, the lag is there to be seen, and no task was blamed.
    place.take("bài đến trong lúc chỉ mục dừng")
    Crew(sqlite, stations(sqlite)[:1]).until_idle()
    with sqlite.write() as session:
        queue = tasks.queues(session)[TaskKind.INDEX]
        assert queue.waiting > 0
        assert queue.oldest is not None
        assert session.scalar(select(func.max(Task.attempts))) == 0
        for task in session.scalars(select(Task)):
            task.due_at = datetime.now(UTC)
    node.start()
    while indexing.once():
        pass
    assert drained(sqlite)
    found = examine(sqlite, engine)
    assert (found.clean, found.index) == (True, POSTS + 1)
    engine.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here; run as root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_stops_the_index_and_loses_nothing(sqlite: Records, small_disk: Path) -> None:
    place, engine = Place(sqlite), open_engine(f"tantivy:{small_disk / 'search'}")
    place.take(*HARMFUL[:3])
    place.work(engine)
    filler = small_disk / "filler"
    fill(filler)
    place.take(*[f"{i} {os.urandom(2000).hex()} bài rất dài" for i in range(60)])
    Crew(sqlite, stations(sqlite)[:1]).until_idle()
    with pytest.raises(Resting):
        Indexing(sqlite, engine).once()
    filler.unlink()
    with sqlite.write() as session:
        assert session.scalar(select(func.max(Task.attempts))) == 0
        for task in session.scalars(select(Task)):
            task.due_at = datetime.now(UTC)
    place.work(engine)
    assert examine(sqlite, engine).clean
    engine.close()


def test_a_full_disk_refuses_a_capture_and_keeps_those_before(small_disk: Path) -> None:
    folder = small_disk / "archive"
    with Archive(folder) as archive:
        first = archive.exchange(exchange("http://a.example/", b"x" * 1000))
        fill(small_disk / "filler")
        with pytest.raises(ArchiveError):
            archive.exchange(exchange("http://a.example/", os.urandom(1_000_000)))
        (small_disk / "filler").unlink()
        second = archive.exchange(exchange("http://a.example/", b"y" * 1000))
        assert archive.read(first.warc, first.offset).body == b"x" * 1000
        assert archive.read(second.warc, second.offset).body == b"y" * 1000


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"0" * 65536)
