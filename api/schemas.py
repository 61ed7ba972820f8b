"""What the JSON API answers. No model here has a field for an author."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from api.pipeline import Overview, Parked
from review import priority
from review.case_page import CasePage
from review.queue import Lease
from review.sla import Clocks
from store.faults import Fault, FaultKind
from store.tables import Case, Event, Run


class Plain(BaseModel):
    """An answer made from an object's attributes."""

    model_config = ConfigDict(from_attributes=True)


class Me(Plain):
    login: str
    name: str
    role: str
    must_change: bool
    csrf: str


class PartsAnswer(Plain):
    """A priority as 100 × harm × severity × raised × spread × fresh; see `review.priority.Parts`."""

    total: float
    harm: float | None
    severity: float
    raised: float
    spread: float
    fresh: float
    copies: int
    recent: int


class QueueRow(Plain):
    case_id: int
    version: int
    state: str
    priority: float
    priority_parts: PartsAnswer
    due_at: datetime
    harm: str | None
    uncertain: bool
    title: str
    excerpt: str
    source: str
    kind: str
    published_at: datetime | None

    @classmethod
    def of(cls, case: Case, clocks: Clocks, at: datetime) -> QueueRow:
        """Return the row of a case, at a moment, whose post, source and assessment are loaded."""
        post, parts = case.post, _parts(case, at)
        return cls(
            case_id=case.id, version=case.version, state=case.state, priority=round(parts.total, 2),
            priority_parts=parts, due_at=clocks.due(case), harm=case.harm, uncertain=case.uncertain,
            title=post.title, excerpt=post.text[:200], source=post.source.name,
            kind=post.kind, published_at=post.published_at,
        )  # fmt: skip


class LeaseAnswer(Plain):
    case_id: int
    version: int
    token: str
    until: datetime

    @classmethod
    def of(cls, lease: Lease) -> LeaseAnswer:
        """Return a lease as it is sent to its holder."""
        return cls.model_validate(lease)


class CopyAnswer(Plain):
    post_id: int
    source: str
    kind: str
    url: str | None
    published_at: datetime | None
    exact: bool
    text: str


class VariantAnswer(Plain):
    """Copies that share one text near to the one under review; `standing` is what a person found of it."""

    content_hash: str
    text: str
    posts: int
    post_id: int
    first_seen_at: datetime
    sources: list[str]
    standing: str


class MomentAnswer(Plain):
    at: datetime
    what: str
    last_at: datetime
    times: int
    reason: str | None
    capture_id: int | None
    version: int | None
    text: str


class DecisionAnswer(Plain):
    id: int
    outcome: str
    reason: str
    act: str | None
    correction: str
    claim_id: str | None
    policy: str
    snapshot_sha256: str
    at: datetime
    undone_at: datetime | None


class ActivityAnswer(Plain):
    what: str
    who: str | None
    reason: str
    at: datetime


class CaseAnswer(Plain):
    case_id: int
    version: int
    state: str
    priority: float
    priority_parts: PartsAnswer
    due_at: datetime
    harm: str | None
    uncertain: bool
    leased_until: datetime | None
    leased_by: str | None
    post_id: int
    url: str | None
    kind: str
    source: str
    title: str
    text: str
    quotes: list[str]
    content_hash: str
    published_at: datetime | None
    assessment: dict[str, Any]
    copies: list[CopyAnswer]
    copies_total: int
    variants: list[VariantAnswer]
    history: list[MomentAnswer]
    decisions: list[DecisionAnswer]
    activity: list[ActivityAnswer]

    @classmethod
    def of(cls, page: CasePage, clocks: Clocks, at: datetime) -> CaseAnswer:
        """Return all that a case page shows at a moment."""
        case, post, parts = page.case, page.post, _parts(page.case, at)
        return cls(
            case_id=case.id, version=case.version, state=case.state, priority=round(parts.total, 2),
            priority_parts=parts, due_at=clocks.due(case), harm=case.harm, uncertain=case.uncertain,
            leased_until=case.lease_until, leased_by=case.lease_user.name if case.lease_user else None,
            post_id=post.id, url=post.url, kind=post.kind, source=post.source.name, title=post.title,
            text=post.text, quotes=post.quotes,
            content_hash=case.content_hash, published_at=post.published_at, assessment=page.assessment,
            copies=[CopyAnswer.model_validate(copy) for copy in page.copies], copies_total=page.copies_total,
            variants=[VariantAnswer.model_validate(variant) for variant in page.variants],
            history=[MomentAnswer.model_validate(moment) for moment in page.history],
            decisions=[DecisionAnswer.model_validate(decision) for decision in page.decisions],
            activity=[
                ActivityAnswer(what=a.what, who=a.user.name if a.user else None, reason=a.reason, at=a.at)
                for a in page.activity
            ],
        )  # fmt: skip


def _parts(case: Case, at: datetime) -> PartsAnswer:
    return PartsAnswer.model_validate(priority.of_case(case, at))


class HitAnswer(Plain):
    post_id: int
    score: float
    title: str
    snippet: str
    highlights: list[tuple[int, int]]


class SearchAnswer(Plain):
    total: int
    hits: list[HitAnswer]
    facets: dict[str, dict[str, int]]
    weeks: list[tuple[date, int]]
    next: str


class SimilarAnswer(Plain):
    hit: HitAnswer
    case_id: int | None


class QueueAnswer(Plain):
    waiting: int
    in_hand: int
    parked: int
    oldest: datetime | None


class WorkerAnswer(Plain):
    id: str
    host: str
    queues: list[str]
    started_at: datetime
    beat_at: datetime
    counters: dict[str, int]
    trouble: dict[str, str]


class ParkedAnswer(BaseModel):
    id: int
    kind: str
    about: str
    attempts: int
    error: str | None

    @classmethod
    def of(cls, parked: Parked) -> ParkedAnswer:
        task = parked.task
        return cls(id=task.id, kind=task.kind, about=parked.about, attempts=task.attempts, error=task.error)


class FaultAnswer(Plain):
    kind: FaultKind
    said: str


class WorkAnswer(BaseModel):
    queues: dict[str, QueueAnswer]
    workers: list[WorkerAnswer]
    parked: list[ParkedAnswer]
    faults: list[FaultAnswer] = []

    @classmethod
    def of(cls, seen: Overview, faults: Iterable[Fault] = ()) -> WorkAnswer:
        return cls(
            queues={kind: QueueAnswer.model_validate(queue) for kind, queue in seen.queues.items()},
            workers=[WorkerAnswer.model_validate(worker) for worker in seen.workers],
            parked=[ParkedAnswer.of(parked) for parked in seen.parked],
            faults=[FaultAnswer.model_validate(one) for one in faults],
        )


class SourceAnswer(Plain):
    id: int
    name: str
    kind: str
    url: str | None
    language: str
    legal_basis: str
    rate: float
    enabled: bool
    paused_at: datetime | None
    verified_at: datetime | None
    posts: int
    days: list[int]
    succeeded_at: datetime | None
    last_run: datetime | None
    last_state: str | None
    counters: dict[str, int]
    next_at: datetime | None
    failures: int
    error: str | None
    pages_waiting: int


class RunAnswer(Plain):
    id: int
    kind: str
    state: str
    source: str
    file_name: str | None
    counters: dict[str, int]
    started_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, run: Run) -> RunAnswer:
        """Return a run whose source is loaded."""
        return cls(
            id=run.id, kind=run.kind, state=run.state, source=run.source.name, file_name=run.file_name,
            counters=run.counters, started_at=run.started_at, finished_at=run.finished_at,
        )  # fmt: skip


class EventAnswer(Plain):
    id: int
    at: str
    actor: str
    action: str
    subject: str
    detail: str
    previous: str
    hash: str

    @classmethod
    def of(cls, event: Event) -> EventAnswer:
        """Return one row of the audit log."""
        return cls.model_validate(event)


class CaptureAnswer(Plain):
    id: int
    url: str
    at: datetime
    status: int | None
    sha256: str
    warc: str
    offset: int
    length: int


class VerdictAnswer(Plain):
    ok: bool
    count: int
    head: str
    broken: int | None
    reason: str
