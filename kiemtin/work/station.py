"""What the crew asks of a queue's work."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from store import tasks
from store.faults import FaultKind
from store.records import Records
from store.spans import span
from store.tasks import Batch
from store.vocabulary import TaskKind


class Resting(Exception):
    """What the work needs does not answer; the batch was given back. The message says why.

    `about` is the fault that people are told of, where it is one.
    """

    def __init__(self, why: str, about: FaultKind | None = None) -> None:
        super().__init__(why)
        self.about = about


@dataclass
class Hand:
    """What a station has in hand and has done; its crew keeps the leases alive and shows the counters."""

    worker_id: str = ""
    batch: Batch | None = None
    counters: Counter[str] = field(default_factory=Counter)


class Station(Protocol):
    """One queue's work."""

    kind: TaskKind
    hand: Hand

    def once(self) -> int:
        """Do one batch; return how many tasks were taken, 0 when nothing is due.

        Raises `Resting` when the fault is not the tasks'.
        """


class Taking(ABC):
    """A station that takes the tasks of its queue a batch at a time."""

    kind: TaskKind

    def __init__(self, records: Records, batch: int) -> None:
        self.records = records
        self.batch = batch
        self.hand = Hand()

    def once(self) -> int:
        """Do one batch; see `Station.once`."""
        with self.records.write() as session:
            batch = self.hand.batch = tasks.take(session, self.kind, self.batch, self.hand.worker_id)
        if batch is None:
            return 0
        self.hand.counters[f"{self.kind}/waited_milliseconds"] += round(batch.waited * 1000)
        with span(f"work {self.kind}", queue=self.kind.value, tasks=len(batch.task_ids)):
            self.do(batch)
        return len(batch.task_ids)

    @abstractmethod
    def do(self, batch: Batch) -> None:
        """Do a batch, and end its tasks in the transaction that writes what came of them."""


PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(seconds=60)
