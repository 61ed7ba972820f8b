"""Thirty reviewers at work on PostgreSQL: how long each kind of request takes while all of them ask.

The server is a process of its own, `uvicorn` with the whole application; the reviewers are Locust users in
another one, each signed in, who read the queue, take a case, decide it and search, with the pauses of people.
`python -m bench load` asks for two minutes; `python -m bench.load --seconds 10` for as long as it is told.
There is no reference.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import secrets
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from bench.installation import postgres, take_in
from bench.measure import Measure
from classifier.load import load
from classifier.policy import load_policy
from kiemtin.work.crew import Crew
from kiemtin.work.index import Indexing
from kiemtin.work.score import Scoring
from search.open import open_engine
from store.records import Records
from store.tables import User, UserSession
from store.vocabulary import Role

_POSTS = 6_000
_REVIEWERS = 30
_SECONDS = 120
_MOST = 200.0


def run(seconds: int = _SECONDS, posts: int = _POSTS) -> Iterable[Measure]:
    """Let the reviewers work, and give the 95th percentile of each kind of request, then the failures."""
    with postgres() as (url, records), TemporaryDirectory(prefix="kiemtin-load-") as folder:
        _fill(records, folder, posts)
        people = _sign_in(records)
        with _served(url, folder) as address:
            command = [sys.executable, "-m", "bench.reviewers", address, str(seconds)]
            said = subprocess.check_output(command, input=json.dumps(people), text=True)
    told = json.loads(said.splitlines()[-1])
    for kind, seen in sorted(told["kinds"].items()):
        yield Measure(
            "load", f"{kind}, p95 of {seen['number']}", seen["p95"], None, f"< {_MOST:g} ms",
            seen["p95"] < _MOST, "ms",
        )  # fmt: skip
    failed = told["failed"]
    yield Measure("load", "requests that failed", failed, None, "none", failed == 0, "requests")


def _fill(records: Records, folder: str, posts: int) -> None:
    take_in(records, posts)
    engine = open_engine(f"tantivy:{folder}/search")
    Crew(records, [Scoring(records, load(), load_policy()), Indexing(records, engine)]).until_idle()
    engine.close()
    # As a crew does within its first minute.
    records.analyze()


def _sign_in(records: Records) -> list[dict[str, str]]:
    """Make the reviewers and a session of each; return the headers of their requests."""
    now, found = datetime.now(UTC), []
    with records.write() as session:
        for number in range(_REVIEWERS):
            token, csrf = secrets.token_hex(16), secrets.token_hex(8)
            user = User(
                login=f"r{number}", name=f"R {number}", role=Role.REVIEWER, password_hash="x", created_at=now
            )
            session.add(user)
            session.flush()
            digest = hashlib.sha256(token.encode()).hexdigest()
            session.add(
                UserSession(
                    token_sha256=digest, user_id=user.id, csrf=csrf, created_at=now, seen_at=now,
                    expires_at=now + timedelta(hours=2),
                )
            )  # fmt: skip
            found.append({"Cookie": f"kiemtin_session={token}", "X-CSRF-Token": csrf})
    return found


@contextmanager
def _served(url: str, folder: str) -> Iterator[str]:
    command = [sys.executable, "-m", "bench.load", "--serve", url, folder]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait(30)


def _serve(url: str, folder: str) -> None:
    import uvicorn

    from api.desk import Desk
    from review_ui import warm
    from review_ui.app import create_app
    from store.archive import Archive

    # Logged as a service does, to a file: who started this process reads one line of it and no more.
    log = (Path(folder) / "server.log").open("w")
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(file=log))
    desk = Desk(Records(url), open_engine(f"tantivy:{folder}/search"), Archive(Path(folder) / "archive"))
    warm.up()
    config = uvicorn.Config(create_app(desk), host="127.0.0.1", port=0, log_config=None, access_log=False)
    listening = config.bind_socket()
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[listening])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--seconds", type=int, default=_SECONDS)
    parser.add_argument("--posts", type=int, default=_POSTS)
    parser.add_argument("--serve", nargs=2, metavar=("URL", "FOLDER"), help="be the server")
    options = parser.parse_args()
    if options.serve:
        _serve(*options.serve)
        return
    for measure in run(options.seconds, options.posts):
        print(measure.line(), flush=True)


if __name__ == "__main__":
    main()
