"""Puts many cases into records at once, as scoring would have left them: one post each, all alike but for a number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import insert

from review.priority import Spread, place
from store.records import Records
from store.tables import Assessment, Case, Cluster, Post
from tests.factory import NOW, Place


def cases(
    records: Records,
    number: int,
    harms: Sequence[str | None] = ("scam",),
    severities: Sequence[float] = (1.0,),
    opened: Sequence[datetime] = (NOW,),
    source: Place | None = None,
) -> None:
    """Open `number` cases, ids from 1 on in order of rank; harms, severities and times go round."""
    made = source or Place(records)
    ids = range(1, number + 1)
    with records.write() as session:
        session.execute(insert(Cluster), [{"id": i, "size": 1, "created_at": NOW} for i in ids])
        session.execute(
            insert(Post),
            [
                {
                    "id": i, "key": f"bulk-{i}", "source_id": made.source_id, "capture_id": made.capture_id,
                    "kind": "social", "language": "vi", "title": "", "text": f"bài số {i}", "quotes": [], "facts": {},
                    "content_hash": f"{i:064d}", "version": 1, "published_at": NOW, "first_seen_at": NOW,
                    "last_seen_at": NOW, "cluster_id": i, "assessment_id": i,
                }
                for i in ids
            ],
        )  # fmt: skip
        session.execute(
            insert(Assessment),
            [
                {
                    "id": i, "post_id": i, "post_version": 1, "model": "m", "policy": "p", "about": 1.0, "act": "ad",
                    "harmful": 0.9, "flagged": True, "protected": False, "uncertain": False, "referable": False,
                    "priority": 50.0, "detail": {"harms": {}, "claims": [], "spans": []}, "at": NOW,
                }
                for i in ids
            ],
        )  # fmt: skip
        for i in ids:
            at = opened[(i - 1) % len(opened)] - timedelta(seconds=i)
            case = Case(
                id=i, cluster_id=i, post_id=i, content_hash=f"{i:064d}", state="queued", version=1,
                harm=harms[(i - 1) % len(harms)], uncertain=harms[(i - 1) % len(harms)] is None,
                opened_at=at, waits_from=at,
            )  # fmt: skip
            place(case, 50.0, severities[(i - 1) % len(severities)], Spread(1, 1, at))
            session.add(case)
    if not records.is_sqlite:
        _count_on(records, number)


def _count_on(records: Records, number: int) -> None:
    from sqlalchemy import text

    with records.write() as session:
        for table in ("cluster", "post", "assessment", "case"):
            session.execute(text(f"SELECT setval(pg_get_serial_sequence('\"{table}\"', 'id'), {number})"))
