"""Writes what was captured of a page as WACZ 1.1.1, which any replay tool opens in a browser.

py-wacz writes the present moment into its files and takes a folder of its own for each; a bundle must come
out the same twice, so the few files are written here, after the specification (specs.webrecorder.net/wacz).
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from w3lib.encoding import html_to_unicode
from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from evidence import container
from evidence.canonical import line, pretty
from evidence.mask import Mask, NotMasked
from evidence.surt import surt
from store.warc import record_of

VERSION = "1.1.1"
_TEXTS = ("text/", "application/json", "application/javascript", "application/xml", "image/svg")
_PAGES = ("text/html", "application/xhtml")
_WARC = "archive/data.warc.gz"


@dataclass(frozen=True)
class Page:
    """A line of `pages.jsonl`: what a reader opens."""

    url: str
    at: str
    title: str


@dataclass
class Wacz:
    """A WACZ in the making, in a folder of its own; `add` records, then `finish`.

    `mask` is put over every text in it; `images` lets pictures of the page go along.
    """

    folder: Path
    mask: Mask = field(default_factory=lambda: Mask(()))
    images: bool = True
    index: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "archive").mkdir(parents=True, exist_ok=True)
        (self.folder / _WARC).write_bytes(b"")

    def add(self, member: bytes) -> str:
        """Put in one record, a gzip member of a WARC file.

        Returns what became of it: `whole` (byte for byte), `masked`, or why it was left out: `image`,
        `unmaskable`.
        """
        record = record_of(io.BytesIO(member))
        kind = _media_type(record)
        if not self.images and kind.startswith(("image/", "video/", "audio/")) and "svg" not in kind:
            return "image"
        said = "whole"
        if self.mask and record.rec_type == "response" and kind.startswith(_TEXTS):
            try:
                changed = _masked(record, self.mask)
            except NotMasked:
                return "unmaskable"
            if changed is not None:
                member, said = changed, "masked"
        with (self.folder / _WARC).open("ab") as file:
            offset = file.tell()
            file.write(member)
        self.index.append(_index_line(record, offset, len(member)))
        return said

    def finish(self, target: Path, pages: Sequence[Page], title: str, created: str, software: str) -> None:
        """Write the WACZ: the same records, pages and moment make the same bytes."""
        (self.folder / "indexes").mkdir(exist_ok=True)
        (self.folder / "pages").mkdir(exist_ok=True)
        (self.folder / "indexes/index.cdxj").write_text("".join(sorted(self.index)), encoding="utf-8")
        (self.folder / "pages/pages.jsonl").write_bytes(b"".join(_pages(pages)))
        names = ("archive/data.warc.gz", "indexes/index.cdxj", "pages/pages.jsonl")
        package = pretty(
            {
                "profile": "data-package",
                "wacz_version": VERSION,
                "title": title,
                "created": created,
                "software": software,
                "resources": [_resource(self.folder, name) for name in names],
            }
        )
        (self.folder / "datapackage.json").write_bytes(package)
        digest = {"path": "datapackage.json", "hash": f"sha256:{hashlib.sha256(package).hexdigest()}"}
        (self.folder / "datapackage-digest.json").write_bytes(pretty(digest))
        every = ("datapackage.json", "datapackage-digest.json", *names)
        container.write(target, [(name, self.folder / name) for name in every])


def _media_type(record: ArcWarcRecord) -> str:
    headers = record.http_headers
    said = headers.get_header("Content-Type") if headers else None
    return (said or "application/octet-stream").partition(";")[0].strip().lower()


def _masked(record: ArcWarcRecord, mask: Mask) -> bytes | None:
    """Return a record with its text masked, or None where there is nothing to mask; its content is read."""
    said = record.http_headers.get_header("Content-Type") or ""
    body = record.content_stream().read()
    _, text = html_to_unicode(said, body)
    page = _media_type(record).startswith(_PAGES)
    changed = mask.html(text) if page else mask.text(text)
    if changed == text:
        return None
    return _rewritten(record, changed.encode("utf-8", "replace"), hashlib.sha256(body).hexdigest())


def _rewritten(record: ArcWarcRecord, body: bytes, before: str) -> bytes:
    dropped = {"content-length", "content-encoding", "content-type", "transfer-encoding"}
    kept = [(name, value) for name, value in record.http_headers.headers if name.lower() not in dropped]
    kind = f"{_media_type(record)}; charset=utf-8"
    headers = [*kept, ("Content-Type", kind), ("Content-Length", str(len(body)))]
    status = StatusAndHeaders(record.http_headers.statusline, headers, record.http_headers.protocol)
    of = record.rec_headers
    extra = {
        "WARC-Record-ID": of.get_header("WARC-Record-ID"),
        "WARC-Date": of.get_header("WARC-Date"),
        # So that nobody takes the copy for what the server sent.
        "X-Kiemtin-Masked": f"original payload sha256:{before}",
    }
    if ip := of.get_header("WARC-IP-Address"):
        extra["WARC-IP-Address"] = ip
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=True, warc_version="WARC/1.1")
    made = writer.create_warc_record(
        of.get_header("WARC-Target-URI"), "response", payload=io.BytesIO(body), length=len(body),
        http_headers=status, warc_headers_dict=extra,
    )  # fmt: skip
    writer.write_record(made)
    return out.getvalue()


def _index_line(record: ArcWarcRecord, offset: int, length: int) -> str:
    headers = record.rec_headers
    url = headers.get_header("WARC-Target-URI")
    http = record.http_headers
    said: dict[str, Any] = {
        "url": url,
        "mime": "warc/revisit" if record.rec_type == "revisit" else _media_type(record),
        "status": http.get_statuscode() if http else "200",
        "digest": headers.get_header("WARC-Payload-Digest") or "",
        "length": str(length),
        "offset": str(offset),
        "filename": "data.warc.gz",
    }
    moment = "".join(letter for letter in headers.get_header("WARC-Date") if letter.isdigit())[:14]
    return f"{surt(url)} {moment} {json.dumps(said, ensure_ascii=False)}\n"


def _pages(pages: Iterable[Page]) -> Iterable[bytes]:
    yield line({"format": "json-pages-1.0", "id": "pages", "title": "All Pages"})
    for number, page in enumerate(pages, 1):
        yield line({"id": f"page-{number}", "url": page.url, "ts": page.at, "title": page.title})


def _resource(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "name": name.rsplit("/", 1)[-1], "path": name, "hash": f"sha256:{digest}",
        "bytes": path.stat().st_size,
    }  # fmt: skip
