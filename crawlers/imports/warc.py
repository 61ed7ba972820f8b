"""Reads WARC files (ISO 28500), whoever wrote them: what may hold posts, with how it came."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from ipaddress import ip_address
from pathlib import Path

from urllib3 import HTTPResponse
from urllib3.exceptions import DecodeError
from w3lib.encoding import http_content_type_encoding
from warcio.bufferedreaders import ChunkedDataReader
from warcio.statusandheaders import StatusAndHeaders, StatusAndHeadersParser

from crawlers.canonical import canonical_url
from crawlers.imports.warc_records import Record, records
from crawlers.reading.feeds import is_feed
from crawlers.reading.page import LARGEST, Raw
from store.archived import Exchange

_ANSWERS = frozenset({"response", "resource", "revisit"})
_HTML = frozenset({"text/html", "application/xhtml+xml"})
_DIGESTS = frozenset({"md5", "sha1", "sha256", "sha512"})
# The client's own, which the archive writes itself; and what opens a person's account elsewhere.
_NOT_KEPT = frozenset({"host", "connection", "cookie", "authorization", "proxy-authorization"})
# Codings that the archive reads; what has another is kept decoded.
_ARCHIVED = frozenset({"gzip", "deflate"})
_STATUS = re.compile(r"[1-9][0-9]{2}\b")
_HTTP = StatusAndHeadersParser([], verify=False)


@dataclass(frozen=True)
class Page:
    """A page, its `body` decoded. `exchange` is how it came; None for a `resource`, which does not say."""

    url: str
    at: datetime
    media_type: str
    body: bytes
    exchange: Exchange | None

    @property
    def raw(self) -> Raw:
        """The page as readers take it."""
        return Raw(self.body, self.url, self.at, http_content_type_encoding(self.media_type))


@dataclass(frozen=True)
class Entry:
    """What the records up to `number` come to: a page, or the counter of why there is none.

    `said` is the reason at length, where a person may want to know it. `offset` is where the record is.
    """

    number: int
    offset: int
    url: str
    page: Page | None = None
    counter: str = ""
    said: str = ""


class _Left(Exception):
    def __init__(self, counter: str, said: str = "") -> None:
        super().__init__(said)
        self.counter = counter


def is_warc(path: Path) -> bool:
    """Say whether a file is a WARC file by its name."""
    return path.name.lower().endswith((".warc", ".warc.gz"))


def require(path: Path) -> None:
    """Raise `FileUnreadable` for a file that is no WARC at all, or torn before its first page."""
    next(read(path), None)


def read(path: Path, skip: int = 0) -> Iterator[Entry]:
    """Yield what the file holds after its first `skip` records, a page at a time.

    A request is taken with its answer where it stands beside it. Raises `FileUnreadable` at what is torn or
    no WARC, naming the offset, after everything before it.
    """
    request: Record | None = None
    answer: Record | None = None
    for record in records(path, skip):
        if answer is not None:
            follows = record is not None and _belongs(record, answer)
            asked = record if follows else request if request and _belongs(request, answer) else None
            yield _entry(answer, asked, answer.number + follows)
            request = answer = None
            if follows:
                continue
        if record is not None and record.kind == "request":
            request = record
        elif record is not None and record.kind in _ANSWERS:
            answer = record


def _belongs(request: Record, answer: Record) -> bool:
    if request.kind != "request":
        return False
    named = request.values("WARC-Concurrent-To"), answer.values("WARC-Concurrent-To")
    if any(named):
        return answer.value("WARC-Record-ID") in named[0] or request.value("WARC-Record-ID") in named[1]
    return request.value("WARC-Target-URI") == answer.value("WARC-Target-URI")


def _entry(answer: Record, request: Record | None, number: int) -> Entry:
    url = answer.value("WARC-Target-URI")
    try:
        return Entry(number, answer.offset, url, _page(answer, request, url))
    except _Left as left:
        return Entry(number, answer.offset, url, counter=left.counter, said=str(left))


def _page(answer: Record, request: Record | None, url: str) -> Page:
    if answer.kind == "revisit":
        raise _Left("record/revisit")
    _require_address(url)
    if answer.kind == "resource":
        body = _page_body(answer, answer.block, answer.value("Content-Type"))
        return Page(url, _moment(answer), answer.value("Content-Type"), body, None)
    http, payload = _parsed(answer.block)
    if http is None or _STATUS.match(http.statusline) is None:
        raise _Left("page/other")
    if (status := int(http.statusline[:3])) != 200:
        raise _Left(f"http/{status}")
    asked = _parsed(request.block)[0] if request is not None else None
    if asked is not None and asked.protocol != "GET":
        raise _Left("page/other")
    if "chunked" in http.get_header("Transfer-Encoding", "").lower():
        payload = ChunkedDataReader(BytesIO(payload)).read()
    headers = tuple((name, value) for name, value in http.headers if value is not None)
    media_type = _line(http.get_header("Content-Type", ""))
    coding = http.get_header("Content-Encoding", "")
    body = _page_body(answer, payload, media_type, coding)
    if coding and (body is payload or coding.strip().lower() not in _ARCHIVED):
        payload, headers = body, tuple((_set_aside(name), value) for name, value in headers)
    sent = tuple(asked.headers) if asked is not None else ()
    return Page(
        url, _moment(answer), media_type, body,
        Exchange(
            at=_moment(answer), url=url, status=status, headers=headers, body=payload, ip=_ip(answer),
            request_headers=tuple((name, value) for name, value in sent if name.lower() not in _NOT_KEPT),
        ),
    )  # fmt: skip


def _page_body(answer: Record, payload: bytes, media_type: str, coding: str = "") -> bytes:
    """Return the body of a page, decoded; `payload` itself where it was not coded, whatever is said of it."""
    name = media_type.partition(";")[0].strip().lower()
    if name and name not in _HTML and not name.endswith("xml"):
        raise _Left("page/other")
    if answer.length > len(answer.block):
        raise _Left("capture/oversize", f"bản ghi dài {answer.length} byte, quá {len(answer.block)}")
    if not _fits(answer.block, answer.value("WARC-Block-Digest")):
        raise _Left("page/unreadable", "nội dung không khớp mã băm của bản ghi")
    body = _decoded(payload, coding) if coding else payload
    if len(body) > LARGEST:
        raise _Left("capture/oversize", f"trang dài hơn {LARGEST} byte")
    if name not in _HTML and not is_feed(body) and b"<html" not in body[:2000].lower():
        raise _Left("page/other")
    return body


def _decoded(payload: bytes, coding: str) -> bytes:
    response = HTTPResponse(BytesIO(payload), {"Content-Encoding": coding}, preload_content=False)
    try:
        body: bytes = response.read(LARGEST + 1)
    except DecodeError:
        # Many tools keep a page decoded, and its headers as they were.
        if payload.lstrip()[:1] == b"<":
            return payload
        raise _Left("page/unreadable", f"nội dung nén {coding[:40]} hỏng") from None
    return payload if body == payload else body


def _parsed(block: bytes) -> tuple[StatusAndHeaders | None, bytes]:
    stream = BytesIO(block)
    try:
        return _HTTP.parse(stream), stream.read()
    except EOFError:
        return None, b""


def _require_address(url: str) -> None:
    try:
        canonical_url(url)
    except ValueError:
        raise _Left("page/other") from None
    if not url.isprintable():
        raise _Left("page/other")


def _moment(answer: Record) -> datetime:
    try:
        at = datetime.fromisoformat(answer.value("WARC-Date"))
        return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _Left("page/unreadable", "bản ghi không có WARC-Date đọc được") from None


def _ip(answer: Record) -> str:
    with suppress(ValueError):
        return str(ip_address(answer.value("WARC-IP-Address")))
    return ""


def _fits(block: bytes, digest: str) -> bool:
    algorithm, _, said = digest.partition(":")
    if algorithm.lower() not in _DIGESTS:
        return True
    found = hashlib.new(algorithm.lower(), block, usedforsecurity=False).digest()
    return (
        said.lower() == found.hex()
        or said.upper() == base64.b32encode(found).decode()
        or said == base64.b64encode(found).decode()
    )


def _set_aside(name: str) -> str:
    return f"X-Archive-Orig-{name}" if name.lower() == "content-encoding" else name


def _line(value: str) -> str:
    return value.replace("\0", "")
