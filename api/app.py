"""Puts the API together: routes, errors, and what every answer carries."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable

import structlog
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api import (
    bounds,
    bundle_routes,
    bundle_work,
    case_routes,
    claim_routes,
    complaint_routes,
    csp_reports,
    drift,
    explanations,
    frame,
    hotline,
    idempotency,
    live,
    oidc,
    openapi,
    people_routes,
    policy,
    privacy_routes,
    problems,
    quality_routes,
    queue_routes,
    referral_routes,
    report_routes,
    routes,
    second_review_routes,
    setup_routes,
    token_routes,
    watch,
    words,
)
from api.auth import Who, over_tls
from api.desk import Desk
from api.rates import Rates, Standing
from api.watch import Meters

log = structlog.get_logger("kiemtin.http")

LARGEST_BODY = 1_000_000
_LARGEST = {hotline.PATH: hotline.LARGEST, csp_reports.PATH: csp_reports.LARGEST}

# Archived pages alone are framed, and come from another origin; a page asks there whether it can be reached.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src {connect}; frame-src {frame}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    f"{csp_reports.DIRECTIVE}"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

# What the framework would tell a collector holds searches, addresses of people and messages of errors;
# `Meters.measure` tells what is fit to be told.
_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}

_ROUTES = (
    routes,
    claim_routes,
    referral_routes,
    second_review_routes,
    case_routes,
    drift,
    explanations,
    policy,
    hotline,
    live,
    queue_routes,
    quality_routes,
    complaint_routes,
    csp_reports,
    report_routes,
    bundle_routes,
    token_routes,
    people_routes,
    privacy_routes,
    setup_routes,
    watch,
)

Next = Callable[[Request], Awaitable[Response]]


def create_api(desk: Desk) -> FastAPI:
    """Return the application with the JSON API, `/healthz` and `/metrics`."""
    # The framework's own documentation pages load scripts from another host; the schema is enough.
    app = FastAPI(title="Kiểm Tin", docs_url=None, redoc_url=None, openapi_url=None, telemetry=_NO_TELEMETRY)
    app.state.desk = desk
    app.state.meters = Meters(desk)
    app.state.rates = Rates(desk.a_minute)
    app.state.translate = words.untranslated
    app.state.csp = csp_reports.Reports(app)
    app.state.hotline = hotline.Line(desk.clock)
    app.state.drift = drift.Drift(desk)
    app.state.outside = oidc.Outside(desk.sign_in.provider) if desk.sign_in.provider else None
    app.state.explanations = explanations.Explanations(desk)
    app.state.bundles = bundle_work.Works(desk)
    app.state.live = live.Live(desk)
    for module in _ROUTES:
        # What these two take is not of people at the desk, and refused item by item.
        checks = [] if module in (hotline, csp_reports) else [Depends(bounds.require_text)]
        app.include_router(module.router, dependencies=checks)
    app.add_api_route("/api/openapi.json", _schema, include_in_schema=False)

    for kind in problems.HANDLED:
        app.add_exception_handler(kind, problems.on_known)
    app.add_exception_handler(hotline.Refused, hotline.on_refused)
    app.add_exception_handler(idempotency.Replayed, idempotency.on_replayed)
    app.add_exception_handler(HTTPException, problems.on_http)
    app.add_exception_handler(RequestValidationError, problems.on_invalid)
    app.middleware("http")(_carry)
    if desk.sign_in.proxies:
        # Outermost, so that all below sees the browser's address and whether it came by TLS.
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(desk.sign_in.proxies))
    return app


# Not inside of `create_api`: the framework remembers every function that serves a route, and with it the
# application that such a one would hold.
def _schema(request: Request, who: Who) -> dict[str, object]:
    return openapi.of(request.app)


async def _carry(request: Request, call_next: Next) -> Response:
    """Refuse what is too large, measure and log the rest, and give the answer the headers that all carry."""
    number = secrets.token_hex(8)
    began = time.perf_counter()
    length = request.headers.get("Content-Length", "0")
    if "Transfer-Encoding" in request.headers:
        # A body of unknown length could be of any length; browsers and clients of the API send theirs.
        response: Response = problems.problem(request, 411, words.say(request, problems.NO_LENGTH))
    elif not length.isdecimal() or int(length) > _LARGEST.get(request.url.path, LARGEST_BODY):
        response = problems.problem(request, 413, words.say(request, problems.TOO_LARGE))
    else:
        try:
            response = await request.app.state.meters.measure(request, call_next)
            response = await idempotency.finish(request, request.app.state.desk, response)
        except Exception:
            log.exception("http.failed", request=number, path=request.url.path)
            response = _failed(request, number)
    standing: Standing | None = getattr(request.state, "standing", None)
    if standing is not None:
        response.headers.update(standing.headers())
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Content-Security-Policy", _policy(request))
    if over_tls(request):
        response.headers["Strict-Transport-Security"] = frame.TLS_FOR_A_YEAR
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    response.headers["X-Request-Id"] = number
    log.info(
        "http.request", request=number, method=request.method, path=request.url.path,
        status=response.status_code, ms=round(1000 * (time.perf_counter() - began), 1),
    )  # fmt: skip
    return response


def _policy(request: Request) -> str:
    origin = frame.frame_origin(request)
    return _POLICY.format(connect=f"'self' {origin}".rstrip(), frame=origin or "'none'")


def _failed(request: Request, number: str) -> JSONResponse:
    return problems.problem(request, 500, words.say(request, problems.FAILED, number=number))
