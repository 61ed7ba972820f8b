"""What a crawl knows of the hosts it asks: their rules, when they were asked last, until when they rest."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta

import structlog
from scrapy.crawler import Crawler
from sqlalchemy import select
from sqlalchemy.orm import Session

from crawlers.gate import LONGEST_REST, Gate
from crawlers.robots import KEPT, Rules
from store.records import Records
from store.work_tables import Host

log = structlog.get_logger("kiemtin.crawl")

# A host that does not answer is left alone for so long.
REST = timedelta(minutes=10)
_IN_A_ROW = 3


class PoliteCrawler(Crawler):
    """A crawl of one source that shares what is known of hosts with the others of its process."""

    hosts: Hosts


class Hosts:
    """The hosts of one process, as the records know them and as this run finds them.

    `gate` lets the requests through; `asking` are the questions for rules that are on their way. Each change
    is in the records before it matters to another process: a run that is killed leaves neither rules unread
    nor a rest forgotten. For one event loop.
    """

    def __init__(self, records: Records, executor: Executor, gate: Gate) -> None:
        self.gate = gate
        self.asking: dict[str, asyncio.Future[Rules]] = {}
        self._records = records
        self._executor = executor
        self._rules: dict[str, Rules] = {}
        self._failures: Counter[str] = Counter()

    def load(self, names: Iterable[str]) -> None:
        """Take up what the records know of some hosts."""
        now = datetime.now(UTC)
        with self._records.read() as session:
            for row in session.scalars(select(Host).where(Host.name.in_(list(names)))):
                if row.rules_at is not None:
                    self._rules[row.name] = Rules(row.rules_status, row.rules, row.rules_at)
                if row.asked_at is not None:
                    self.gate.asked(row.name, (now - row.asked_at).total_seconds())
                if row.rests_until is not None:
                    self.gate.rest(row.name, (row.rests_until - now).total_seconds())

    def rules(self, host: str) -> Rules | None:
        """Return the rules of a host, None where they are to be asked for."""
        found = self._rules.get(host)
        fresh = found is not None and datetime.now(UTC) - found.at < KEPT
        return found if fresh else None

    async def keep_rules(self, host: str, rules: Rules) -> None:
        """Keep rules for this run; for later runs too if they could be read."""
        self._rules[host] = rules
        if rules.readable:
            await self._write(
                host, rules=rules.text, rules_status=rules.status, rules_at=rules.at, asked_at=rules.at
            )

    async def rest(self, host: str, seconds: float) -> None:
        """Leave a host alone for some time, at most a day, in every process."""
        seconds = min(seconds, LONGEST_REST)
        self.gate.rest(host, seconds)
        await self._write(host, rests_until=datetime.now(UTC) + timedelta(seconds=seconds))

    def answered(self, host: str) -> None:
        """Take a host for one that works."""
        self._failures[host] = 0

    async def failed(self, host: str) -> None:
        """Count a request that had no sound answer; after some in a row the host rests."""
        self._failures[host] += 1
        if self._failures[host] >= _IN_A_ROW:
            self._failures[host] = 0
            log.warning("host.down", host=host, rests_minutes=REST.total_seconds() / 60)
            await self.rest(host, REST.total_seconds())

    async def _write(self, host: str, **values: object) -> None:
        def write() -> None:
            with self._records.write() as session:
                note(session, host, **values)

        await asyncio.get_running_loop().run_in_executor(self._executor, write)


def note(session: Session, host: str, **values: object) -> None:
    """Write what was learned of a host; what else is known of it stays."""
    session.merge(Host(name=host, **values))
