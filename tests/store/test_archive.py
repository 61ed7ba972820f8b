"""A capture that was acknowledged can be read; what a crash tore is cut off and said."""

from __future__ import annotations

import fcntl
import gc
import gzip
import hashlib
import io
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator
from warcio.recordloader import ArcWarcRecord

from store.archive import Archive
from store.archived import ArchiveError, Exchange, Stored
from tests.conftest import ROOT

NOW = datetime(2026, 11, 20, 3, 4, 5, tzinfo=UTC)


def _keep(
    archive: Archive, body: bytes = b"<p>xin ch\xc3\xa0o</p>", url: str = "http://a.example/1"
) -> Stored:
    # One record: what is asked of files holds for each.
    return archive.resource(url, NOW, "text/html", io.BytesIO(body))


def test_a_capture_reads_back_as_it_was(tmp_path: Path) -> None:
    with Archive(tmp_path) as archive:
        first = _keep(archive)
        sent = gzip.compress(b"\x00\xff" * 100)
        moved = Exchange(NOW, "http://a.example/cu", 301, (("Location", "/đường?q=1"),), b"")
        second = archive.exchange(
            [
                moved,
                Exchange(
                    NOW,
                    "http://a.example/đường?q=1",
                    404,
                    (("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked"), ("X-Odd", "a\r\nb: c")),
                    sent,
                    request_headers=(("User-Agent", "KiemTin/0.1"),),
                    ip="192.0.2.7",
                ),
            ]
        )
        read = archive.read(second.warc, second.offset)
        assert (read.status, read.body) == (404, b"\x00\xff" * 100)
        assert dict(read.headers)["Content-Encoding"] == "gzip"
        assert dict(read.headers)["X-Archive-Orig-Transfer-Encoding"] == "chunked"
        assert dict(read.headers)["Content-Length"] == str(len(sent))
        assert "b" not in dict(read.headers)
        assert second.sha256 == hashlib.sha256(sent).hexdigest()
        assert archive.read(first.warc, first.offset).url == "http://a.example/1"
    (path,) = tmp_path.iterdir()
    with path.open("rb") as file:
        found = [
            (record.rec_type, record.rec_headers, record.http_headers, record.raw_stream.read())
            for record in ArchiveIterator(file, check_digests="raise")
        ]
    assert [kind for kind, *_ in found] == ["resource", *["request", "response"] * 2]
    for (_, asked, _, _), (_, answer, _, _) in zip(found[1::2], found[2::2], strict=True):
        assert asked.get_header("WARC-Concurrent-To") == answer.get_header("WARC-Record-ID")
    assert [http.get_statuscode() for kind, _, http, _ in found if kind == "response"] == ["301", "404"]
    _, headers, _, raw = found[-1]
    assert (headers.get_header("WARC-IP-Address"), raw) == ("192.0.2.7", sent)
    assert found[-2][2].get_header("User-Agent") == "KiemTin/0.1"
    assert found[-2][2].get_header("Host") == "a.example"


def test_what_was_read_of_a_capture_is_not_held(tmp_path: Path) -> None:
    """Without a round of the garbage collector: pages are large, and many are read in a row."""
    with Archive(tmp_path) as archive:
        stored = _keep(archive, b"x" * 100_000)
        gc.collect()  # what other tests left
        gc.disable()
        try:
            assert len(archive.read(stored.warc, stored.offset).body) == 100_000
            held = [one for one in gc.get_objects() if isinstance(one, ArcWarcRecord)]
        finally:
            gc.enable()
    assert held == []


def test_an_outside_reader_finds_sound_sha256_digests(tmp_path: Path) -> None:
    with Archive(tmp_path) as archive:
        _keep(archive)
        archive.resource("file:///posts.jsonl", NOW, "application/x-jsonl", io.BytesIO(b'{"id": 1}\n' * 1000))
    (path,) = tmp_path.iterdir()
    with path.open("rb") as file:
        for record in ArchiveIterator(file, check_digests="raise"):
            record.content_stream().read()
            assert record.rec_headers.get_header("WARC-Payload-Digest").startswith("sha256:")
            assert record.rec_headers.protocol == "WARC/1.1"
            assert record.rec_headers.get_header("WARC-Date") == "2026-11-20T03:04:05.000000Z"


@pytest.mark.parametrize("cut", [1, 7, 8, 9, 30, 100])
def test_a_torn_last_record_is_cut_off_and_reported(tmp_path: Path, cut: int) -> None:
    with Archive(tmp_path) as archive:
        kept, torn = _keep(archive), _keep(archive, os.urandom(5000))
    (path,) = tmp_path.iterdir()
    os.truncate(path, torn.offset + torn.length - cut)
    with Archive(tmp_path) as archive:
        assert [(t.warc, t.offset, t.length) for t in archive.torn] == [
            (torn.warc, torn.offset, torn.length - cut)
        ]
        again = _keep(archive)
        assert again.warc == kept.warc
        assert again.offset == torn.offset
        assert archive.read(kept.warc, kept.offset).body == archive.read(again.warc, again.offset).body


def test_a_file_that_holds_only_a_torn_record_starts_again(tmp_path: Path) -> None:
    with Archive(tmp_path) as archive:
        only = _keep(archive)
    (path,) = tmp_path.iterdir()
    os.truncate(path, only.length // 2)
    with Archive(tmp_path) as archive:
        assert archive.torn
        assert _keep(archive).offset == 0


def test_a_body_full_of_gzip_headers_does_not_deceive_the_recovery(tmp_path: Path) -> None:
    with Archive(tmp_path) as archive:
        for _ in range(3):
            last = _keep(archive, b"\x1f\x8b\x08" * 2000 + os.urandom(2000))
    with Archive(tmp_path) as archive:
        assert archive.torn == []
        assert _keep(archive).offset == last.offset + last.length


def test_a_full_file_is_sealed_and_the_next_begun(tmp_path: Path) -> None:
    with Archive(tmp_path, rotate_at=4000) as archive:
        stored = [_keep(archive, os.urandom(1500)) for _ in range(5)]
        assert len({one.warc for one in stored}) == 2
        for one in stored:
            assert archive.read(one.warc, one.offset).media_type == "text/html"
    assert sorted(path.name.endswith(".open") for path in tmp_path.iterdir()) == [False, True]


def test_two_writers_use_two_files(tmp_path: Path) -> None:
    with Archive(tmp_path) as one:
        first = _keep(one)
        with Archive(tmp_path) as other:
            assert _keep(other).warc != first.warc


def test_a_file_that_its_writer_seals_meanwhile_is_not_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Archive(tmp_path) as archive:
        sealed = _keep(archive)
    flock = fcntl.flock

    def late(file: BinaryIO, how: int) -> None:
        path = tmp_path / f"{sealed.warc}.open"
        if path.exists():
            path.rename(tmp_path / sealed.warc)
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with Archive(tmp_path) as archive:
        assert _keep(archive).warc != sealed.warc
    assert (tmp_path / sealed.warc).stat().st_size == sealed.length


def test_what_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with Archive(tmp_path) as archive:
        stored = _keep(archive)
        for warc, offset in [("nothing.warc.gz", 0), (stored.warc, 5), (stored.warc, 10**9), ("../x", 0)]:
            with pytest.raises(ArchiveError):
                archive.read(warc, offset)


WRITE_UNTIL_KILLED = """
import sys, os
from datetime import UTC, datetime
from pathlib import Path
from store.archive import Archive
from store.archived import Exchange
with Archive(Path(sys.argv[1])) as archive:
    while True:
        stored = archive.exchange([Exchange(datetime.now(UTC), "http://a.example", 200, (), os.urandom(20_000))])
        print(stored.warc, stored.offset, stored.sha256, flush=True)
"""


def test_killed_writers_lose_nothing_they_acknowledged(tmp_path: Path) -> None:
    acknowledged = []
    for rounds in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITE_UNTIL_KILLED, str(tmp_path)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for _ in range(5 + 7 * rounds):
            acknowledged.append(process.stdout.readline().split())
        process.send_signal(signal.SIGKILL)
        acknowledged += [line.split() for line in process.stdout.read().splitlines() if line.count(" ") == 2]
        process.wait()
        process.stdout.close()
    with Archive(tmp_path) as archive:
        for warc, offset, sha256 in acknowledged:
            if len(sha256) == 64:
                archive.read(warc, int(offset))
    assert len({(warc, offset) for warc, offset, _ in acknowledged}) == len(acknowledged)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.floats(0, 1))
def test_any_cut_leaves_exactly_the_whole_records(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[bytes], share: float
) -> None:
    folder = tmp_path_factory.mktemp("warc")
    with Archive(folder) as archive:
        stored = [_keep(archive, body) for body in bodies]
    (path,) = folder.iterdir()
    size = int(share * path.stat().st_size)
    os.truncate(path, size)
    whole = [one for one in stored if one.offset + one.length <= size]
    with Archive(folder) as archive:
        for one, body in zip(whole, bodies, strict=False):
            assert archive.read(one.warc, one.offset).body == body
    assert path.stat().st_size == sum(one.length for one in whole)
