"""What is sealed goes to a store and is read from there; whatever fails on the way, nothing is lost."""

from __future__ import annotations

import fcntl
import io
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import s3fs
from fsspec.registry import _registry as registered

from kiemtin.house import House
from kiemtin.settings import Settings
from store import remote
from store.archive import Archive
from store.archived import ArchiveError, Stored
from store.remote import Remote
from tests.conftest import ROOT
from tests.far import BUCKET, Far, Store, disk, s3

NOW = datetime(2026, 11, 20, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(params=["s3", "file"])
def far(request: pytest.FixtureRequest, tmp_path: Path) -> Far:
    """The same remote on an S3 server and on another disk."""
    return s3(request.getfixturevalue("store")) if request.param == "s3" else disk(tmp_path / "nas")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Every request to the S3 server: its method and arguments."""
    made: list[tuple[str, dict[str, Any]]] = []
    call = s3fs.S3FileSystem._call_s3

    async def noted(self: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        made.append((method, kwargs))
        return await call(self, method, *args, **kwargs)

    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", noted)
    return made


def _keep(archive: Archive, body: bytes = b"<p>xin ch\xc3\xa0o</p>") -> Stored:
    return archive.resource("http://a.example/1", NOW, "text/html", io.BytesIO(body))


def _sealed(folder: Path, number: int = 1) -> list[Stored]:
    """Leave sealed files of one record each, as an archive without a remote does."""
    with Archive(folder, rotate_at=1) as archive:
        return [_keep(archive, os.urandom(2000)) for _ in range(number)]


def _warcs(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_one_host_wrote_another_reads(far: Far, tmp_path: Path) -> None:
    with far.archive(tmp_path / "a", rotate_at=4000) as archive:
        bodies = [os.urandom(1500) for _ in range(5)]
        stored = [_keep(archive, body) for body in bodies]
        assert [archive.read(one.warc, one.offset).body for one in stored] == bodies
        assert len(far.names()) == 1
    assert far.names() == sorted({one.warc for one in stored})
    assert _warcs(tmp_path / "a") == []
    elsewhere = far.archive(tmp_path / "empty")
    assert [elsewhere.read(one.warc, one.offset).body for one in stored] == bodies


def test_two_hosts_share_a_remote(far: Far, tmp_path: Path) -> None:
    with far.archive(tmp_path / "a") as one, far.archive(tmp_path / "b") as other:
        first, second = _keep(one, b"a"), _keep(other, b"b")
    assert far.names() == sorted([first.warc, second.warc])
    assert far.archive(tmp_path / "a").read(second.warc, second.offset).body == b"b"
    assert far.archive(tmp_path / "b").read(first.warc, first.offset).body == b"a"


def test_an_archive_that_wrote_nothing_sends_nothing(far: Far, tmp_path: Path) -> None:
    with far.archive(tmp_path / "a"):
        pass
    assert far.names() == []


def test_what_a_killed_writer_left_goes_when_the_archive_is_opened(far: Far, tmp_path: Path) -> None:
    for _ in range(2):
        archive = Archive(tmp_path)
        kept, torn = _keep(archive), _keep(archive, os.urandom(3000))
        archive.close()
        os.truncate(tmp_path / f"{torn.warc}.open", torn.offset + 100)
    with far.archive(tmp_path) as archive:
        assert len(archive.torn) == 2
        assert len([name for name in far.names() if name.endswith(".warc.gz")]) == 2
        assert archive.read(kept.warc, kept.offset).media_type == "text/html"


def test_a_large_file_goes_in_parts(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: list[tuple[str, dict[str, Any]]]
) -> None:
    monkeypatch.setattr(remote, "PART", 5 << 20)
    far, body = s3(store), os.urandom(12 << 20)
    with far.archive(tmp_path) as archive:
        stored = _keep(archive, body)
    assert [method for method, _ in calls].count("upload_part") == 3
    head = store.client.head_object(Bucket=BUCKET, Key=f"warc/{stored.warc}")
    assert head["ETag"].strip('"').endswith("-3")
    assert far.archive(tmp_path / "empty").read(stored.warc, stored.offset).body == body


def test_a_record_is_read_without_its_neighbours(
    store: Store, tmp_path: Path, calls: list[tuple[str, dict[str, Any]]]
) -> None:
    far = s3(store)
    with far.archive(tmp_path) as archive:
        _keep(archive, os.urandom(4 << 20))
        wanted = _keep(archive, b"<p>tin</p>")
        _keep(archive, os.urandom(4 << 20))
    calls.clear()
    assert far.archive(tmp_path).read(wanted.warc, wanted.offset).body == b"<p>tin</p>"
    ranges = [kwargs["Range"] for method, kwargs in calls if method == "get_object"]
    first, last = (int(end) for end in ranges[0].removeprefix("bytes=").split("-"))
    assert len(ranges) == 1
    assert first == wanted.offset
    assert last - first < remote.RANGE


def test_while_the_store_is_away_files_stay_and_go_later(store: Store, tmp_path: Path) -> None:
    far = s3(store)
    store.stop()
    with far.archive(tmp_path, rotate_at=1) as archive:
        stored = [_keep(archive) for _ in range(2)]
        shipment = archive.ship()
        assert shipment.sent == ()
        assert list(shipment.kept) == sorted(one.warc for one in stored)
        assert all("KIEMTIN_ARCHIVE_ENDPOINT" in reason for reason in shipment.kept.values())
        assert archive.read(stored[0].warc, stored[0].offset).media_type == "text/html"
    assert len(_warcs(tmp_path)) == 2
    with pytest.raises(ArchiveError, match=r"Xem kho có chạy không"):
        far.archive(tmp_path / "empty").read(stored[0].warc, 0)
    store.start()
    with far.archive(tmp_path):
        assert far.names() == sorted(one.warc for one in stored)
    assert _warcs(tmp_path) == []


def test_a_store_that_goes_away_in_the_middle_of_reading_is_not_taken_for_a_broken_record(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = s3(store)
    with far.archive(tmp_path) as archive:
        stored = _keep(archive, os.urandom(1 << 20))
    opened = Remote.open

    def open_then_stop(self: Remote, name: str) -> Any:
        file = opened(self, name)
        store.stop()
        return file

    monkeypatch.setattr(Remote, "open", open_then_stop)
    with pytest.raises(ArchiveError, match=r"Xem kho có chạy không"):
        far.archive(tmp_path).read(stored.warc, stored.offset)
    store.start()


KILLED_BEFORE_REMOVAL = """
import json, os, signal, sys
from pathlib import Path
from store.archive import Archive
Path.unlink = lambda path, missing_ok=False: os.kill(os.getpid(), signal.SIGKILL)
folder, url, options = sys.argv[1:]
Archive(Path(folder), remote=url, options=json.loads(options)).ship()
"""


def test_killed_between_upload_and_removal_a_file_is_not_sent_twice(
    far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stored,) = _sealed(tmp_path / "a")
    arguments = [str(tmp_path / "a"), far.url, json.dumps(far.options)]
    done = subprocess.run(
        [sys.executable, "-c", KILLED_BEFORE_REMOVAL, *arguments], cwd=ROOT, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert (far.names(), _warcs(tmp_path / "a")) == ([stored.warc], [stored.warc])

    def refuse(*args: object) -> None:
        raise AssertionError("sent again")

    monkeypatch.setattr(Remote, "_upload", refuse)
    assert far.archive(tmp_path / "a").ship().sent == (stored.warc,)
    assert _warcs(tmp_path / "a") == []
    assert far.archive(tmp_path / "a").read(stored.warc, stored.offset).media_type == "text/html"


def test_half_a_copy_from_before_is_replaced(tmp_path: Path) -> None:
    far = disk(tmp_path / "nas")
    (stored,) = _sealed(tmp_path / "a")
    far.put(f"{stored.warc}.part", b"half")
    assert far.archive(tmp_path / "a").ship().sent == (stored.warc,)
    assert far.names() == [stored.warc]
    far.put(f"{stored.warc}.part", b"half")
    far.archive(tmp_path / "a").remove(stored.warc)
    assert far.names() == []


def test_a_copy_that_reads_back_wrong_does_not_count(
    far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stored,) = _sealed(tmp_path / "a")
    digest = Remote._digest

    def tampered(self: Remote, place: str) -> str | None:
        for name in far.names():
            far.put(name, far.get(name)[:-1])
        return digest(self, place)

    with monkeypatch.context() as patched:
        patched.setattr(Remote, "_digest", tampered)
        shipment = far.archive(tmp_path / "a").ship()
    assert shipment.sent == ()
    assert "đọc lại không giống" in shipment.kept[stored.warc]
    assert (far.names(), _warcs(tmp_path / "a")) == ([], [stored.warc])
    assert far.archive(tmp_path / "a").ship().sent == (stored.warc,)
    assert far.archive(tmp_path / "a").read(stored.warc, stored.offset).media_type == "text/html"


def test_another_file_of_the_same_name_is_never_overwritten(far: Far, tmp_path: Path) -> None:
    first, second = sorted(_sealed(tmp_path / "a", 2), key=lambda one: one.warc)
    far.put(first.warc, b"other")
    shipment = far.archive(tmp_path / "a").ship()
    assert shipment.sent == (second.warc,)
    assert f"{far.url}/{first.warc}" in shipment.kept[first.warc]
    assert str(tmp_path / "a" / first.warc) in shipment.kept[first.warc]
    assert far.get(first.warc) == b"other"
    assert _warcs(tmp_path / "a") == [first.warc]


def test_a_file_that_another_process_sends_is_left_to_it(far: Far, tmp_path: Path) -> None:
    (stored,) = _sealed(tmp_path / "a")
    with (tmp_path / "a" / stored.warc).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        shipment = far.archive(tmp_path / "a").ship()
    assert (shipment.sent, shipment.kept, far.names()) == ((), {}, [])


def test_a_file_that_another_process_has_just_sent_is_not_sent_again(
    far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stored,) = _sealed(tmp_path / "a")
    monkeypatch.setattr(fcntl, "flock", lambda file, how: (tmp_path / "a" / stored.warc).unlink())
    shipment = far.archive(tmp_path / "a").ship()
    assert (shipment.sent, shipment.kept, far.names()) == ((), {}, [])


def test_wrong_keys_are_told(store: Store, tmp_path: Path) -> None:
    far = s3(store)
    (stored,) = _sealed(tmp_path / "a")
    store.ask("reset-auth", b"0")
    try:
        archive = far.archive(tmp_path / "a")
        assert "KIEMTIN_ARCHIVE_SECRET" in archive.ship().kept[stored.warc]
        with pytest.raises(ArchiveError, match="KIEMTIN_ARCHIVE_KEY"):
            archive.read("kiemtin-20261120000000-00000000.warc.gz", 0)
    finally:
        store.ask("reset-auth", b"inf")
    assert _warcs(tmp_path / "a") == [stored.warc]


@pytest.mark.parametrize("kind", ["s3", "file"])
def test_a_bucket_or_folder_that_is_not_there_is_told_and_not_made(
    store: Store, tmp_path: Path, kind: str
) -> None:
    url = "s3://khong-co/warc" if kind == "s3" else (tmp_path / "nas").as_uri()
    (stored,) = _sealed(tmp_path / "a")
    archive = Archive(tmp_path / "a", remote=url, options=store.options)
    assert "Tạo bucket hoặc thư mục" in archive.ship().kept[stored.warc]
    with pytest.raises(ArchiveError, match=url):
        archive.read("kiemtin-20261120000000-00000000.warc.gz", 0)
    assert _warcs(tmp_path / "a") == [stored.warc]
    assert not (tmp_path / "nas").exists()


def test_what_is_not_there_is_a_clear_error(far: Far, tmp_path: Path) -> None:
    with far.archive(tmp_path / "a") as archive:
        stored = _keep(archive)
    for warc, offset in [("nothing.warc.gz", 0), (stored.warc, 5), (stored.warc, 10**9), ("../x", 0)]:
        with pytest.raises(ArchiveError):
            archive.read(warc, offset)


def test_a_url_that_cannot_be_used_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArchiveError, match="KIEMTIN_ARCHIVE_URL=kho://"):
        Archive(tmp_path, remote="kho://a/b")
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(registered, "s3", raising=False)
    with pytest.raises(ArchiveError, match=r"pip install 'kiemtin\[s3\]'"):
        Archive(tmp_path, remote="s3://kho/warc")


def test_an_installation_opens_its_archive_from_the_settings(store: Store, tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        archive_url=f"s3://{BUCKET}/warc",
        archive_endpoint=store.endpoint,
        archive_key="kiemtin",
        archive_secret="bi-mat",
    )
    assert "bi-mat" not in f"{settings!r} {settings.archive_secret}"
    with House(settings).archive() as archive:
        stored = _keep(archive)
    assert s3(store).names() == [stored.warc]
    assert House(settings).desk().archive.read(stored.warc, stored.offset).media_type == "text/html"
