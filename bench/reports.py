"""Reports over 100,000 posts in half a year: the weekly report with its papers, trends and the dashboard.

The posts have labels, claims, places, cases and decisions as a busy installation has them, put in without a
model. The reference counts the same weeks by reading their rows, as without aggregates in the database.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

import models
from bench.measure import Measure
from reports import dashboard, docx_paper, paper, trends, weekly, weekly_document
from reports.letterhead import Letterhead
from reports.periods import Period, week_of_day
from store import claims
from store.claim_tables import Claim
from store.migrate import migrate
from store.place_tables import PostPlace
from store.records import Records
from store.report_tables import ClaimMention
from store.tables import Assessment, Capture, Case, Cluster, Decision, Post, Source, User

POSTS = 100_000
WEEK: Period = week_of_day(date(2026, 11, 16))
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
_START = WEEK.begin - timedelta(weeks=25)
_PAGE = 5_000
_SOURCES = 40
_ACTS = (
    "claim",
    "news",
    "advice",
    "opinion",
    "satire",
    "testimony",
    "question",
    "debunk",
    "appeal",
    "ad",
    "other",
)
_ACT_WEIGHTS = (14, 22, 6, 24, 3, 12, 10, 3, 2, 3, 1)
_PROTECTED = models.labels().protected
_ASKED = (
    "Cho mình hỏi tiêm mũi bốn đăng ký ở đâu vậy mọi người",
    "Ai biết trợ cấp thất nghiệp nhận lúc nào không ạ",
    "Con em sốt cao uống hạ sốt mấy tiếng một lần vậy",
    "Xin hỏi giấy đi đường còn hiệu lực không",
)


def run() -> Iterable[Measure]:
    with tempfile.TemporaryDirectory() as folder:
        records = Records(f"sqlite:///{Path(folder) / 'reports.db'}")
        fill(records)
        with records.read() as session:
            data, gathered = _timed(lambda: weekly.build(session, WEEK, NOW))
            _, read = _timed(lambda: _by_rows(session))
            _, board = _timed(lambda: dashboard.dashboard(session, NOW))
            _, trend = _timed(lambda: trends.trends(session, NOW, 26))
        document, drawn = _timed(lambda: weekly_document.document(data))
        head, day = Letterhead(agency="Sở Mẫu"), date(2026, 11, 23)
        _, written = _timed(lambda: (paper.pdf(document, head, day), docx_paper.docx(document, head, day)))
        records.close()
    whole = gathered + drawn + written
    yield _measure("weekly report of 100,000 posts: data, charts, PDF and DOCX", whole, None, 15)
    yield _measure("weekly report: its data, against reading the rows of one count", gathered, read, 15)
    yield _measure("dashboard", board, None, 2)
    yield _measure("trends of 26 weeks", trend, None, 5)


def _measure(name: str, seconds: float, reference: float | None, most: float) -> Measure:
    return Measure(
        "reports", name, round(seconds, 2), round(reference, 2) if reference else None, f"≤ {most:g} s",
        seconds <= most, "s",
    )  # fmt: skip


def _timed(do: Any) -> tuple[Any, float]:
    began = time.perf_counter()
    found = do()
    return found, time.perf_counter() - began


def _by_rows(session: Session) -> Counter[str]:
    rows = session.execute(
        select(Post, Assessment)
        .join(Assessment, Assessment.id == Post.assessment_id)
        .where(Post.first_seen_at >= WEEK.back(11).begin)
    )
    return Counter(row[1].act for row in rows)


def fill(records: Records, number: int = POSTS, seed: int = 1) -> None:
    """Put `number` posts with their labels, cases and decisions into empty records; later weeks have more."""
    choose = random.Random(seed)
    migrate(records)
    with records.write() as session:
        claims.take_shipped(session)
        known = list(session.scalars(select(Claim.id)))[:60]
        session.add(User(login="bench", name="Bench", role="lead", password_hash="x", created_at=NOW))
        for i in range(_SOURCES):
            session.add(
                Source(
                    name=f"Diễn đàn {i + 1}",
                    kind="import",
                    legal_basis="bench",
                    added_at=_START,
                    enabled=True,
                )
            )
        session.flush()
        session.add(
            Capture(
                source_id=1, url="file:///bench", at=NOW, media_type="x", sha256="0" * 64, warc="bench",
                offset=0, length=1,
            )
        )  # fmt: skip
    clusters = _clusters(choose, number, known)
    made = 0
    while page := list(islice(clusters, _PAGE)):
        with records.write() as session:
            made = _put(session, choose, page, made)


def _clusters(choose: random.Random, number: int, known: list[str]) -> Iterator[dict[str, Any]]:
    harms, acts = models.labels().harms, _ACTS
    span = (WEEK.end - _START).total_seconds()
    left = number
    fresh = True
    while left > 0:
        burst = fresh and left < number // 2
        size = 26 if burst else min(left, 1 if choose.random() < 0.85 else choose.randint(2, 12))
        fresh = fresh and not burst
        act = "claim" if burst else choose.choices(acts, _ACT_WEIGHTS)[0]
        protected = act in _PROTECTED and choose.random() < 0.97
        flagged = burst or (not protected and choose.random() < 0.16)
        uncertain = not flagged and choose.random() < 0.02
        at = (
            WEEK.begin + timedelta(days=3)
            if burst
            else _START + timedelta(seconds=span * choose.random() ** 0.6)
        )
        about = not burst and choose.random() < (0.6 if flagged else 0.04)
        yield {
            "size": size, "act": act, "protected": protected, "flagged": flagged, "uncertain": uncertain,
            "harm": choose.choices(harms, (20, 12, 24, 6, 16, 8, 4, 3, 5))[0] if flagged else None,
            "at": at, "firm": choose.random() < 0.5, "burst": burst,
            "claim": known[min(len(known) - 1, int(choose.expovariate(0.12)))] if about else None,
        }  # fmt: skip
        left -= size


def _put(session: Session, choose: random.Random, page: list[dict[str, Any]], made: int) -> int:
    """Put clusters in with their posts, cases and decisions; ids are ours. Returns the posts so far."""
    base = session.scalar(select(Cluster.id).order_by(Cluster.id.desc()).limit(1)) or 0
    rows: dict[type, list[dict[str, Any]]] = {
        kind: [] for kind in (Cluster, Post, Assessment, ClaimMention, PostPlace, Case, Decision)
    }
    for number, one in enumerate(page, base + 1):
        at = min(one["at"], WEEK.end - timedelta(minutes=1))
        rows[Cluster].append({"id": number, "size": one["size"], "created_at": at})
        for copy in range(one["size"]):
            made += 1
            seen = min(
                at + timedelta(hours=choose.expovariate(0.05)) if copy else at,
                WEEK.end - timedelta(seconds=1),
            )
            asked = one["act"] == "question"
            text = (
                choose.choice(_ASKED)
                if asked and choose.random() < 0.1
                else f"Bài {number} " + "lời bài " * 60
            )
            rows[Post].append(
                {
                    "id": made, "key": f"k{made}", "source_id": 1 + (number + copy * 7) % _SOURCES,
                    "capture_id": 1, "kind": "forum", "text": text, "content_hash": f"{number:064d}",
                    "first_seen_at": seen,
                    "last_seen_at": seen, "cluster_id": number, "assessment_id": made, "language": "vi",
                    "title": "",
                    "quotes": [], "version": 1, "facts": {},
                }
            )  # fmt: skip
            rows[Assessment].append(
                {
                    "id": made, "post_id": made, "post_version": 1, "model": "bench-1", "policy": "2026.11-3",
                    "about": 0.9, "act": one["act"], "harmful": 0.4, "flagged": one["flagged"],
                    "protected": one["protected"], "uncertain": one["uncertain"], "referable": False,
                    "priority": 10.0, "detail": {"why": "x" * 2000}, "at": seen,
                }
            )  # fmt: skip
            if one["claim"]:
                rows[ClaimMention].append(
                    {"post_id": made, "claim_id": one["claim"], "confirmed": one["firm"]}
                )
            if choose.random() < 0.2:
                province = f"{choose.choice((1, 11, 24, 31, 48, 56, 68, 79, 92)):02d}"
                rows[PostPlace].append(
                    {"post_id": made, "code": province, "province": province, "cluster_id": number}
                )
        if one["flagged"] or one["uncertain"]:
            _review(choose, rows, number, made, one, at)
    for kind, put in rows.items():
        if put:
            session.execute(insert(kind), put)
    return made


def _review(
    choose: random.Random,
    rows: dict[type, list[dict[str, Any]]],
    number: int,
    post: int,
    one: dict[str, Any],
    at: datetime,
) -> None:
    took = timedelta(hours=choose.lognormvariate(1.5, 1))
    decided = not one["burst"] and at + took < NOW and choose.random() < 0.93
    rows[Case].append(
        {
            "id": number, "cluster_id": number, "post_id": post, "content_hash": f"{number:064d}",
            "state": "decided" if decided else "queued", "version": 2 if decided else 1, "priority": 10.0,
            "harm": one["harm"], "uncertain": one["uncertain"], "opened_at": at,
            "decided_at": at + took if decided else None,
        }
    )  # fmt: skip
    if decided:
        outcome = choose.choices(("correct", "report", "dismiss", "protected"), (42, 18, 36, 4))[0]
        rows[Decision].append(
            {
                "case_id": number, "case_version": 1, "user_id": 1, "outcome": outcome, "reason": "bench",
                "policy": "p", "correction": "", "snapshot": {}, "snapshot_sha256": "0" * 64, "at": at + took,
            }
        )  # fmt: skip
