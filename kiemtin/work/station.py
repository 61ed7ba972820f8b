"""What the crew asks of a queue's work."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from store.tasks import Batch
from store.vocabulary import TaskKind


class Resting(Exception):
    """What the work needs does not answer; the batch was given back. The message says why."""


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


PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(seconds=60)
