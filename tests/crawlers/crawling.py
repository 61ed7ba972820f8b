"""Crawls as a process of its own, for a process can crawl only once.

`command` gives one that can be killed and measured; `crawl` forks one, which takes less.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.forked import script
from tests.forking import run

CRAWL = """
import json, sys
from datetime import datetime, timedelta
from pathlib import Path
from crawlers.crawl import crawl
from crawlers.sources import parse
from crawlers.spider import Plan
from store.archive import Archive
from store.keys import Keys
from store.records import Records
asked = json.loads(sys.argv[1])
folder = Path(asked["folder"])
plan = Plan(
    at_once=asked["at_once"],
    revisit=timedelta(hours=asked["revisit_hours"]),
    since=datetime.fromisoformat(asked["since"]) if asked["since"] else None,
    keys=asked["keys"],
)
records = Records(f"sqlite:///{folder / 'k.db'}")
counters = crawl(
    records, Archive(folder / "archive"), Keys(bytes(32)), parse(asked["entries"]), plan=plan,
    opened=(asked["opened"],), timeout=asked["timeout"],
)
print(json.dumps(counters))
"""


def command(
    folder: Path,
    entries: Sequence[Mapping[str, object]],
    revisit_hours: float = 0,
    *,
    opened: str = "127.0.0.1",
    at_once: bool = True,
    since: str = "",
    keys: Mapping[str, str] | None = None,
    timeout: float = 30,
) -> list[str]:
    """Return the command line of a crawl into `folder`, whose database `k.db` is there."""
    asked = {
        "folder": str(folder), "entries": entries, "revisit_hours": revisit_hours, "opened": opened,
        "at_once": at_once, "since": since, "keys": keys or {}, "timeout": timeout,
    }  # fmt: skip
    return [sys.executable, "-c", CRAWL, json.dumps(asked)]


def crawl(
    folder: Path,
    entries: Sequence[Mapping[str, object]],
    revisit_hours: float = 0,
    *,
    opened: str = "127.0.0.1",
    at_once: bool = True,
    since: str = "",
    keys: Mapping[str, str] | None = None,
) -> dict[str, int]:
    """Crawl and return the counters."""
    line = command(folder, entries, revisit_hours, opened=opened, at_once=at_once, since=since, keys=keys)
    done = run(script, *line[2:], folder=folder, environment=os.environ)
    assert done.status == 0, done.err
    counters: dict[str, int] = json.loads(done.out.splitlines()[-1])
    return counters
