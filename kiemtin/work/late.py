"""A station whose means are opened at its first batch: where they cannot be, it rests, and others work on."""

from __future__ import annotations

from collections.abc import Callable

import models
from kiemtin.work.station import Hand, Resting, Station
from search.engine import SearchError
from store.faults import FaultKind
from store.vocabulary import TaskKind


class Late:
    """See `kiemtin.work.station.Station`. `opened` gives the station itself; it is asked until it does."""

    def __init__(self, kind: TaskKind, opened: Callable[[], Station]) -> None:
        self.kind = kind
        self.hand = Hand()
        self._opened = opened
        self._station: Station | None = None

    def once(self) -> int:
        """Do one batch; raises `Resting` while a model or an index cannot be opened."""
        if self._station is None:
            try:
                station = self._opened()
            except models.DataError as error:
                raise Resting(str(error), FaultKind.MODEL) from error
            except SearchError as error:
                raise Resting(str(error), FaultKind.SEARCH) from error
            station.hand = self.hand
            self._station = station
        return self._station.once()
