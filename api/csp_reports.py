"""Takes what browsers report of our pages when the content policy stopped something: counted, told the log.

Anybody can send such a report, so it is a hint and no evidence: it is small, seldom, and of it stays only
what is one of a few words. The address of a page holds ids and searches, a sample of a script what somebody
wrote: of both nothing is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import SplitResult, urlsplit

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import iter_route_contexts

from api.rates import Rates
from api.watch import Meters

log = structlog.get_logger("kiemtin.csp")

PATH = "/csp-report"
LARGEST = 16_384
MOST, A_MINUTE = 20, 60
# `report-uri` and not `report-to`: that one is for TLS alone and waits up to a minute, and a browser that
# knows it does not ask this one.
DIRECTIVE = f"report-uri {PATH}"
_OLD, _NEW = "application/csp-report", "application/reports+json"
_DIRECTIVES = frozenset({
    "default-src", "script-src", "script-src-elem", "script-src-attr", "style-src", "style-src-elem",
    "style-src-attr", "img-src", "font-src", "connect-src", "frame-src", "form-action", "base-uri",
    "frame-ancestors", "object-src", "media-src", "worker-src", "manifest-src",
})  # fmt: skip
_SCHEMES = frozenset({"data", "blob", "javascript", "about", "filesystem"})
_BY_WORD = {"inline": "inline", "eval": "eval", "wasm-eval": "eval", "self": "own", "": "unknown"}

router = APIRouter()


@dataclass(frozen=True)
class Report:
    """What is kept of a report: the directive, what kind of thing was stopped, and on which of our pages."""

    directive: str
    blocked: str
    page: str


class Reports:
    """Takes the reports that come to one process."""

    def __init__(self, app: FastAPI, rates: Rates | None = None) -> None:
        self._app = app
        self._rates = rates or Rates(A_MINUTE)

    def take(self, body: bytes, media_type: str, host: str, meters: Meters) -> int:
        """Count the reports in a body and tell the log of them; return the status of the answer."""
        said = list(_bodies(body, media_type))
        if not said:
            meters.csp_refused.labels("unreadable").inc()
            return 400
        for one in said[:MOST]:
            if self._rates.take("").left < 0:
                meters.csp_refused.labels("too many").inc()
                return 429
            found = self.read(one, host)
            meters.csp_reports.labels(found.directive, found.blocked).inc()
            log.warning("csp.stopped", directive=found.directive, blocked=found.blocked, page=found.page)
        return 204

    def read(self, said: Mapping[str, Any], host: str) -> Report:
        """Return of one report what may be kept; what is none of our words becomes "other"."""
        named = _text(said, "effective-directive", "effectiveDirective", "violated-directive")
        directive = named.partition(" ")[0]
        page = _split(_text(said, "document-uri", "documentURL")).path.split("/", 2)
        name = page[1] if len(page) > 1 else ""
        return Report(
            directive if directive in _DIRECTIVES else "other",
            _kind(_text(said, "blocked-uri", "blockedURL"), host),
            f"/{name}" if name in self._pages else "other",
        )

    @cached_property
    def _pages(self) -> frozenset[str]:
        """The first parts of the addresses of our pages."""
        paths = (str(getattr(one, "path", "")) for one in iter_route_contexts(self._app.routes))
        return frozenset(path.split("/")[1] for path in paths if path.startswith("/")) - {"{path:path}"}


@router.post(PATH, status_code=204, include_in_schema=False)
async def report(request: Request) -> Response:
    """Take reports of browsers, of whoever is in front of them."""
    reports: Reports = request.app.state.csp
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type not in {_OLD, _NEW}:
        return Response(status_code=415)
    host = request.url.netloc
    return Response(
        status_code=reports.take(await request.body(), media_type, host, request.app.state.meters)
    )


def _bodies(body: bytes, media_type: str) -> Iterator[Mapping[str, Any]]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return
    rows = [{"type": "csp-violation", "body": found.get("csp-report")}] if isinstance(found, dict) else found
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and row.get("type") == "csp-violation" and isinstance(row.get("body"), dict):
            yield row["body"]


def _text(said: Mapping[str, Any], *names: str) -> str:
    found = (said[name] for name in names if isinstance(said.get(name), str))
    return next(found, "")


def _kind(blocked: str, host: str) -> str:
    """Return what was stopped, in a word: where it would have come from, never its address."""
    if blocked in _BY_WORD:
        return _BY_WORD[blocked]
    parts = _split(blocked)
    scheme = parts.scheme.lower() or blocked.lower()
    if scheme in _SCHEMES:
        return scheme
    if scheme in {"http", "https", "ws", "wss"}:
        return "own" if parts.netloc == host else "elsewhere"
    return "other"


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")
