"""Bundles that are being built for a page, each in a thread of this server, and what went wrong last."""

from __future__ import annotations

import threading

import structlog
from fastapi import Request

from api import bundles
from api.desk import Desk
from review.errors import ReviewError
from review.permissions import Person

log = structlog.get_logger("kiemtin.bundles")


class Works:
    """Builds in the background, one at a time for each referral; the records say how far each is.

    What stops with the server is begun again from its page, and goes on as it was begun.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = threading.Lock()
        self._running: dict[int, threading.Thread] = {}
        self._errors: dict[int, ReviewError] = {}

    def start(self, person: Person, referral_id: int) -> None:
        """Begin to build, unless it is being built already; raises what can be said at once."""
        shelf = shelf_of(self._desk)
        bundles.check(self._desk.records, person, referral_id, shelf)
        with self._lock:
            if self.busy(referral_id):
                return
            self._errors.pop(referral_id, None)
            thread = threading.Thread(target=self._build, args=(person, referral_id, shelf), daemon=True)
            self._running[referral_id] = thread
            thread.start()

    def busy(self, referral_id: int) -> bool:
        """Say whether this server is building the bundle of a referral."""
        thread = self._running.get(referral_id)
        return thread is not None and thread.is_alive()

    def error(self, referral_id: int) -> ReviewError | None:
        """Return why the last try of this server failed."""
        return self._errors.get(referral_id)

    def wait(self, referral_id: int) -> None:
        """Return once a bundle is no longer being built here."""
        if thread := self._running.get(referral_id):
            thread.join()

    def _build(self, person: Person, referral_id: int, shelf: bundles.Shelf) -> None:
        try:
            bundles.export(self._desk.records, person, referral_id, shelf, self._desk.clock)
        except ReviewError as error:
            self._errors[referral_id] = error
            log.warning("bundle.refused", referral=referral_id, why=str(error))
        except Exception:  # nobody else would hear of it
            self._errors[referral_id] = bundles.BundleRefused(why="lỗi của máy chủ; xem nhật ký vận hành.")
            log.exception("bundle.failed", referral=referral_id)


def shelf_of(desk: Desk) -> bundles.Shelf:
    """Return where bundles lie; raises `NotSetUp` where no key to sign with is set."""
    if desk.shelf is None:
        raise bundles.NotSetUp()
    return desk.shelf


def works_of(request: Request) -> Works:
    """Return what builds for this application."""
    works: Works = request.app.state.bundles
    return works
