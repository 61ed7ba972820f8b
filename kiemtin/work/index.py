"""Drains the outbox into the search index, oldest first. Written twice is written once: versions decide."""

from __future__ import annotations

import time
from datetime import timedelta

import structlog

from kiemtin import documents
from kiemtin.work.station import Resting, Taking
from search.engine import SearchEngine, SearchError
from store import tasks
from store.faults import FaultKind
from store.records import Records
from store.tasks import Batch
from store.vocabulary import TaskKind

log = structlog.get_logger("kiemtin.work")

# While the engine does not answer, the others of a cluster need not all ask it at once either.
_PAUSE = timedelta(seconds=5)


class Indexing(Taking):
    """The queue `index`; see `kiemtin.work.station.Station`."""

    kind = TaskKind.INDEX

    def __init__(self, records: Records, engine: SearchEngine, batch: int = 512) -> None:
        super().__init__(records, batch)
        self.engine = engine

    def do(self, batch: Batch) -> None:
        """Show the index the present state of the posts."""
        with self.records.read() as session:
            found = documents.of_posts(session, batch.subject_ids)
        there = {document.post_id for document in found}
        gone = [post_id for post_id in batch.subject_ids if post_id not in there]
        began = time.perf_counter()
        try:
            errors = self.engine.put(found)
            if gone:
                self.engine.delete(gone)
        except SearchError as error:
            with self.records.write() as session:
                tasks.give_back(session, batch, _PAUSE)
            raise Resting(str(error), FaultKind.SEARCH) from error
        with self.records.write() as session:
            for post_id, reason in errors.items():
                log.warning("index.failed", post=post_id, error=reason)
                tasks.fail(session, batch, post_id, reason)
            tasks.finish(session, batch, [i for i in batch.subject_ids if i not in errors])
        self.hand.counters["index/milliseconds"] += round((time.perf_counter() - began) * 1000)
        self.hand.counters["index/put"] += len(found) - len(errors)
        self.hand.counters["index/deleted"] += len(gone)
        self.hand.counters["index/failed"] += len(errors)
