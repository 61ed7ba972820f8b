"""Importing: all real posts at hand, against the least that any import must do, in the same run.

The reference reads the same file, parses and normalises each row and inserts it into one SQLite table with a
unique key, a batch a transaction, with the same pragmas: no archive, no clusters, no work owed, no audit.
What ours costs over it is what those cost.
"""

from __future__ import annotations

import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from bench.corpus import shared_files
from bench.measure import Measure

FILES = ("posts_train.jsonl", "posts_unlabelled.jsonl")
BATCH = 200


def run() -> Iterable[Measure]:
    """Measure posts a second and peak memory; each way runs in a process of its own."""
    files = shared_files(*FILES)
    ours, reference = _in_process("ours", files), _in_process("reference", files)
    rows = sum(1 for path in files for line in path.open("rb") if line.strip())
    yield Measure(
        "import", "rows that landed or are in the error file", ours["rows"], rows, "all of them",
        ours["rows"] == rows, "rows",
    )  # fmt: skip
    yield Measure(
        "import", "speed, against bare inserts", round(ours["speed"], 1),
        round(reference["speed"], 1), "≥ 200 posts/s", ours["speed"] >= 200, "posts/s",
    )  # fmt: skip
    yield Measure(
        "import", "peak memory, against bare inserts", round(ours["memory"], 1),
        round(reference["memory"], 1), "≤ 400 MiB", ours["memory"] <= 400, "MiB",
    )  # fmt: skip


def _in_process(which: str, files: list[Path]) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.import_posts", which, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _ours(files: list[Path], folder: Path) -> int:
    from crawlers.imports import run as imports
    from crawlers.imports.mapping import Mapping
    from crawlers.imports.rows import columns
    from store.archive import Archive
    from store.keys import Keys
    from store.migrate import migrate
    from store.records import Records

    records = Records(f"sqlite:///{folder / 'ours.db'}")
    migrate(records)
    archive = Archive(folder / "archive")
    rows = 0
    for path in files:
        plan = imports.Plan(path, Mapping.of(columns(path), {}), path.stem, "bench")
        outcome = imports.run(records, archive, Keys(bytes(32)), plan)
        rows += sum(outcome.counters.values())
    records.close()
    return rows


def _reference(files: list[Path], folder: Path) -> int:
    from store.text import normalise

    database = sqlite3.connect(folder / "reference.db", isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        database.execute(f"PRAGMA {pragma}")
    database.execute(
        "CREATE TABLE post (id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, text TEXT NOT NULL)"
    )
    rows = 0
    for path in files:
        batch: list[tuple[str, str]] = []
        for line in path.open("rb"):
            row = json.loads(line)
            batch.append((f"{path.stem}:{row['id']}", normalise(row["text"])))
            if len(batch) == BATCH:
                rows += _insert(database, batch)
        rows += _insert(database, batch)
    database.close()
    return rows


def _insert(database: sqlite3.Connection, batch: list[tuple[str, str]]) -> int:
    database.execute("BEGIN IMMEDIATE")
    database.executemany("INSERT INTO post (key, text) VALUES (?, ?)", batch)
    database.execute("COMMIT")
    number = len(batch)
    batch.clear()
    return number


def _main() -> None:
    way = {"ours": _ours, "reference": _reference}[sys.argv[1]]
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        rows = way([Path(path) for path in sys.argv[2:]], Path(folder))
        seconds = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": rows, "speed": rows / seconds, "memory": memory}))


if __name__ == "__main__":
    _main()
