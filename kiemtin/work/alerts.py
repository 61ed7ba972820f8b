"""Looks at the filters that people keep with an alert, and owes the messages of what is new."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import parse_qs

import structlog
from pydantic import ValidationError

from api.desk import Desk
from api.region import region_of
from api.routes import Asked
from review import alerts
from review.errors import ReviewError
from review.queue import ALL
from search.engine import SearchError
from store.queue_tables import SavedFilter
from store.records import Records
from store.vocabulary import FilterKind

log = structlog.get_logger("kiemtin.work")

_PAGE, _MOST = 100, 5000


class Alerts:
    """`desk` opens what searching needs, and is asked only when there is something to look for."""

    def __init__(self, records: Records, desk: Callable[[], Desk]) -> None:
        self._records = records
        self._desk = desk

    def check(self, at: datetime) -> None:
        """Look at each filter that is due once; one that cannot be read is left for the next time."""
        with self._records.read() as session:
            due = alerts.due(session, at)
        for kept in due:
            try:
                found = self._matches(kept, at)
            except (SearchError, ReviewError, ValidationError) as error:
                log.warning("alert.not_looked_at", filter=kept.id, error=str(error))
                continue
            with self._records.write() as session:
                alerts.tell(session, kept.id, found, at)

    def _matches(self, kept: SavedFilter, at: datetime) -> Sequence[int]:
        asked = parse_qs(kept.query)
        desk = self._desk()
        if kept.kind == FilterKind.QUEUE:
            lane = asked.get("lane", [ALL])[0]
            region = region_of(desk, asked.get("province", [""])[0])
            with self._records.read() as session:
                return alerts.new_cases(session, kept, lane, region, at)
        plain = {name: values if name in _MANY else values[0] for name, values in asked.items()}
        page = Asked.model_validate(plain | {"order": "newest", "limit": _PAGE, "after": ""})
        # New is what came in since, however long ago it was published.
        query = replace(page.question(), above=kept.mark)
        # Asked before the search: what is finished by then is in the index.
        with self._records.read() as session:
            end = alerts.first_unfinished(session, kept)
        found: list[int] = []
        while len(found) < _MOST:
            answer = desk.engine.search(query)
            found += [hit.post_id for hit in answer.hits]
            if not answer.next:
                break
            query = replace(query, after=answer.next)
        return [post_id for post_id in found if end is None or post_id < end]


_MANY = frozenset(name for name, one in Asked.model_fields.items() if one.annotation == list[str])
