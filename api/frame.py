"""The other origin: serves archived pages to frames of the desk, by sealed addresses, and nothing else.

No cookie is looked at or set here. Who may see a page is asked anew each time: the session of the address
must live, and all rules of `kept_pages.read` hold, which leaves the event.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Awaitable, Callable
from html import escape

import structlog
from fastapi import FastAPI, Request
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api import kept_pages, problems
from api.auth import NotSignedIn, SignedIn, desk_of, holder, over_tls
from api.tickets import NAME, PATH, BadTicket, Frame, NoFrame, Ticket, require_fresh
from api.watch import Meters
from api.words import VIETNAMESE, Translate
from review.errors import ReviewError
from store.inert import SOURCES

log = structlog.get_logger("kiemtin.frame")

# Whether this origin can be reached at all, which a page cannot see of a frame.
HERE = "/here"
# The browser runs no script and fetches nothing: a sandbox without rights, so of no origin, and sources from
# nowhere.
_POLICY = "sandbox; {sources}; frame-ancestors {desk}"
_HEADERS = {
    "Content-Security-Policy": _POLICY.format(sources=SOURCES, desk="'none'"),
    "X-Content-Type-Options": "nosniff",
    "X-DNS-Prefetch-Control": "off",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
TLS_FOR_A_YEAR = "max-age=31536000"
_HOST = re.compile(r"(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_NOT_A_FRAME = "Trang đã lưu chỉ xem được trong khung của bàn duyệt."
_REFUSAL = (
    '<!doctype html><html lang="{language}"><meta charset="utf-8"><title>Kiểm Tin</title>'
    "<style>:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }}</style>"
    '<p role="alert">{words}</p>'
)


def desk_origin(request: Request) -> str:
    """Return the origin under which a browser reached the desk; "" when its `Host` is none."""
    host = request.headers.get("Host", "").lower()
    return f"{'https' if over_tls(request) else 'http'}://{host}" if _HOST.fullmatch(host) else ""


def frame_origin(request: Request) -> str:
    """Return the origin of archived pages for a browser of the desk; "" where there is none."""
    frame = desk_of(request).frame
    return frame.origin(desk_origin(request)) if frame else ""


def address(request: Request, who: SignedIn, case_id: int, capture_id: int, language: str) -> str:
    """Return an address under which a frame of the desk may show a capture; raises `NoFrame`."""
    desk = desk_of(request)
    if desk.frame is None:
        raise NoFrame()
    ticket = Ticket(case_id, capture_id, who.token_sha256, desk_origin(request), language)
    return desk.frame.address(ticket, desk.clock())


def create_frame(desk: FastAPI) -> Starlette:
    """Return the application of the other origin, beside that of a desk that has a `frame`."""
    app = Starlette(
        routes=[Route(PATH, _page), Route(HERE, _here)],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=_carry)],
        exception_handlers={HTTPException: _nothing},
    )
    app.state = desk.state
    return app


class Doors:
    """Two applications on one server: what comes in at `port` goes to the frame, all else to the desk."""

    def __init__(self, desk: ASGIApp, frame: ASGIApp, port: int) -> None:
        self._desk, self._frame, self._port = desk, frame, port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The port of the socket itself, whatever the request says of its host.
        _, port = scope.get("server") or ("", None)
        await (self._frame if port == self._port else self._desk)(scope, receive, send)


def _page(request: Request) -> Response:
    desk, translate = desk_of(request), request.app.state.translate
    frame: Frame = request.app.state.desk.frame
    if request.headers.get("Sec-Fetch-Dest", "iframe") != "iframe":
        return _refused(request, "not a frame", 403, _NOT_A_FRAME)
    try:
        ticket, given = frame.open(request.query_params.get(NAME, ""))
    except BadTicket as error:
        return _refused(request, "forged", 403, str(error))
    try:
        require_fresh(given, desk.clock())
        who = holder(desk, ticket.session)
        with desk.records.write() as session:
            text, _ = kept_pages.read(session, desk.archive, who.person, ticket.case_id, ticket.capture_id)
    except (ReviewError, NotSignedIn) as error:
        why, status = problems.kind_of(type(error)), problems.status_of(error)
        return _refused(request, why, status, _told(error, ticket.language, translate), ticket)
    _count(request, "shown")
    return HTMLResponse(text, headers=_framed_by(ticket))


def _here(request: Request) -> Response:
    return PlainTextResponse("ok", headers={"Cross-Origin-Resource-Policy": "cross-origin"})


def _nothing(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _refused(request, "nothing here", status, "Không có trang này.")


def _told(error: Exception, language: str, translate: Translate) -> str:
    if isinstance(error, ReviewError):
        return translate(language, error.template).format(**error.values)
    return translate(language, problems.words_of(error))


def _refused(
    request: Request, why: str, status: int, words: str, ticket: Ticket | None = None
) -> HTMLResponse:
    _count(request, why)
    language = ticket.language if ticket else VIETNAMESE
    text = _REFUSAL.format(language=language, words=escape(words))
    return HTMLResponse(text, status, _framed_by(ticket) if ticket else None)


def _framed_by(ticket: Ticket) -> dict[str, str]:
    return {"Content-Security-Policy": _POLICY.format(sources=SOURCES, desk=ticket.desk)}


def _count(request: Request, answer: str) -> None:
    meters: Meters = request.app.state.meters
    meters.frames.labels(answer).inc()


async def _carry(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Log the request, without its ticket, and give the answer the headers that all carry."""
    number = secrets.token_hex(8)
    began = time.perf_counter()
    try:
        response = await call_next(request)
    except Exception:
        log.exception("frame.failed", request=number)
        words = problems.FAILED.format(number=number)
        response = _refused(request, "failed", 500, words)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.app.state.desk.frame.url.startswith("https:"):
        response.headers["Strict-Transport-Security"] = TLS_FOR_A_YEAR
    response.headers["X-Request-Id"] = number
    log.info(
        "frame.request", request=number, path=request.url.path, status=response.status_code,
        ms=round(1000 * (time.perf_counter() - began), 1),
    )  # fmt: skip
    return response
