"""`kill -9` at random moments: nothing accepted is lost, nothing appears twice, the audit chain verifies.

In CI a few rounds on fewer posts; the whole of it: `KIEMTIN_TEST_KILLS=50 KIEMTIN_TEST_KILL_POSTS=3000`.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
from sqlalchemy import func, select

from crawlers import sample_site
from kiemtin.doctor import examine
from search.open import open_engine
from store import audit, tasks
from store.archive import Archive
from store.records import Records
from store.tables import Activity, Assessment, Capture, Case, Decision, Event, Post, Rejection, Run
from store.vocabulary import Role
from store.work_tables import Worker
from tests.factory import HARMFUL, HARMLESS
from tests.joined import join
from tests.kiemtin.program import Program

KILLS = int(os.environ.get("KIEMTIN_TEST_KILLS", "8"))
POSTS = int(os.environ.get("KIEMTIN_TEST_KILL_POSTS", "1000"))
PASSWORD = "một câu ngắn dễ nhớ"


def write_posts(path: Path, number: int, random_: random.Random) -> int:
    """Write posts that differ, with copies and rows that cannot be read among them; return how many are good."""
    words = " ".join((*HARMFUL, HARMLESS)).split()
    good = 0
    with path.open("w") as file:
        for i in range(number):
            if i % 97 == 5:
                file.write("{hỏng\n")
                continue
            base = HARMFUL[i % len(HARMFUL)] if i % 3 == 0 else " ".join(random_.choices(words, k=30))
            file.write(
                json.dumps({"id": i, "text": base if i % 20 == 0 else f"{base} {i}"}, ensure_ascii=False)
                + "\n"
            )
            good += 1
    return good


class Reviewer(threading.Thread):
    """Decides cases over HTTP for as long as there is a server, and remembers what was acknowledged."""

    def __init__(self, program: Program) -> None:
        super().__init__(daemon=True)
        self.program = program
        self.acknowledged: list[int] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                with httpx.Client(base_url=self.program.url, timeout=10) as client:
                    self._sign_in(client)
                    while not self.stopping.is_set():
                        self._decide(client)
            except (httpx.HTTPError, KeyError, ValueError):
                self.stopping.wait(0.1)  # the server was killed; it comes back

    def _sign_in(self, client: httpx.Client) -> None:
        token = client.get("/api/v1/first").json()["csrf"]
        answer = client.post(
            "/api/v1/sign-in", json={"login": "hoa", "password": PASSWORD}, headers={"X-CSRF-Token": token}
        )
        answer.raise_for_status()
        client.headers["X-CSRF-Token"] = client.get("/api/v1/me").json()["csrf"]

    def _decide(self, client: httpx.Client) -> None:
        lease = client.post("/api/v1/lanes/all/next").raise_for_status().json()
        if lease is None:
            self.stopping.wait(0.2)
            return
        case = client.get(f"/api/v1/cases/{lease['case_id']}").raise_for_status().json()
        given = {
            "version": lease["version"],
            "token": lease["token"],
            "seen": case["content_hash"],
            "outcome": "dismiss",
            "reason": "không gây hại",
        }
        answer = client.post(f"/api/v1/cases/{lease['case_id']}/decide", json=given)
        if answer.status_code == 200:
            self.acknowledged.append(answer.json()["id"])


def test_killing_any_process_at_any_moment_loses_and_repeats_nothing(tmp_path: Path) -> None:
    random_ = random.Random(20200123)
    program = Program(tmp_path)
    good = write_posts(tmp_path / "posts.jsonl", POSTS, random_)
    site = sample_site.serve()
    (tmp_path / "sources.yaml").write_text(json.dumps(sample_site.sources(site.url)))
    program.run("migrate")
    records = program.records()
    with records.write() as session:
        join(session, "hoa", Role.REVIEWER, PASSWORD)
    commands = {
        "import": ["import", "posts.jsonl", "--quiet"],
        "work": ["work"],
        "serve": ["serve"],
        "crawl": ["crawl", "--quiet"],
    }
    running: dict[str, subprocess.Popen[bytes]] = {}
    reviewer = Reviewer(program)
    reviewer.start()
    try:
        for turn in range(KILLS):
            for name, arguments in commands.items():
                if name not in running or running[name].poll() is not None:
                    running[name] = program.start(*arguments)
            victim = running[list(commands)[turn % len(commands)]]
            try:
                # Starting takes some seconds, so this strikes before, at and long after the first write.
                victim.wait(random_.uniform(0.5, 9.0))
            except subprocess.TimeoutExpired:
                victim.kill()
                victim.wait()
        _let_the_reviewer_decide(program, running, reviewer, commands)
        reviewer.stopping.set()
        reviewer.join(30)
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    program.run(*commands["import"])
    program.run(*commands["crawl"])
    program.run("work", "--until-idle", "--quiet")
    site.stop()
    _nothing_lost_or_repeated(program, records, good, reviewer.acknowledged)
    records.close()


def _let_the_reviewer_decide(
    program: Program,
    running: dict[str, subprocess.Popen[bytes]],
    reviewer: Reviewer,
    commands: dict[str, list[str]],
) -> None:
    """On a slow machine no server may have lived long enough: let the last one live until a decision is made."""
    for name in ("work", "serve"):
        if running[name].poll() is not None:
            running[name] = program.start(*commands[name])
    deadline = time.monotonic() + 120
    while not reviewer.acknowledged and time.monotonic() < deadline:
        reviewer.join(0.2)


def _nothing_lost_or_repeated(program: Program, records: Records, good: int, acknowledged: list[int]) -> None:
    with records.read() as session:
        keys = list(session.scalars(select(Post.key)))
        imported = [key for key in keys if key.startswith("import:posts:")]
        crawled = set(keys) - set(imported)
        assert len(imported) == len(set(imported)) == good
        assert session.scalar(select(func.count()).select_from(Rejection)) == POSTS - good
        messages = sum(len(thread.messages) for thread in sample_site.threads())
        assert len(crawled) == messages + len(sample_site.articles()) - 1
        assert Counter(session.scalars(select(Run.state).where(Run.kind == "import"))) == {"done": 1}
        # Every post is scored once, at the version it has, and every case that must be there is there once.
        assert session.scalar(select(func.count()).select_from(Assessment)) == len(keys)
        assert not session.scalars(select(Post.id).where(Post.assessment_id.is_(None))).all()
        notable = select(Post.cluster_id).join(Assessment, Assessment.id == Post.assessment_id)
        wanted = set(session.scalars(notable.where(Assessment.flagged | Assessment.uncertain)))
        assert Counter(session.scalars(select(Case.cluster_id))) == Counter(dict.fromkeys(wanted, 1))
        # What the reviewer was told is kept, and each decision has its activity row and its event.
        kept = set(session.scalars(select(Decision.id)))
        assert set(acknowledged) <= kept
        for rows in (
            select(func.count()).select_from(Activity).where(Activity.what == "decided"),
            select(func.count()).select_from(Event).where(Event.action == "case.decided"),
            select(func.count()).select_from(Case).where(Case.state == "decided"),
        ):
            assert session.scalar(rows) == len(kept)
        assert audit.verify(session).ok
        assert all(
            not (q.waiting or q.parked) for kind, q in tasks.queues(session).items() if kind != "crawl"
        )
        assert session.scalar(select(func.count()).select_from(Worker)) == 0
        captures = session.scalars(select(Capture)).all()
    archive = Archive(program.folder / "var" / "archive")
    for capture in captures:
        archive.read(capture.warc, capture.offset)
    engine = open_engine(f"tantivy:{program.folder / 'var' / 'search'}")
    found = examine(records, engine)
    assert (found.clean, found.index) == (True, len(keys)), found
    engine.close()
    assert acknowledged, "the reviewer never decided anything: the test did not test"
