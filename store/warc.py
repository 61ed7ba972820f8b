"""One record of a WARC file: how it is written, and how it is read where it lies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import BinaryIO, Literal
from urllib.parse import quote, urlsplit
from uuid import uuid4

from warcio.bufferedreaders import DecompressingBufferedReader
from warcio.recordloader import ArcWarcRecord, ArcWarcRecordLoader
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from store.archived import Exchange, Original

_LOADER = ArcWarcRecordLoader(verify_http=False, arc2warc=False)
_IN_PATHS = "/?&=%:@!$'()*+,;~-._"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Piece:
    """A record to be written."""

    kind: str
    url: str
    at: datetime
    body: BinaryIO
    http: StatusAndHeaders | None
    media_type: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


def pieces_of(chain: Sequence[Exchange], same: Original | None = None) -> list[Piece]:
    """Return the records of how a page came, the last answer last; see `Archive.exchange`."""
    pieces: list[Piece] = []
    for one in chain:
        answer = f"<urn:uuid:{uuid4()}>"
        parts = urlsplit(one.url)
        path = quote(parts._replace(scheme="", netloc="", fragment="").geturl() or "/", safe=_IN_PATHS)
        asked = _lines([("Host", parts.netloc), *one.request_headers])
        line = f"{one.method} {path} HTTP/1.1"
        pieces.append(
            Piece(
                "request", one.url, one.at, BytesIO(),
                StatusAndHeaders(line, asked, is_http_request=True),
                extra={"WARC-Concurrent-To": answer},
            )
        )  # fmt: skip
        extra = {"WARC-Record-ID": answer} | ({"WARC-IP-Address": one.ip} if one.ip else {})
        again = same if one is chain[-1] else None
        pieces.append(
            Piece(
                "revisit" if again else "response", one.url, one.at,
                BytesIO(b"" if again else one.body),
                StatusAndHeaders(str(one.status), _as_sent(one), "HTTP/1.1"),
                "application/http; msgtype=response", extra | (_refers(again) if again else {}),
            )
        )  # fmt: skip
    return pieces


def write(file: BinaryIO, piece: Piece) -> str:
    """Write one record; return the SHA-256 of its payload."""
    head = b""
    if piece.http is not None:
        piece.http.compute_headers_buffer()
        head = piece.http.headers_buff
    payload, block, size = _digests(piece.body, head)
    writer = WARCWriter(file, gzip=True, warc_version="WARC/1.1")
    record = writer.create_warc_record(
        piece.url,
        piece.kind,
        payload=piece.body,
        length=size,
        http_headers=piece.http,
        warc_content_type=piece.media_type or f"application/http; msgtype={piece.kind}",
        warc_headers_dict={
            "WARC-Date": _moment(piece.at),
            "WARC-Payload-Digest": f"sha256:{payload}",
            "WARC-Block-Digest": f"sha256:{block}",
            **piece.extra,
        },
    )
    writer.write_record(record)
    return payload


def record_of(file: BinaryIO, check: Literal["raise", False] = False) -> ArcWarcRecord:
    """Return the record at which `file` stands; its content can be read once, as long as `file` is open.

    Raises `EOFError` when there is none, and what warcio raises of a broken one; to `check` its digests too,
    while the content is read.

    Without `ArchiveIterator`, which refers to itself: each would hold its record until the next round of the
    garbage collector, and a page may be large.
    """
    return _LOADER.parse_record_stream(DecompressingBufferedReader(file), check_digests=check)


def sha256_of(record: ArcWarcRecord) -> str:
    """Return the SHA-256 (hex) of what the server sent, without holding it."""
    digest, content = hashlib.sha256(), record.content_stream()
    while chunk := content.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _refers(original: Original) -> dict[str, str]:
    """Return the headers of a revisit: WARC/1.1, 6.7.2, profile "identical payload digest"."""
    return {
        "WARC-Profile": "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest",
        "WARC-Refers-To-Target-URI": original.url,
        "WARC-Refers-To-Date": _moment(original.at),
        "WARC-Payload-Digest": f"sha256:{original.payload}",
    }


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _as_sent(one: Exchange) -> list[tuple[str, str]]:
    """Return the headers of an answer. The chunks are gone, so what says there are any is set aside."""
    kept = [(name, value) for name, value in one.headers if name.lower() != "content-length"]
    kept = [
        (f"X-Archive-Orig-{name}" if name.lower() == "transfer-encoding" else name, value)
        for name, value in kept
    ]
    return [*_lines(kept), ("Content-Length", str(len(one.body)))]


def _lines(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, _one_line(value)) for name, value in headers]


def _digests(body: BinaryIO, head: bytes) -> tuple[str, str, int]:
    start = body.tell()
    payload, block, size = hashlib.sha256(), hashlib.sha256(head), 0
    while chunk := body.read(_CHUNK):
        payload.update(chunk)
        block.update(chunk)
        size += len(chunk)
    body.seek(start)
    return payload.hexdigest(), block.hexdigest(), size


def _one_line(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")
