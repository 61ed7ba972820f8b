"""What is wrong with an installation now: said on every page, in `/api/v1/work` and in `/metrics`.

What a worker met is in its row (`trouble`); what can be seen from here is looked at here. Looking may take
as long as a silent server lets it, so pages show what was found last and never wait for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

import models
from classifier.in_force import InForce
from search.engine import SearchEngine, SearchError
from store import policies
from store.bundle_tables import BundleStamp, StampState
from store.faults import DUTY_PREFIX, Fault, FaultKind
from store.records import Records
from store.tables import Event
from store.work_tables import Worker

log = structlog.get_logger("kiemtin.standing")

_EVERY = 15.0
_AT_FIRST = 1.0
_AHEAD = timedelta(minutes=5)

Checks = Callable[[], Iterable[Fault]]


class Standing:
    """The faults of an installation, looked for at most every 15 seconds, by a thread beside the pages.

    `checks` are those that only the settings know of: disks, the policy file.
    """

    def __init__(self, records: Records, engine: SearchEngine, checks: Checks | None = None) -> None:
        self._records = records
        self._engine = engine
        self._checks = checks
        self._in_force = InForce()
        self._found: tuple[Fault, ...] = ()
        self._looked: float | None = None
        self._guard = threading.Lock()

    def faults(self) -> tuple[Fault, ...]:
        """Return what was found last; only the very first call waits for a look, a second at most."""
        first = self._looked is None
        if (first or time.monotonic() - (self._looked or 0) > _EVERY) and self._guard.acquire(blocking=False):
            thread = threading.Thread(target=self._look_and_release, name="standing", daemon=True)
            thread.start()
            if first:
                thread.join(_AT_FIRST)
        return self._found

    def look(self) -> tuple[Fault, ...]:
        """Look now, and return what is wrong, one fault of a kind or more, in the order of the kinds."""
        found: list[Fault] = []
        try:
            found += self._of_records()
        except SQLAlchemyError as error:
            # Without records no page is shown at all; /healthz says it.
            log.warning("standing.records_down", error=str(getattr(error, "orig", error)))
        try:
            self._engine.count()
        except SearchError as error:
            found.append(Fault(FaultKind.SEARCH, str(error)))
        found += self._checks() if self._checks is not None else ()
        order = list(FaultKind)
        self._found = tuple(dict.fromkeys(sorted(found, key=lambda fault: order.index(fault.kind))))
        self._looked = time.monotonic()
        return self._found

    def _look_and_release(self) -> None:
        try:
            self.look()
        except Exception:
            # Pages go on with what was known; what cannot be looked at must at least be in the log.
            log.exception("standing.failed")
            self._looked = time.monotonic()
        finally:
            self._guard.release()

    def _of_records(self) -> list[Fault]:
        found = []
        with self._records.read() as session:
            troubles = session.scalars(select(Worker.trouble)).all()
            switch = policies.active(session)
            newest = session.scalar(select(Event.at).order_by(Event.id.desc()).limit(1))
            undated = session.execute(
                select(func.count(), func.max(BundleStamp.error)).where(
                    BundleStamp.state == StampState.WAITING, BundleStamp.error != ""
                )
            ).one()
        for trouble in troubles:
            found += [Fault(_KINDS[key], said) for key, said in trouble.items() if key in _KINDS]
            found += [
                Fault(FaultKind.DUTY, f"{key.removeprefix(DUTY_PREFIX)}: {said}")
                for key, said in trouble.items()
                if key.startswith(DUTY_PREFIX)
            ]
        if switch is not None:
            try:
                self._in_force.of(switch)
            except models.DataError as error:
                found.append(Fault(FaultKind.POLICY, str(error)))
        if newest and datetime.fromisoformat(newest) - datetime.now(UTC) > _AHEAD:
            found.append(Fault(FaultKind.CLOCK, "sự kiện mới nhất của nhật ký kiểm toán ở sau giờ máy này."))
        if undated[0]:
            found.append(Fault(FaultKind.TIMESTAMPS, f"{undated[0]} dấu chưa xin được; {undated[1]}"))
        return found


_KINDS = {kind.value: kind for kind in FaultKind}


def by_kind(faults: Sequence[Fault]) -> dict[FaultKind, list[str]]:
    """Return what is said of each kind that is at fault."""
    found: dict[FaultKind, list[str]] = {}
    for fault in faults:
        found.setdefault(fault.kind, []).append(fault.said)
    return found
