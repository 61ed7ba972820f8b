"""What a machine asks: is it well (`/healthz`), and how much is there of everything (`/metrics`)."""

from __future__ import annotations

import hmac
import ipaddress
import time
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from api import pipeline
from api.auth import desk_of
from api.desk import Desk
from api.standing import by_kind
from review import lanes
from search.engine import SearchError
from store.bundle_tables import BundleStamp, StampState
from store.faults import FaultKind
from store.migrate import require_current
from store.records import RecordsError
from store.spans import span
from store.tables import Case, Event, Post, Run, Source
from store.vocabulary import RunKind

router = APIRouter()


class Meters:
    """The counters of one application, in a registry of its own."""

    def __init__(self, desk: Desk) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "kiemtin_http_requests", "HTTP requests", ("route", "method", "status"), registry=self.registry
        )
        self.seconds = Histogram("kiemtin_http_seconds", "HTTP latency", ("route",), registry=self.registry)
        self.csp_reports = Counter(
            "kiemtin_csp_reports", "What browsers say that the content policy stopped",
            ("directive", "blocked"), registry=self.registry,
        )  # fmt: skip
        self.csp_refused = Counter(
            "kiemtin_csp_reports_refused", "Such reports not taken", ("why",), registry=self.registry
        )
        self.frames = Counter(
            "kiemtin_frames", "Archived pages asked of their own origin, by what came of it", ("answer",),
            registry=self.registry,
        )  # fmt: skip
        self.registry.register(_FromRecords(desk))

    async def measure(
        self, request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """Count and time a request under its route's template, never its path: paths hold ids."""
        began = time.perf_counter()
        status = 500
        with span(request.method, SpanKind.SERVER) as made:
            try:
                response = await call_next(request)
                status = response.status_code
                return response
            finally:
                route = getattr(request.scope.get("route"), "path", "other")
                self.requests.labels(route, request.method, str(status)).inc()
                self.seconds.labels(route).observe(time.perf_counter() - began)
                made.update_name(f"{request.method} {route}")
                made.set_attributes(
                    {
                        "http.request.method": request.method,
                        "http.route": route,
                        "http.response.status_code": status,
                    }
                )
                if status >= 500:
                    made.set_status(StatusCode.ERROR)


class _FromRecords(Collector):
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def collect(self) -> list[Metric]:
        with self._desk.records.read() as session:
            seen = pipeline.overview(session, self._desk.clock())
            cases = session.execute(select(Case.state, func.count()).group_by(Case.state)).all()
            posts = session.scalar(select(func.count()).select_from(Post)) or 0
            events = session.scalar(select(func.max(Event.id))) or 0
            enabled = session.scalar(select(func.count()).select_from(Source).where(Source.enabled)) or 0
            last = session.scalar(select(func.max(Run.started_at)).where(Run.kind == RunKind.CRAWL))
            late = lanes.overdue(session, self._desk.clock(), self._desk.clocks)
            undated = select(func.count()).select_from(BundleStamp)
            owed = session.scalar(undated.where(BundleStamp.state == StampState.WAITING)) or 0
        wrong = by_kind(self._desk.standing.faults())
        faults = GaugeMetricFamily("kiemtin_fault", "1 while something is wrong", labels=["kind"])
        for kind in FaultKind:
            faults.add_metric([kind], kind in wrong)
        overdue = GaugeMetricFamily(
            "kiemtin_cases_overdue", "Cases past the clock of their lane", labels=["lane"]
        )
        for lane, number in late.items():
            if lane != lanes.ALL:
                overdue.add_metric([lane], number)
        by_state = GaugeMetricFamily("kiemtin_cases", "Cases by state", labels=["state"])
        for state, number in cases:
            by_state.add_metric([state], number)
        return [
            *_of_work(seen),
            faults,
            GaugeMetricFamily("kiemtin_stamps_waiting", "Dates of bundles not yet given", value=owed),
            by_state,
            overdue,
            GaugeMetricFamily("kiemtin_posts", "Posts", value=posts),
            GaugeMetricFamily("kiemtin_events", "Events of the audit log", value=events),
            GaugeMetricFamily("kiemtin_sources_enabled", "Sources that are crawled", value=enabled),
            GaugeMetricFamily(
                "kiemtin_last_crawl_timestamp_seconds",
                "Start of the latest crawl",
                value=last.timestamp() if last else 0,
            ),
        ]


def _of_work(seen: pipeline.Overview) -> list[Metric]:
    owed = GaugeMetricFamily("kiemtin_tasks", "Tasks waiting", labels=["kind"])
    parked = GaugeMetricFamily("kiemtin_tasks_parked", "Tasks given up", labels=["kind"])
    lag = GaugeMetricFamily("kiemtin_lag_seconds", "Age of the oldest task of a queue", labels=["kind"])
    resting = GaugeMetricFamily(
        "kiemtin_resting", "1 when a queue rests at a worker", labels=["kind", "worker"]
    )
    for kind, queue in seen.queues.items():
        owed.add_metric([kind], queue.waiting)
        parked.add_metric([kind], queue.parked)
        lag.add_metric([kind], seen.lag(kind).total_seconds())
    done = CounterMetricFamily(
        "kiemtin_work", "What a worker did since it started", labels=["worker", "counter"]
    )
    for worker in seen.workers:
        for name, number in worker.counters.items():
            done.add_metric([worker.id, name], number)
        for kind in worker.queues:
            resting.add_metric([kind, worker.id], kind in worker.trouble)
    number = GaugeMetricFamily("kiemtin_workers", "Workers whose heart beats", value=len(seen.workers))
    return [owed, parked, lag, resting, done, number]


@router.get("/healthz")
def healthz(request: Request) -> JSONResponse:
    """Say whether each part answers; 503 when the records do not. Without search, reviewing goes on."""
    records = _records(desk_of(request))
    well = records == "ok"
    return JSONResponse(
        {"ok": well, "records": records, "search": _search(desk_of(request))}, 200 if well else 503
    )


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Give the meters to who holds the token of the settings; without one, to this machine only."""
    if not _may_measure(request):
        return PlainTextResponse("only with the token, or on this machine\n", 403)
    meters: Meters = request.app.state.meters
    return PlainTextResponse(generate_latest(meters.registry), media_type="text/plain; version=0.0.4")


def _records(desk: Desk) -> str:
    try:
        require_current(desk.records)
    except RecordsError:
        return "old schema"
    except SQLAlchemyError:
        return "no answer"
    return "ok"


def _search(desk: Desk) -> str:
    try:
        desk.engine.count()
    except SearchError:
        return "no answer"
    return "ok"


def _may_measure(request: Request) -> bool:
    token = desk_of(request).metrics_token
    if token:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    # Behind a proxy on this machine everyone seems to be here; a proxy says for whom it asks.
    forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"))
    return not forwarded and _is_loopback(request.client.host if request.client else "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "testclient"
