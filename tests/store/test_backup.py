"""A copy of a working installation: whole, verifiable with coreutils, and good for either database."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from store import audit, backup
from store.archive import Archive
from store.backup import BackupError
from store.ingest import Incoming, accept
from store.keys import Keys
from store.records import Records
from store.tables import Capture, Source
from store.vocabulary import PostKind
from tests.factory import NOW, exchange
from tests.store.test_transfer import everything


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


def gather(records: Records, archive: Archive, numbers: range) -> None:
    """Keep pages and take the posts on them, as the crawler does: first the archive, then the records."""
    for number in numbers:
        url = f"http://a.example/{number}"
        kept = archive.exchange(exchange(url, f"bài {number}".encode(), at=NOW))
        with records.write() as session:
            source = session.scalar(select(Source))
            if source is None:
                source = Source(name="Báo A", kind="import", legal_basis="công khai", added_at=NOW)
                session.add(source)
                session.flush()
            capture = Capture(
                source_id=source.id, url=url, at=NOW, status=200, media_type="text/html",
                sha256=kept.sha256, warc=kept.warc, offset=kept.offset, length=kept.length,
            )  # fmt: skip
            session.add(capture)
            session.flush()
            text = f"Bài số {number}: {secrets.token_hex(20)} nói về khẩu trang và rửa tay"
            post = Incoming(url, PostKind.ARTICLE, text, capture.id, handle=f"người {number}")
            accept(session, source.id, [post], Keys(bytes(32)), NOW)
            audit.append(session, audit.SYSTEM, "test", f"post:{number}")


def read_all(records: Records, archive: Archive) -> list[bytes]:
    with records.read() as session:
        captures = session.scalars(select(Capture).order_by(Capture.id)).all()
    return [archive.read(capture.warc, capture.offset).body for capture in captures]


@pytest.mark.postgres
def test_a_copy_is_whole_and_goes_back_into_either_database(
    records: Records, archive: Archive, tmp_path: Path, postgres: Records
) -> None:
    with archive:
        gather(records, archive, range(20))
        place, manifest = backup.make(records, archive, tmp_path / "copies", {}, now=NOW)
    assert manifest.counts["post"] == 20
    assert manifest.events == 20
    assert backup.check(place) == manifest
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=place, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    fresh = Records(f"sqlite:///{tmp_path / 'fresh.db'}")
    for target in (fresh, *([postgres] if records.is_sqlite else [])):
        folder = tmp_path / f"archive-{target.is_sqlite}"
        assert backup.restore(place, target, folder, {}) == manifest
        assert everything(target) == everything(records)
        assert read_all(target, Archive(folder)) == [f"bài {n}".encode() for n in range(20)]
    assert backup.check(place) == manifest, "to restore changes nothing in the copy"
    fresh.close()


@pytest.mark.postgres
def test_a_copy_made_in_the_midst_of_crawling_holds_all_that_it_names(
    records: Records, archive: Archive, tmp_path: Path
) -> None:
    archive.rotate_at = 4000  # sealed every few pages, under the hands of the copier
    stop = threading.Event()
    gathered = [0]

    def crawl() -> None:
        with archive:
            while not stop.is_set():
                gather(records, archive, range(gathered[0], gathered[0] + 1))
                gathered[0] += 1

    thread = threading.Thread(target=crawl)
    thread.start()
    try:
        places = []
        for number in range(3):
            while gathered[0] < 10 * (number + 1):
                assert thread.is_alive()
            at = NOW + timedelta(seconds=number)
            places.append(backup.make(records, Archive(archive.folder), tmp_path / "copies", {}, now=at)[0])
    finally:
        stop.set()
        thread.join()
    for number, place in enumerate(places):
        target = Records(f"sqlite:///{tmp_path / f'{number}.db'}")
        manifest = backup.restore(place, target, tmp_path / f"archive-{number}", {})
        bodies = read_all(target, Archive(tmp_path / f"archive-{number}"))
        assert len(bodies) == manifest.counts["capture"] >= 10 * (number + 1)
        assert bodies == [f"bài {n}".encode() for n in range(len(bodies))]
        target.close()


def test_what_an_earlier_copy_has_is_linked(sqlite: Records, archive: Archive, tmp_path: Path) -> None:
    archive.rotate_at = 2000
    with archive:
        gather(sqlite, archive, range(10))
        first, _ = backup.make(sqlite, archive, tmp_path / "copies", {}, now=NOW)
        gather(sqlite, archive, range(10, 15))
        later = NOW + timedelta(days=1)
        second, _ = backup.make(sqlite, archive, tmp_path / "copies", {}, now=later)
    sealed = {path.name for path in archive.folder.glob("*.gz")}
    shared = [path.name for path in (first / "archive").iterdir() if path.stat().st_nlink == 2]
    assert shared
    assert set(shared) <= sealed
    shutil.rmtree(first)
    assert backup.check(second).counts["post"] == 15


@pytest.mark.parametrize("name", ["records.db", "manifest.json", "archive", "extra", "missing", "SHA256SUMS"])
def test_a_copy_that_was_touched_is_found_out_and_not_put_back(
    sqlite: Records, archive: Archive, tmp_path: Path, name: str
) -> None:
    with archive:
        gather(sqlite, archive, range(3))
        place, _ = backup.make(sqlite, archive, tmp_path / "copies", {}, now=NOW)
    (warc,) = (place / "archive").iterdir()
    if name == "extra":
        (place / "archive" / "khác.warc.gz").write_bytes(b"x")
    elif name == "missing":
        warc.unlink()
    elif name == "SHA256SUMS":
        (place / name).unlink()
    else:
        path = warc if name == "archive" else place / name
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    target = Records(f"sqlite:///{tmp_path / 'fresh.db'}")
    with pytest.raises(BackupError):
        backup.restore(place, target, tmp_path / "back", {})
    assert not (tmp_path / "back").exists()
    target.close()


def test_a_copy_without_a_file_that_its_records_name_is_not_whole(
    sqlite: Records, archive: Archive, tmp_path: Path
) -> None:
    with archive:
        gather(sqlite, archive, range(3))
        place, _ = backup.make(sqlite, archive, tmp_path / "copies", {}, now=NOW)
    (warc,) = (place / "archive").iterdir()
    warc.unlink()
    sums = place / "SHA256SUMS"
    sums.write_text("".join(x for x in sums.read_text().splitlines(True) if "archive/" not in x))
    with pytest.raises(BackupError, match=warc.name):
        backup.check(place)


def test_an_installation_that_lacks_a_capture_says_so_and_leaves_no_half_copy(
    sqlite: Records, archive: Archive, tmp_path: Path
) -> None:
    with archive:
        gather(sqlite, archive, range(3))
    (warc,) = archive.folder.iterdir()
    warc.write_bytes(warc.read_bytes()[:-10])
    with pytest.raises(BackupError, match="byte"):
        backup.make(sqlite, archive, tmp_path / "copies", {}, now=NOW)
    warc.unlink()
    with pytest.raises(BackupError, match="Không thấy tệp"):
        backup.make(sqlite, archive, tmp_path / "copies", {}, now=NOW)
    assert list((tmp_path / "copies").iterdir()) == []


def test_nothing_there_is_written_over(sqlite: Records, archive: Archive, tmp_path: Path) -> None:
    with archive:
        gather(sqlite, archive, range(3))
        place, manifest = backup.make(sqlite, archive, tmp_path / "copies", {}, now=NOW)
    with pytest.raises(BackupError, match="đã có"):
        backup.restore(place, sqlite, tmp_path / "back", {})
    target = Records(f"sqlite:///{tmp_path / 'fresh.db'}")
    (warc,) = (place / "archive").iterdir()
    (tmp_path / "back").mkdir()
    (tmp_path / "back" / warc.name).write_bytes(b"of another")
    with pytest.raises(BackupError, match="không ghi đè"):
        backup.restore(place, target, tmp_path / "back", {})
    shutil.copy(warc, tmp_path / "back" / warc.name)  # as an attempt that was cut off leaves it
    assert backup.restore(place, target, tmp_path / "back", {}) == manifest
    target.close()


def test_files_in_a_remote_stay_there_and_those_of_other_hosts_are_named(
    sqlite: Records, tmp_path: Path
) -> None:
    remote = f"file://{tmp_path / 'remote'}"
    (tmp_path / "remote").mkdir()
    with Archive(tmp_path / "host-a", remote=remote) as ended:
        gather(sqlite, ended, range(3))
    here = Archive(tmp_path / "here", remote=remote)
    with Archive(tmp_path / "host-b", remote=remote) as writing:
        gather(sqlite, writing, range(3, 5))
        place, manifest = backup.make(sqlite, here, tmp_path / "copies", {}, now=NOW)
    assert len(manifest.remote) == len(manifest.elsewhere) == 1
    assert list((place / "archive").iterdir()) == []
    assert json.loads((place / "manifest.json").read_text())["remote"] == manifest.remote
    assert backup.check(place) == manifest
    target = Records(f"sqlite:///{tmp_path / 'fresh.db'}")
    backup.restore(place, target, tmp_path / "back", {})
    assert len(read_all(target, Archive(tmp_path / "back", remote=remote))) == 5
    target.close()
