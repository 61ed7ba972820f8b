"""Sends the messages owed. Killed before it could note that one was sent, it sends that again, by its key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import structlog

from kiemtin.delivery.carrier import Carrier, Undelivered
from kiemtin.work.station import Taking
from store import sending, tasks
from store.delivery_tables import Delivery
from store.records import Records
from store.tasks import Batch
from store.vocabulary import Channel, DeliveryState, TaskKind

log = structlog.get_logger("kiemtin.work")

# A recipient that does not answer holds the others of its batch up for seconds each.
_BATCH = 8


class Delivering(Taking):
    """The queue `deliver`; see `kiemtin.work.station.Station`."""

    kind = TaskKind.DELIVER

    def __init__(self, records: Records, carriers: Mapping[Channel, Carrier]) -> None:
        super().__init__(records, _BATCH)
        self.carriers = carriers

    def do(self, batch: Batch) -> None:
        """Send each message, and write what came of it before the next is sent."""
        for delivery_id in batch.subject_ids:
            with self.records.read() as session:
                message = session.get(Delivery, delivery_id)
            if message is None or message.state != DeliveryState.WAITING:
                with self.records.write() as session:
                    tasks.finish(session, batch, [delivery_id])
            else:
                self._send(batch, message)

    def _send(self, batch: Batch, message: Delivery) -> None:
        try:
            self.carriers[Channel(message.channel)].send(message)
        except Undelivered as error:
            log.warning("deliver.failed", delivery=message.id, channel=message.channel, error=str(error))
            with self.records.write() as session:
                dead = sending.failed(session, batch, message.id, str(error), for_good=error.for_good)
            self.hand.counters["deliver/dead" if dead else "deliver/failed"] += 1
            return
        with self.records.write() as session:
            sending.sent(session, batch, message.id, datetime.now(UTC))
        self.hand.counters[f"deliver/{message.channel}"] += 1
