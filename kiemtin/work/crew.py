"""One process at work: its stations in threads, its heart, and the duties of the whole that fall to it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import SQLAlchemyError

from kiemtin.work.clock import Jumps, against_records
from kiemtin.work.crawl import Crawling
from kiemtin.work.station import LONGEST_PAUSE, PAUSE, Resting, Station
from review import queue, referral
from store import tasks, workers
from store.faults import DUTY_PREFIX, FaultKind
from store.records import Records
from store.vocabulary import TaskKind

log = structlog.get_logger("kiemtin.work")

IDLE_SECONDS = 1.0
KEEPING = "keeping"
DUTIES = "duties"
_DUTIES_EVERY = timedelta(minutes=1)

# What is to be done at times, told the present moment; it may take a while.
Duty = Callable[[datetime], None]


class Crew:
    """The stations of one process. Any number of crews on any number of hosts share the queues.

    `duties`, by the names that counters and faults give them, fall to one crew of the whole installation at a
    time and are done in their order.
    """

    def __init__(
        self, records: Records, stations: Sequence[Station], duties: Mapping[str, Duty] | None = None
    ) -> None:
        self.records = records
        self.stations = stations
        self.duties = duties or {}
        self.trouble: dict[str, str] = {}
        self.worker_id = ""
        self.jumps = Jumps()
        self._done: Counter[str] = Counter()
        self._about: dict[TaskKind, FaultKind] = {}

    @property
    def counters(self) -> Counter[str]:
        """What all stations did since the start, and the duties."""
        return sum((station.hand.counters for station in self.stations), Counter(self._done))

    def until_idle(self, progress: Callable[[int, int], None] = lambda done, left: None) -> None:
        """Work in this thread until nothing is due. `progress` is told the tasks done and those left.

        Raises `Resting` when a station cannot work.
        """
        done = 0
        with self.alive():
            while number := sum(station.once() for station in self.stations):
                done += number
                with self.records.read() as session:
                    waiting = tasks.queues(session)
                progress(done, waiting[TaskKind.SCORE].waiting * 2 + waiting[TaskKind.INDEX].waiting)

    def forever(self, stop: threading.Event) -> None:
        """Work until `stop` is set; the batches in hand are finished first."""
        with self.alive():
            threads = [
                threading.Thread(target=self._work, args=(station, stop), name=f"work-{station.kind}")
                for station in self.stations
            ]
            for thread in threads:
                thread.start()
            stop.wait()
            for station in self.stations:
                if isinstance(station, Crawling):
                    station.stop()
            for thread in threads:
                thread.join()

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Be on the list of workers, and keep what is in hand, for as long as the block lasts."""
        heart = BackgroundScheduler(timezone=UTC)
        heart.add_job(
            self._beat_quietly,
            "interval",
            seconds=workers.BEAT.total_seconds(),
            next_run_time=datetime.now(UTC) + timedelta(seconds=1),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
        if self.duties:
            heart.add_job(
                self.do_duties, "interval", seconds=_DUTIES_EVERY.total_seconds(), max_instances=1,
                coalesce=True, misfire_grace_time=None,
            )  # fmt: skip
        self._join()
        heart.start()
        try:
            yield
        finally:
            heart.shutdown(wait=True)
            with suppress(SQLAlchemyError), self.records.write() as session:
                workers.leave(session, self.worker_id)

    def beat(self) -> None:
        """Show that this process lives, keep what it has in hand, and do the duties that are its own."""
        hands = [station.hand for station in self.stations]
        sound = self._clock_is_sound()
        with self.records.write() as session:
            alive = workers.beat(session, self.worker_id, self.counters, self.trouble)
            tasks.extend(session, [hand.batch.token for hand in hands if hand.batch is not None])
            leads = alive and workers.lead(session, KEEPING, self.worker_id)
        if not alive:
            log.warning("work.taken_for_dead", worker=self.worker_id)
            self._join()
        elif leads and sound:
            self._keep()

    def _join(self) -> None:
        with self.records.write() as session:
            workers.bury(session)
            self.worker_id = workers.join(session, [station.kind for station in self.stations])
        for station in self.stations:
            station.hand.worker_id = self.worker_id

    def _keep(self) -> None:
        """Do what must be done once in the whole installation, however many crews there are."""
        with self.records.write() as session:
            dead = workers.bury(session)
        if dead:
            log.warning("work.buried", workers=dead)
        with self.records.write() as session:
            queue.expire(session, datetime.now(UTC))
            referral.expire(session, datetime.now(UTC))

    def _clock_is_sound(self) -> bool:
        """Say whether what is done by the clock may be done: nothing runs out by a clock that is in doubt."""
        said = self.jumps.found()
        if not said:
            with self.records.read() as session:
                said = against_records(session)
        if not said:
            self.trouble.pop(FaultKind.CLOCK, None)
            return True
        if FaultKind.CLOCK not in self.trouble:
            log.warning("work.clock_in_doubt", said=said)
        self.trouble[FaultKind.CLOCK] = said
        return False

    def do_duties(self) -> None:
        """Do the duties, if they fall to this crew and the clock is sound; one that fails stops no other."""
        try:
            if not self._clock_is_sound():
                return
            with self.records.write() as session:
                leads = workers.lead(session, DUTIES, self.worker_id, 10 * _DUTIES_EVERY)
        except SQLAlchemyError as error:
            log.warning("work.records_down", error=str(getattr(error, "orig", error)))
            return
        for name, duty in self.duties.items() if leads else ():
            self._do(f"{DUTY_PREFIX}{name}", duty)

    def _do(self, name: str, duty: Duty) -> None:
        try:
            duty(datetime.now(UTC))
        except Exception as error:
            # Whatever it is: the other duties must be done, and people must see that this one is not.
            log.exception("work.duty_failed", duty=name)
            self._done[f"{name}/failed"] += 1
            self.trouble[name] = f"{type(error).__name__}: {getattr(error, 'orig', error)}"[:500]
        else:
            self._done[f"{name}/done"] += 1
            self.trouble.pop(name, None)

    def _beat_quietly(self) -> None:
        try:
            self.beat()
        except SQLAlchemyError as error:
            log.warning("work.records_down", error=str(getattr(error, "orig", error)))

    def _work(self, station: Station, stop: threading.Event) -> None:
        pause = PAUSE
        while not stop.is_set():
            try:
                number = station.once()
            except Resting as rest:
                self._rest(station, str(rest), pause, stop, rest.about)
            except SQLAlchemyError as error:
                self._let_go(station)
                self._rest(station, f"cơ sở dữ liệu: {getattr(error, 'orig', error)}", pause, stop)
            except Exception as error:
                # A fault of ours must not end the station in silence; its batch lapses and is tried again.
                log.exception("work.failed", queue=station.kind)
                self._let_go(station)
                self._rest(station, f"{type(error).__name__}: {error}", pause, stop)
            else:
                self._well_again(station)
                pause = PAUSE
                if not number:
                    stop.wait(IDLE_SECONDS)
                continue
            pause = min(pause * 2, LONGEST_PAUSE)

    def _rest(
        self,
        station: Station,
        why: str,
        pause: timedelta,
        stop: threading.Event,
        about: FaultKind | None = None,
    ) -> None:
        why = why[:500]
        if self.trouble.get(station.kind) != why:
            log.warning("work.resting", queue=station.kind, why=why)
        if about is not self._about.get(station.kind):
            self._well_again(station)
        self.trouble[station.kind] = why
        if about is not None:
            self._about[station.kind] = about
            self.trouble[about] = why
        stop.wait(pause.total_seconds())

    def _well_again(self, station: Station) -> None:
        self.trouble.pop(station.kind, None)
        about = self._about.pop(station.kind, None)
        if about is not None and about not in self._about.values():
            self.trouble.pop(about, None)

    def _let_go(self, station: Station) -> None:
        # No longer kept alive, so it lapses; where the database can be reached, it need not wait for that.
        batch, station.hand.batch = station.hand.batch, None
        if batch is not None:
            with suppress(SQLAlchemyError), self.records.write() as session:
                tasks.release_batch(session, batch)
