"""Takes reports from the system of a hotline: what it posts goes the way of an imported file.

The sender proves itself by a token in `Authorization`. Browsers never send that header on their own, and no
answer here allows another site to set it, so no page can forge such a request: cookies are not looked at, and
there is nothing that a CSRF token would protect.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import select

from api import problems, words
from api.auth import desk_of
from api.desk import Desk, Hotline
from store.archived import ArchiveError
from store.tables import Rejection, Source
from store.vocabulary import PostKind, SourceKind

PATH = "/api/v1/reports"
LARGEST = 5_000_000
MOST = 1_000
A_MINUTE = 60
SOURCE = "Đường dây nóng"
_BASIS = "Phản ánh do người dân gửi tới đường dây nóng"
_FIELDS = ("id", "text", "url", "title", "published", "author")
_LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
FORM = (
    'Nội dung phải là {{"reports": [{{"id": …, "text": …}}, …]}}, hoặc mỗi dòng một đối tượng JSON như thế.'
)
TOO_OFTEN = "Quá {most} lần gửi một phút. Gửi lại sau {wait} giây."
CLOSED = "Đường dây nóng qua API chưa mở: quản trị đặt KIEMTIN_HOTLINE_TOKEN để mở."
NO_TOKEN = "Thiếu mã, hoặc mã sai: gửi Authorization: Bearer MÃ."  # noqa: S105 words, not a secret
NUMBER = "Mỗi lần gửi từ 1 đến {most} phản ánh; lần này có {number}."
BAD_SOURCE = "Tên nguồn phải dài từ 1 đến 200 ký tự, trên một dòng."
OTHER_SOURCE = "Nguồn '{source}' đã có và không phải đường dây nóng. Gửi với tên khác."
AGAIN = "{said} Gửi lại đúng nội dung này."
NOT_TAKEN = "Chưa nhận được: {said}. Gửi lại đúng nội dung này."
TEXTS = (FORM, TOO_OFTEN, CLOSED, NO_TOKEN, NUMBER, BAD_SOURCE, OTHER_SOURCE, AGAIN, NOT_TAKEN)

router = APIRouter()


class Refused(Exception):
    """A request that is not taken; `why`, filled from `values`, says it to who runs the sending system."""

    def __init__(
        self, status: int, why: str, headers: Mapping[str, str] | None = None, **values: object
    ) -> None:
        super().__init__(why.format(**values))
        self.status = status
        self.why = why
        self.values = values
        self.headers = headers or {}


class RefusedRow(BaseModel):
    row: int
    reason: str


class ReportsAnswer(BaseModel):
    """What became of the reports. `repeated`: the same had come before, and nothing was changed."""

    run: int
    accepted: int
    seen: int
    refused: list[RefusedRow]
    repeated: bool


class Line:
    """The line of one process: how often it may be called, and the one thread that takes reports in."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        # One after the other, and without a thread that people's requests need.
        self.worker = ThreadPoolExecutor(1, "hotline")
        self._clock = clock
        self._lock = Lock()
        self._calls: deque[datetime] = deque()

    def call(self) -> None:
        """Note a call; raises `Refused` where there were too many within a minute."""
        with self._lock:
            now, minute = self._clock(), timedelta(minutes=1)
            while self._calls and self._calls[0] <= now - minute:
                self._calls.popleft()
            if len(self._calls) >= A_MINUTE:
                wait = ceil((self._calls[0] + minute - now).total_seconds())
                raise Refused(429, TOO_OFTEN, {"Retry-After": str(wait)}, most=A_MINUTE, wait=wait)
            self._calls.append(now)


async def on_refused(request: Request, error: Exception) -> JSONResponse:
    """Answer a request that is not taken."""
    if not isinstance(error, Refused):
        raise error
    answer = problems.problem(request, error.status, words.say(request, error.why, **error.values))
    answer.headers.update(error.headers)
    return answer


# An author is in no schema of this API, not even of what is sent to it.
_ROW = {
    "type": "object",
    "required": ["id", "text"],
    "properties": {name: {"type": "string"} for name in _FIELDS if name != "author"},
}
_BODY = {
    "application/json": {
        "schema": {
            "type": "object",
            "required": ["reports"],
            "properties": {"reports": {"type": "array", "maxItems": MOST, "items": _ROW}},
        }
    },
    "application/x-ndjson": {"schema": _ROW},
}


@router.post(PATH, openapi_extra={"requestBody": {"required": True, "content": _BODY}})
async def reports(request: Request, source: str = SOURCE) -> ReportsAnswer:
    """Take reports of a hotline in; sent again, the same reports change nothing."""
    desk = desk_of(request)
    hotline = _admitted(request, desk.hotline)
    line: Line = request.app.state.hotline
    line.call()
    body, media_type = await request.body(), request.headers.get("Content-Type", "")
    return await asyncio.get_running_loop().run_in_executor(
        line.worker, lambda: _take(desk, hotline, _as_lines(body, media_type), source.strip())
    )


def _admitted(request: Request, hotline: Hotline | None) -> Hotline:
    if hotline is None:
        raise Refused(404, CLOSED)
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {hotline.token}".encode()):
        raise Refused(401, NO_TOKEN)
    return hotline


def _as_lines(body: bytes, media_type: str) -> bytes:
    """Return the reports as JSON lines, however they were sent; raises `Refused`."""
    whole = _json(body)
    if isinstance(whole, dict):
        rows = whole.get("reports", [whole])
        if not isinstance(rows, list):
            raise Refused(422, FORM)
        lines = _written(rows)
    elif media_type.startswith(_LINES) or isinstance(_json(body.strip().partition(b"\n")[0]), dict):
        lines = body
    else:
        raise Refused(422, FORM)
    number = sum(1 for line in lines.split(b"\n") if line.strip())
    if not 0 < number <= MOST:
        raise Refused(422, NUMBER, most=MOST, number=number)
    return lines


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _written(rows: Sequence[Any]) -> bytes:
    # Half of a surrogate pair has no UTF-8; as an escape JSON holds it.
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    return b"".join(line.encode("utf-8", "backslashreplace") + b"\n" for line in lines)


def _take(desk: Desk, hotline: Hotline, lines: bytes, source: str) -> ReportsAnswer:
    # Imported with the first report: they open spreadsheets too.
    from crawlers.imports import run as imports
    from crawlers.imports.mapping import Mapping

    if not 0 < len(source) <= 200 or not source.isprintable():
        raise Refused(422, BAD_SOURCE)
    with desk.records.read() as session:
        kind = session.scalar(select(Source.kind).where(Source.name == source))
    if kind not in {None, SourceKind.HOTLINE}:
        raise Refused(409, OTHER_SOURCE, source=source)
    with TemporaryDirectory(prefix="kiemtin-") as folder:
        path = Path(folder) / "duong-day-nong.jsonl"
        path.write_bytes(lines)
        plan = imports.Plan(
            path, Mapping({name: name for name in _FIELDS}, by_id=True), source, _BASIS, SourceKind.HOTLINE,
            PostKind.HOTLINE, url=f"urn:sha256:{hashlib.sha256(lines).hexdigest()}",
        )  # fmt: skip
        try:
            outcome = imports.run(desk.records, hotline.archive(), hotline.keys, plan)
        except imports.ImportConflict as error:
            raise Refused(409, AGAIN, said=error) from error
        except ArchiveError as error:
            raise Refused(503, NOT_TAKEN, said=error) from error
    with desk.records.read() as session:
        wanted = select(Rejection).where(Rejection.run_id == outcome.run_id).order_by(Rejection.row)
        refused = [RefusedRow(row=one.row, reason=one.reason) for one in session.scalars(wanted)]
    counted = outcome.counters
    return ReportsAnswer(
        run=outcome.run_id,
        accepted=sum(counted.get(name, 0) for name in ("post/new", "post/copy", "post/edited")),
        seen=counted.get("post/seen", 0),
        refused=refused,
        repeated=outcome.done_before,
    )
