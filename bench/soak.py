"""A whole installation at work for minutes, with faults: memory, file handles and lag over time.

`python -m bench.soak --minutes 30` runs in a folder of its own: a server, a worker that stays, a worker that
is killed (SIGKILL) again and again, and the sample site that they crawl. New posts come all the time, one
decides cases, and the weekly report is built each minute. Faults by turn, one a minute: the
second worker is killed; the site is gone for 20 seconds; the index folder cannot be used for 20 seconds; a
million bytes that are no row are imported. The first two minutes warm up: figures are held against those
after them. Ends with 1 where memory or handles of the server or the lasting worker grew, the lag did not come
back, or something accepted was not scored and indexed in the end. Needs psutil and the shared data.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import psutil
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from bench.corpus import texts
from crawlers import sample_site
from reports import weekly
from reports.periods import week_of
from review import decision, queue
from review.decision import Verdict
from review.errors import ReviewError
from review.lanes import ALL
from review.permissions import Person
from store import tasks
from store.records import Records
from store.tables import Case, Post, User
from store.vocabulary import Outcome, Role, TaskKind

_LOOK = 10.0
_WARM = 120.0
_DOWN = 20.0
_A_SECOND = 4
# What an allocator may keep, and what a page of a database may: more than this, on and on, is a leak.
_MEMORY = 1.15
_HANDLES = 8
_LAG = timedelta(seconds=90)


@dataclass
class Seen:
    """One look: seconds since the start, then MB and handles of the server and the worker, and lag in s."""

    at: float
    server_mb: float
    server_files: int
    worker_mb: float
    worker_files: int
    lag: float
    posts: int
    decided: int

    def line(self) -> str:
        """Return the look as a line of a table."""
        return (
            f"{self.at:6.0f} s  server {self.server_mb:6.1f} MB {self.server_files:3d} files   "
            f"worker {self.worker_mb:6.1f} MB {self.worker_files:3d} files   lag {self.lag:5.1f} s   "
            f"posts {self.posts}  decided {self.decided}"
        )


@dataclass
class Installation:
    """The processes of one installation in `folder`."""

    folder: Path
    url: str
    environment: dict[str, str] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def call(self, *line: str, expect: int | None = 0) -> None:
        """Run a command to its end."""
        with (self.folder / "calls.log").open("ab") as log:
            done = subprocess.run(
                [sys.executable, "-m", "kiemtin", *line], cwd=self.folder, env=self.environment,
                stdout=log, stderr=log, check=False,
            )  # fmt: skip
        if expect is not None and done.returncode != expect:
            raise SystemExit(f"{line} ended with {done.returncode}; see {self.folder}")

    def start(self, name: str, *line: str) -> None:
        """Start a process that goes on."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "kiemtin", *line], cwd=self.folder, env=self.environment,
                stdout=log, stderr=log,
            )  # fmt: skip

    def stop(self) -> None:
        """End all processes, as an operator does."""
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            process.wait(60)

    def measure(self, name: str) -> tuple[float, int]:
        """Return MB and open handles of a process."""
        top = psutil.Process(self.running[name].pid)
        mb, files = top.memory_info().rss / 1e6, top.num_fds()
        return mb, files


def run(minutes: float) -> int:
    """Soak for some minutes; return 0 where nothing grew and nothing was lost."""
    with tempfile.TemporaryDirectory(prefix="kiemtin-soak-") as place:
        folder = Path(place)
        site = sample_site.serve()
        port = int(site.url.rsplit(":", 1)[1])
        (folder / "sources.yaml").write_text(json.dumps(sample_site.sources(site.url)))
        kept = {k: v for k, v in os.environ.items() if not k.startswith("KIEMTIN_")}
        made = Installation(
            folder,
            site.url,
            {
                **kept, "KIEMTIN_DATA_DIR": str(folder / "var"), "KIEMTIN_CRAWL_PRIVATE": "127.0.0.1",
                "KIEMTIN_CRAWL_MINUTES": "1", "KIEMTIN_PORT": str(_free_port()), "KIEMTIN_LOG_FORMAT": "json",
            },
        )  # fmt: skip
        made.call("migrate")
        records = Records(f"sqlite:///{folder / 'var' / 'kiemtin.db'}")
        try:
            made.start("server", "serve")
            made.start("worker", "work", "--queues", "score,index,crawl,deliver")
            made.start("second", "work")
            return _soak(made, records, site, port, minutes * 60)
        finally:
            made.stop()
            records.close()
            with suppress(OSError):
                site.stop()


def _soak(
    made: Installation, records: Records, site: sample_site.RunningSite, port: int, seconds: float
) -> int:
    person = _person(records)
    said = itertools.cycle(texts(20_000))
    faults = itertools.cycle(("kill", "site", "index", "import"))
    began = time.monotonic()
    looks: list[Seen] = []
    decided, batch = 0, 0
    next_look, next_fault, mended = _LOOK, 60.0, 0.0
    broken = ""
    while (at := time.monotonic() - began) < seconds:
        batch += 1
        _import(made, [next(said) for _ in range(_A_SECOND * 10)], batch)
        decided += _review(records, person, 3)
        _ask(made)
        if broken and at >= mended:
            site = _mend(made, broken, site, port)
            broken = ""
        if at >= next_fault and seconds - at > 90:
            broken = next(faults)
            print(f"{at:6.0f} s  fault: {broken}", flush=True)
            _break(made, broken, site)
            next_fault, mended = at + 60, at + _DOWN
            now = datetime.now(UTC)
            with records.read() as session:
                weekly.build(session, week_of(now), now)
        if at >= next_look:
            looks.append(_look(made, records, at, decided))
            print(looks[-1].line(), flush=True)
            next_look = at + _LOOK
        time.sleep(max(0.0, 10.0 - (time.monotonic() - began - at)) if seconds > 60 else 1)
    if broken:
        _mend(made, broken, site, port)
    return _judge(made, records, looks)


def _ask(made: Installation) -> None:
    """Ask the server for what it gives without signing in, a few times."""
    for path in ("/healthz", "/metrics", "/sign-in") * 3:
        with suppress(OSError):
            address = f"http://127.0.0.1:{made.environment['KIEMTIN_PORT']}{path}"
            with urlopen(address, timeout=10) as answer:
                answer.read()


def _import(made: Installation, said: list[str], number: int) -> None:
    file = made.folder / "new.jsonl"
    rows = ({"id": f"{number}-{i}", "text": f"{text} ({number}.{i})"} for i, text in enumerate(said))
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    made.call("import", str(file), "--source", "soak", "--legal-basis", "soak", "--map", "text=text")


def _break(made: Installation, fault: str, site: sample_site.RunningSite) -> None:
    if fault == "kill":
        made.running["second"].kill()
        made.running["second"].wait()
    elif fault == "site":
        site.stop()
    elif fault == "index":
        (made.folder / "var" / "search").rename(made.folder / "var" / "search.away")
        (made.folder / "var" / "search").write_text("not a folder")
    else:
        file = made.folder / "broken.jsonl"
        file.write_bytes(os.urandom(1_000_000))
        made.call(
            "import",
            str(file),
            "--source",
            "soak",
            "--legal-basis",
            "soak",
            "--map",
            "text=text",
            expect=None,
        )


def _mend(
    made: Installation, fault: str, site: sample_site.RunningSite, port: int
) -> sample_site.RunningSite:
    if fault == "kill":
        made.start("second", "work")
    elif fault == "site":
        return sample_site.serve(port=port)
    elif fault == "index":
        (made.folder / "var" / "search").unlink(missing_ok=True)
        (made.folder / "var" / "search.away").rename(made.folder / "var" / "search")
    return site


def _review(records: Records, person: Person, number: int) -> int:
    """Take and decide some cases; return how many."""
    done = 0
    for _ in range(number):
        now = datetime.now(UTC)
        try:
            with records.write() as session:
                lease = queue.lease_next(session, person, ALL, now)
                if lease is None:
                    break
                case = session.get_one(Case, lease.case_id)
                decision.decide(
                    session, person, case.id, case.version, lease.token, case.content_hash,
                    Verdict(Outcome.DISMISS, "soak"), now,
                )  # fmt: skip
            done += 1
        except (ReviewError, OperationalError) as error:
            print(f"          not decided: {error}", flush=True)
    return done


def _look(made: Installation, records: Records, at: float, decided: int) -> Seen:
    with records.read() as session:
        now = datetime.now(UTC)
        queues = tasks.queues(session)
        lag = max(queues[kind].lag(now) for kind in (TaskKind.SCORE, TaskKind.INDEX))
        posts = session.scalar(select(func.count()).select_from(Post)) or 0
    return Seen(at, *made.measure("server"), *made.measure("worker"), lag.total_seconds(), posts, decided)


def _judge(made: Installation, records: Records, looks: list[Seen]) -> int:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        with records.read() as session:
            queues = tasks.queues(session)
        owed = sum(queues[kind].waiting + queues[kind].in_hand for kind in (TaskKind.SCORE, TaskKind.INDEX))
        if not owed:
            break
        time.sleep(1)
    with records.read() as session:
        unscored = session.scalar(select(func.count()).select_from(Post).where(Post.assessment_id.is_(None)))
        parked = sum(one.parked for one in tasks.queues(session).values())
    warm = [look for look in looks if look.at >= _WARM] or looks
    third = max(1, len(warm) // 3)
    first, last = warm[:third], warm[-third:]
    grew = []
    for name, allowed in (("server_mb", _MEMORY), ("worker_mb", _MEMORY)):
        before, after = _mean(first, name), _mean(last, name)
        print(f"{name}: {before:.1f} → {after:.1f} ({after / before:.2f}×)")
        grew += [name] if after > allowed * before else []
    for name in ("server_files", "worker_files"):
        before, after = _mean(first, name), _mean(last, name)
        print(f"{name}: {before:.1f} → {after:.1f}")
        grew += [name] if after > before + _HANDLES else []
    print(f"lag: mean {_mean(warm, 'lag'):.1f} s, most {max(look.lag for look in warm):.1f} s,"
          f" last {looks[-1].lag:.1f} s")  # fmt: skip
    grew += ["lag"] if timedelta(seconds=looks[-1].lag) > _LAG else []
    print(f"owed {owed}, unscored {unscored}, parked {parked}, posts {looks[-1].posts}")
    clean = subprocess.run(
        [sys.executable, "-m", "kiemtin", "search", "doctor", "--no-repair"], cwd=made.folder,
        env=made.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
    ).returncode  # fmt: skip
    print(f"index against records: {'the same' if clean == 0 else 'DIFFERENT'}")
    well = not (grew or owed or unscored or parked or clean)
    print("well" if well else f"NOT well: {', '.join(grew)}")
    return 0 if well else 1


def _mean(looks: list[Seen], name: str) -> float:
    return sum(float(getattr(look, name)) for look in looks) / len(looks)


def _person(records: Records) -> Person:
    with records.read() as session:
        user = session.scalars(select(User).where(User.role == Role.ADMIN)).first()
    if user is None:
        raise SystemExit("no administrator was made")
    return Person(user.id, Role.ADMIN)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    sys.exit(run(parser.parse_args().minutes))
