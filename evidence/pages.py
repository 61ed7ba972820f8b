"""What was captured, as it goes into a bundle: in the open and masked, or the whole of it to be sealed."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from warcio.recordloader import ArcWarcRecord

from evidence import container
from evidence.canonical import pretty
from evidence.errors import BundleError
from evidence.gathered import Gathered, Kept
from evidence.mask import Mask, NotMasked
from evidence.recorded import extraction
from evidence.versions import product
from evidence.wacz import Page, Wacz
from store.archive import Archive
from store.inert import inert
from store.warc import record_of, sha256_of

NAME = "pages.wacz"
_PAGES = ("text/html", "application/xhtml")


@dataclass(frozen=True)
class Shown:
    """The page as the browser showed it, the document masked and made inert: who opens it from the bundle
    must not run it, nor tell its author. `notes` say what was left out and why."""

    picture: bytes | None
    document: str | None
    notes: dict[str, str]


@dataclass(frozen=True)
class Original:
    """The untouched original as one ZIP, and the SHA-256 of each file in it."""

    content: bytes
    files: dict[str, str]


class Pages:
    """The captures of one post."""

    def __init__(self, work: Path, given: Gathered, archive: Archive, at: datetime) -> None:
        self.work, self.given, self.archive, self.at = work, given, archive, at

    def write(self, mask: Mask, *, images: bool) -> list[dict[str, Any]]:
        """Write the open WACZ, and return what became of each capture, for `record.json`.

        A page read by an official interface, and a file that was imported, hold what others wrote: they do
        not go along in the open.
        """
        aside = self.work.with_name(self.work.name + ".wacz")
        shutil.rmtree(aside, ignore_errors=True)
        wacz = Wacz(aside, mask, images)
        try:
            said = [self._add(wacz, one) for one in self.given.records]
            _finish(wacz, self.work / NAME, self.given, self.at)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return said

    def shown(self, mask: Mask) -> Shown:
        """Return the picture and the masked document, where the post's page was shown in a browser."""
        notes, document = {}, None
        picture = _body(self.archive, self.given.picture)
        raw = _body(self.archive, self.given.document)
        if raw is not None:
            try:
                document = inert(mask.html(raw.decode("utf-8", "replace")))
            except NotMasked as error:
                notes["post/dom.html"] = str(error)
        if picture is None:
            notes["post/screenshot.png"] = "Trang của bài chưa được chụp trước khi đề nghị."
        return Shown(picture, document, notes)

    def _add(self, wacz: Wacz, one: Kept) -> dict[str, Any]:
        member = self.archive.raw(one.warc, one.offset, one.length) if one.http else b""
        said: dict[str, Any] = {
            "role": one.role, "url": one.url, "at": one.at, "media_type": one.media_type,
            **(one.facts or {}), "warc": one.warc, "offset": one.offset, "length": one.length,
        }  # fmt: skip
        if not one.http:
            return {**said, "included": "no", "why": "imported file: it holds what others wrote"}
        record = record_of(BytesIO(member))
        said |= {"record_sha256": hashlib.sha256(member).hexdigest(), **_clock(record, one.at)}
        if one.role in {"version", "page"}:
            _require_sound(record, one)
        if one.role in {"version", "original"} and not one.media_type.startswith(_PAGES):
            return {**said, "included": "no", "why": "not a page: it holds what others wrote"}
        done = wacz.add(member)
        if done in {"whole", "masked"}:
            return {**said, "included": NAME, "form": done}
        return {**said, "included": "no", "why": done}


def original(
    aside: Path, given: Gathered, archive: Archive, unseal: Callable[[bytes], str], at: datetime
) -> Original:
    """Return the untouched original: all captures, picture, document, the text, and who wrote it.

    The handle of the author is opened here and nowhere else: inside an approved referral, for its recipient.
    """
    aside.mkdir()
    try:
        wacz = Wacz(aside / "wacz")
        for one in given.records:
            if one.http:
                wacz.add(archive.raw(one.warc, one.offset, one.length))
        _finish(wacz, aside / NAME, given, at)
        names = [NAME]
        for name, kept in (("screenshot.png", given.picture), ("dom.html", given.document)):
            if (body := _body(archive, kept)) is not None:
                (aside / name).write_bytes(body)
                names.append(name)
        author = unseal(given.author_sealed) if given.author_sealed else None
        (aside / "original.json").write_bytes(pretty({**extraction(given.evidence), "author": author}))
        names.append("original.json")
        container.write(aside / "original.zip", [(name, aside / name) for name in sorted(names)])
        files = {name: hashlib.sha256((aside / name).read_bytes()).hexdigest() for name in sorted(names)}
        return Original((aside / "original.zip").read_bytes(), files)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def document_of(given_document: Kept | None, archive: Archive) -> str:
    """Return the document that the browser had made of the page, "" where it was not shown."""
    raw = _body(archive, given_document)
    return raw.decode("utf-8", "replace") if raw else ""


def _finish(wacz: Wacz, target: Path, given: Gathered, at: datetime) -> None:
    post = given.evidence["post"]
    pages = {
        one.url: Page(one.url, one.at, post["title"] or one.url)
        for one in given.records
        if one.role in {"version", "page"} and one.http
    }
    wacz.finish(target, list(pages.values()), f"Bài {post['id']}", at.isoformat(), product())


def _body(archive: Archive, kept: Kept | None) -> bytes | None:
    return archive.read(kept.warc, kept.offset).body if kept is not None else None


def _require_sound(record: ArcWarcRecord, one: Kept) -> None:
    """Raise `BundleError` unless a record holds what the records say that it holds."""
    wanted = (one.facts or {}).get("sha256")
    if record.rec_type != "response" or not wanted:
        return  # a revisit has the content of its original
    if sha256_of(record) != wanted:
        raise BundleError(
            f"{one.warc}: bản chụp ở vị trí {one.offset} không khớp SHA-256 đã ghi; không đóng gói. Kiểm tra"
            " kho lưu trữ, hoặc khôi phục từ bản sao lưu."
        )


def _clock(record: ArcWarcRecord, at: str) -> dict[str, Any]:
    """Return what the server's own clock said, and how far ours was from it (seconds, ours minus theirs)."""
    headers = record.http_headers
    said = headers.get_header("Date") if headers else None
    try:
        theirs = parsedate_to_datetime(said or "")
        offset = (datetime.fromisoformat(at) - theirs).total_seconds()
    except (ValueError, TypeError):
        return {"server_date": said, "clock_offset_seconds": None}
    return {"server_date": said, "clock_offset_seconds": round(offset, 3)}
