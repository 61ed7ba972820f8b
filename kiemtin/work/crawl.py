"""Crawls that are due. Each runs in a process of its own: its event loop can start only once."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import select

from crawlers import frontier
from kiemtin.work.station import Hand, Resting
from store import tasks
from store.faults import FaultKind
from store.records import Records
from store.spans import span
from store.tables import Run, Source
from store.vocabulary import RunState, TaskKind

# What is due at once was put off by a crawl that ended early: not asked for again in the same breath.
_SOONEST = timedelta(minutes=1)
log = structlog.get_logger("kiemtin.work")


class Crawling:
    """The queue `crawl`; see `kiemtin.work.station.Station`. The process started leases its sources."""

    kind = TaskKind.CRAWL

    def __init__(self, records: Records, short: Callable[[], Sequence[str]] = tuple) -> None:
        self.records = records
        self.short = short
        self.hand = Hand()
        self._running: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def once(self) -> int:
        """Crawl what is due, and wait for the end of it.

        Raises `Resting` while there is no room to keep what comes (`short` says where): nothing is asked for
        that could not be kept, and all stays due.
        """
        with self.records.read() as session:
            due = tasks.crawls_due(session)
        if not due or self._stopped:
            return 0
        if short := self.short():
            raise Resting(" ".join(short), FaultKind.DISK)
        began = time.perf_counter()
        with span("work crawl", queue=self.kind.value, tasks=due):
            self._running = subprocess.Popen(
                [sys.executable, "-m", "kiemtin", "crawl", "--due", "--quiet", "--json"],
                stdout=subprocess.PIPE,
            )
            said, _ = self._running.communicate()
        code = self._running.returncode
        self.hand.counters["crawl/started"] += 1
        self.hand.counters["crawl/milliseconds"] += round((time.perf_counter() - began) * 1000)
        self._count(said)
        if code:
            self.hand.counters["crawl/failed"] += 1
            log.warning("crawl.ended", code=code)
        return due

    def _count(self, said: bytes) -> None:
        # One that was killed says nothing.
        for line in said.splitlines()[-1:]:
            with suppress(ValueError):
                for name, number in json.loads(line).items():
                    self.hand.counters[f"crawl/{name}"] += number

    def stop(self) -> None:
        """Start no more, and let the one that runs finish its page."""
        self._stopped = True
        if self._running is not None and self._running.poll() is None:
            self._running.terminate()


class Claimed:
    """The sources that this process crawls itself, for as long as `Crew.alive` keeps them."""

    kind = TaskKind.CRAWL

    def __init__(self, records: Records) -> None:
        self.records = records
        self.hand = Hand()

    def take(self, source_ids: Iterable[int] | None) -> list[str]:
        """Lease the crawls that are due, or those of `source_ids`; return the names of their sources."""
        with self.records.write() as session:
            batch = self.hand.batch = tasks.take_crawls(session, self.hand.worker_id, source_ids)
            if batch is None:
                return []
            wanted = select(Source.name).where(Source.id.in_(batch.subject_ids)).order_by(Source.id)
            return list(session.scalars(wanted))

    def finish(self) -> None:
        """Let each fall due again when something of it is, with the fault of its run if it had one."""
        batch, self.hand.batch = self.hand.batch, None
        if batch is None:
            return
        now = datetime.now(UTC)
        with self.records.write() as session:
            for source_id in batch.subject_ids:
                due = frontier.next_due(session, source_id) or now + frontier.LONGEST
                last = select(Run).where(Run.source_id == source_id).order_by(Run.id.desc()).limit(1)
                run = session.scalar(last)
                failed = run is not None and run.state == RunState.FAILED
                error = "lượt thu thập không xong" if failed else None
                tasks.put_off(session, batch, source_id, max(due - now, _SOONEST), error)

    def once(self) -> int:
        """Do nothing: the command itself crawls."""
        return 0
