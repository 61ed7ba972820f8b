"""Starts crawls when they are due. Each runs in a process of its own: its event loop can start only once."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

log = structlog.get_logger("kiemtin.schedule")


class CrawlSchedule:
    """Runs `kiemtin crawl` every so many minutes, never two at once."""

    def __init__(self, minutes: int) -> None:
        self._scheduler = BackgroundScheduler(timezone=UTC)
        self._running: subprocess.Popen[bytes] | None = None
        self._scheduler.add_job(
            self._crawl,
            "interval",
            minutes=minutes,
            next_run_time=datetime.now(UTC) + timedelta(seconds=2),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )

    def start(self) -> None:
        """Begin; the first crawl follows at once."""
        self._scheduler.start()

    def stop(self) -> None:
        """Start no more crawls, and let the one that runs finish its page."""
        running = self._running
        if running is not None and running.poll() is None:
            running.terminate()
        self._scheduler.shutdown(wait=True)

    def _crawl(self) -> None:
        log.info("crawl.started")
        self._running = subprocess.Popen([sys.executable, "-m", "kiemtin", "crawl", "--quiet"])
        code = self._running.wait()
        if code:
            log.warning("crawl.ended", code=code)
        else:
            log.info("crawl.ended", code=0)
