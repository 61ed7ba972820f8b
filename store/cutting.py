"""Cuts captures that nothing needs any more out of the files of the archive.

A file is written anew without them, beside the old one; then one transaction lets the records name the new
file, and the old one is removed. A process killed at any point leaves a row of `archive_rewrite` that says
which of the two counts; `recover` then removes the other, and an old file that came back. Only files are
touched that nobody has written to for `quiet`: a capture is on disk a moment before the records know it.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, cast

import structlog
from sqlalchemy import Table, bindparam, delete, exists, or_, select, update
from sqlalchemy.orm import Session, aliased
from warcio.archiveiterator import ArchiveIterator

from store import audit
from store.archive import Archive
from store.archived import ArchiveError
from store.purging import spans
from store.records import Records, lock
from store.retention_tables import GONE, LooseCapture, Rewrite
from store.tables import Capture, Post, Rendering, Revision, Run, Sighting

log = structlog.get_logger("kiemtin.archive")

QUIET = timedelta(days=1)
_CHUNK = 8 << 20
_ASIDE = ".cut"
_TOKEN = re.compile(r"(-[0-9a-f]{8})?\.warc\.gz$")


@dataclass
class Cut:
    """What was cut out: captures, files written anew or removed whole, bytes; and why files had to wait."""

    captures: int = 0
    files: int = 0
    bytes: int = 0
    waiting: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Member:
    """One record of a file: where it lies, what it is, and whether it is kept."""

    offset: int
    length: int
    kind: str
    record_id: str
    answers: str
    status: str


class Moved(Exception):
    """The records changed while a file was written anew; the old one stays, and the next run looks again."""


def due(session: Session, cutoff: datetime, warc: str | None = None) -> dict[int, str]:
    """Return the captures that nothing needs and whose time is over, with their files.

    Over is the time of what is older than `cutoff`, and of what a purged post was read from. Needed is what
    a post that is kept was read from, seen or shown by, and the original of what refers to it.
    """
    other = aliased(Capture)
    shown = _shown_pages(session)
    asked = (
        select(Capture.id, Capture.warc)
        .where(
            Capture.warc != GONE,
            or_(Capture.at < cutoff, exists().where(LooseCapture.capture_id == Capture.id)),
            ~exists().where(Post.capture_id == Capture.id),
            ~exists().where(Revision.capture_id == Capture.id),
            ~exists().where(other.same_as == Capture.id),
            Capture.id.not_in(select(Sighting.capture_id).where(Sighting.capture_id.is_not(None))),
            Capture.id.not_in(select(Rendering.picture_id)),
            Capture.id.not_in(select(Rendering.document_id)),
            Capture.id.not_in(
                select(Run.capture_id).where(Run.capture_id.is_not(None), Run.state == "running")
            ),
        )
        .order_by(Capture.warc, Capture.id)
    )
    if warc is not None:
        asked = asked.where(Capture.warc == warc)
    return {row.id: row.warc for row in session.execute(asked) if row.id not in shown}


def cut_due(
    records: Records,
    archive: Archive,
    cutoff: datetime,
    now: Callable[[], datetime],
    quiet: timedelta = QUIET,
    alive: Callable[[], None] = lambda: None,
) -> Cut:
    """Cut out all captures that are due; a file that cannot be written anew now is named in `waiting`.

    One process at a time may do so; `alive` is called before each file.
    """
    done = Cut()
    _remove_again(records, archive)
    recover(records, archive, now)
    with records.read() as session:
        files = sorted(set(due(session, cutoff).values()))
    for warc in files:
        alive()
        try:
            if not archive.sealed(warc) or archive.written_at(warc) > now() - quiet:
                done.waiting[warc] = "còn đang được ghi, hoặc vừa đóng"
                continue
            _cut_file(records, archive, warc, cutoff, now, done)
        except (ArchiveError, Moved, OSError) as error:
            log.warning("archive.not_cut", warc=warc, reason=str(error))
            done.waiting[warc] = str(error)
    recover(records, archive, now)
    return done


def recover(records: Records, archive: Archive, now: Callable[[], datetime]) -> None:
    """Finish what was begun: remove of each pair of files the one that the records do not name."""
    for half in archive.folder.glob(f"*{_ASIDE}"):  # one process at a time cuts: nobody writes them now
        half.unlink(missing_ok=True)
    with records.read() as session:
        rows = session.scalars(select(Rewrite).where(Rewrite.done_at.is_(None)).order_by(Rewrite.id)).all()
    for row in rows:
        goes = row.old if row.switched_at is not None else row.new
        try:
            if goes:
                archive.remove(goes)
        except (ArchiveError, OSError) as error:
            log.warning("archive.not_removed", warc=goes, reason=str(error))
            with records.write() as session:
                session.get_one(Rewrite, row.id).error = str(error)[:500]
            continue
        with records.write() as session:
            kept = session.get_one(Rewrite, row.id)
            if kept.switched_at is None:
                session.delete(kept)
            else:
                kept.done_at, kept.error = now(), ""


def _remove_again(records: Records, archive: Archive) -> None:
    """Remove old files that are there again: another host was killed between sending one and removing it."""
    with records.read() as session:
        gone = set(session.scalars(select(Rewrite.old).where(Rewrite.done_at.is_not(None))))
    if not gone:
        return
    try:
        for warc in sorted(gone & archive.sealed_names()):
            archive.remove(warc)
            log.warning("archive.removed_again", warc=warc)
    except (ArchiveError, OSError) as error:
        log.warning("archive.not_looked_through", reason=str(error))


def known(session: Session, warc: str) -> dict[int, int | None]:
    """Return what the records know of in a file: by offset the capture, None for a part of a shown page."""
    found: dict[int, int | None] = {}
    for _, one in _resources(session, warc):
        found[int(one["offset"])] = None
    rows = session.execute(select(Capture.offset, Capture.id).where(Capture.warc == warc))
    return found | {row.offset: row.id for row in rows}


def members(file: BinaryIO) -> Iterator[Member]:
    """Yield the records of a file in order; raises `ArchiveError` where it is broken."""
    file.seek(0)
    reading = ArchiveIterator(file)
    try:
        for record in reading:
            headers, http = record.rec_headers, record.http_headers
            offset = reading.get_record_offset()
            length = reading.get_record_length()
            yield Member(
                offset, length, record.rec_type, headers.get_header("WARC-Record-ID") or "",
                headers.get_header("WARC-Concurrent-To") or "",
                http.get_statuscode() if http and record.rec_type != "request" else "",
            )  # fmt: skip
    except Exception as error:  # the reader raises whatever gzip and its parser meet
        raise ArchiveError(f"không đọc hết được: {error}") from error


def kept_members(
    found: Iterable[Member], keep: Callable[[int], bool], ends: Mapping[int, object]
) -> list[Member]:
    """Return the records that stay: those that the database names and keeps, with what led there.

    A capture lies behind its request, and behind the redirects and failed attempts before. What leads to
    nothing that is named was written by a process that died before it could say so; it goes.
    """
    kept: list[Member] = []
    led: list[Member] = []
    for one in found:
        if one.offset not in ends:
            led.append(one)
            continue
        if keep(one.offset):
            kept += [*_leading(led, one), one]
        led = []
    return kept


def _leading(led: list[Member], to: Member) -> list[Member]:
    stays = {to.record_id}
    stays |= {one.record_id for one in led if one.kind == "response" and not one.status.startswith("2")}
    return [one for one in led if one.record_id in stays or (one.kind == "request" and one.answers in stays)]


def _cut_file(
    records: Records, archive: Archive, warc: str, cutoff: datetime, now: Callable[[], datetime], done: Cut
) -> None:
    with records.write() as session:
        cut = set(due(session, cutoff, warc))
        ends = known(session, warc)
        keep = {offset for offset, capture in ends.items() if capture is None or capture not in cut}
        new = _name(warc) if keep else ""
        row = Rewrite(old=warc, new=new, cut=len(cut), begun_at=now())
        session.add(row)
        session.flush()
        number = row.id
    if not cut:
        return
    size = archive.size(warc)
    places: dict[int, int] = {}
    if new:
        aside = archive.folder / f"{new}{_ASIDE}"
        places = _copy(archive, warc, aside, keep, ends)
        archive.take_in(aside, new)
    with records.write() as session:
        _switch(session, number, warc, cutoff, cut, places, now())
    done.captures += len(cut)
    done.files += 1
    done.bytes += size - (archive.size(new) if new else 0)
    with suppress(ArchiveError, OSError):  # `recover` tries again, and says why where it cannot
        archive.remove(warc)
    log.info("archive.cut", warc=warc, new=new, captures=len(cut))


def _copy(
    archive: Archive, warc: str, target: Path, keep: set[int], ends: Mapping[int, object]
) -> dict[int, int]:
    """Write the kept records of a file to `target`, as they lie; return where each is now, by old offset."""
    archive.folder.mkdir(parents=True, exist_ok=True)
    with _at_hand(archive, warc) as file, target.open("xb") as out:
        stay = kept_members(members(file), keep.__contains__, ends)
        places: dict[int, int] = {}
        for one in stay:
            places[one.offset] = out.tell()
            file.seek(one.offset)
            out.write(file.read(one.length))
        out.flush()
        os.fsync(out.fileno())
    if missing := keep - set(places):
        target.unlink()
        raise ArchiveError(f"{warc}: bản ghi nêu bản chụp ở vị trí {min(missing)}, tệp không có")
    with target.open("rb") as made:
        again = [one.record_id for one in members(made)]
    if again != [one.record_id for one in stay]:
        target.unlink()
        raise ArchiveError(f"{warc}: bản viết lại đọc ra không như phải có")
    return places


@contextmanager
def _at_hand(archive: Archive, warc: str) -> Iterator[BinaryIO]:
    """Give a file of the archive to read back and forth; one of the remote is fetched first."""
    try:
        near = (archive.folder / warc).open("rb")
    except FileNotFoundError:
        # Without a name: whatever becomes of this process, nothing of it stays on the disk.
        with archive.open(warc) as far, TemporaryFile(dir=archive.folder) as file:
            shutil.copyfileobj(far, file, _CHUNK)
            yield file
        return
    with near:
        yield near


def _switch(
    session: Session,
    number: int,
    old: str,
    cutoff: datetime,
    cut: set[int],
    places: Mapping[int, int],
    at: datetime,
) -> None:
    """Let the records name the new file; raises `Moved` when something came to need what is cut."""
    lock(session, "accept")
    row = session.get_one(Rewrite, number)
    there = session.execute(
        select(Capture.id, Capture.offset, Capture.length, Capture.detail).where(Capture.warc == old)
    ).all()
    stay = [one for one in there if one.id not in cut]
    if not cut <= set(due(session, cutoff, old)) or any(one.offset not in places for one in stay):
        raise Moved(f"{old}: có bản chụp vừa được dùng lại; lần sau viết lại")
    for page, resources in _moved(session, old, row.new, places).items():
        session.get_one(Capture, page).detail = resources
    session.flush()
    session.execute(update(Run).where(Run.capture_id.in_(cut)).values(capture_id=None))
    session.execute(delete(LooseCapture).where(LooseCapture.capture_id.in_(cut)))
    session.execute(delete(Capture).where(Capture.id.in_(cut)))
    table = cast(Table, Capture.__table__)
    if stay:
        details = {  # as they are now that parts of pages have moved
            row.id: row.detail
            for row in session.execute(select(Capture.id, Capture.detail).where(Capture.warc == old))
        }
        session.connection().execute(
            table.update()
            .where(table.c.id == bindparam("of"))
            .values(warc=row.new, offset=bindparam("to"), detail=bindparam("said")),
            [
                {
                    "of": one.id, "to": places[one.offset],
                    "said": {"lay": [old, one.offset, one.length]} | details[one.id],
                }
                for one in stay
            ],
        )  # fmt: skip
    row.switched_at = at
    audit.append(
        session,
        audit.SYSTEM,
        "retention.cut",
        f"warc:{old}",
        new=row.new,
        number=len(cut),
        captures=spans(cut),
    )


def _moved(session: Session, old: str, new: str, places: Mapping[int, int]) -> dict[int, dict[str, Any]]:
    """Return the details of pages, by capture, whose parts lie in a file that is written anew."""
    changed: dict[int, dict[str, Any]] = {}
    for page, one in _resources(session, old):
        detail = changed.setdefault(page, dict(session.get_one(Capture, page).detail))
        detail["resources"] = [
            part | {"warc": new, "offset": places[part["offset"]]}
            if part["warc"] == old and part["offset"] == one["offset"]
            else part
            for part in detail["resources"]
        ]
    return changed


def _shown_pages(session: Session) -> set[int]:
    """Return the captures of pages that a browser was shown, of posts that are kept."""
    rows = session.scalars(select(Capture.detail).join(Rendering, Rendering.picture_id == Capture.id))
    return {int(detail["page"]) for detail in rows if detail.get("page")}


def _resources(session: Session, warc: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the parts of shown pages that lie in a file, each with the capture of its page."""
    pages = sorted(_shown_pages(session))
    for start in range(0, len(pages), 500):
        asked = select(Capture.id, Capture.detail).where(Capture.id.in_(pages[start : start + 500]))
        for row in session.execute(asked).all():
            yield from ((row.id, one) for one in row.detail.get("resources", ()) if one["warc"] == warc)


def _name(old: str) -> str:
    return f"{_TOKEN.sub('', old)}-{secrets.token_hex(4)}.warc.gz"
