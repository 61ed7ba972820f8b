"""A WARC file that is torn, hostile or interrupted: what can be taken is, once, and what is wrong is said."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tracemalloc
from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Event as Flag

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from crawlers.imports import pages
from crawlers.imports.rows import FileUnreadable
from crawlers.reading.page import LARGEST
from store import audit
from store.archive import Archive
from store.records import Records
from store.tables import Capture, Event, Post, Rejection, Run, Source
from store.vocabulary import RunState
from store.work_tables import Task
from tests.conftest import ROOT
from tests.crawlers.warcs import HTML, Made, article, bring, count
from tests.kiemtin.program import Program


def five(*, compress: bool = True) -> tuple[bytes, list[int]]:
    """Return a file of five pages, and where each begins."""
    made, starts = Made(compress=compress), []
    for number in range(5):
        starts.append(made.file.tell())
        made.page(
            f"https://bao.example/{number}.html", article(f"Tin số {number}", text=f"Chuyện thứ {number}.")
        )
    return made.file.getvalue(), starts


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


@pytest.mark.parametrize(
    "how", ["torn", "torn late", "corrupt", "checksum", "garbage", "plain torn", "plain garbage"]
)
def test_what_is_before_the_break_is_taken_and_the_break_is_named(
    sqlite: Records, tmp_path: Path, how: str
) -> None:
    content, starts = five(compress=not how.startswith("plain"))
    start = starts[3]
    broken = {
        "torn": lambda: content[: start + 300], "torn late": lambda: content[: starts[4] - 3],
        "corrupt": lambda: flipped(content, start + 250), "checksum": lambda: flipped(content, starts[4] - 7),
        "garbage": lambda: content[:start] + b"kh\xc3\xb4ng ph\xe1\xba\xa3i WARC\n" * 9,
        "plain torn": lambda: content[: start + 300], "plain garbage": lambda: content[:start] + b"x" * 3_000_000,
    }[how]()  # fmt: skip
    path = tmp_path / "a.warc.gz"
    path.write_bytes(broken)
    for _ in range(2):
        with pytest.raises(FileUnreadable, match=rf"a\.warc\.gz.* byte {start}, sau 3 bản ghi.*3 bài"):
            bring(sqlite, path)
    assert count(sqlite, Post) == 3
    with sqlite.read() as session:
        assert session.scalars(select(Run.state)).all() == [RunState.FAILED]
    path.write_bytes(content)
    assert bring(sqlite, path).counters["post/new"] == 2
    seen = pages.preview(pages.Plan(path, "x", "x"))
    assert (seen.counters["post/found"], seen.broken) == (5, None)


def test_a_page_whose_bytes_changed_is_refused_alone(sqlite: Records, tmp_path: Path) -> None:
    content, starts = five(compress=False)
    path = tmp_path / "a.warc"
    path.write_bytes(flipped(content, content.index("Chuyện".encode(), starts[2])))
    assert bring(sqlite, path).counters == {"capture/stored": 4, "post/new": 4, "page/unreadable": 1}
    with sqlite.read() as session:
        refused = session.scalars(select(Rejection)).one()
    assert (refused.row, refused.raw) == (3, "https://bao.example/2.html")
    assert "mã băm" in refused.reason


def test_a_file_compressed_as_a_whole_is_read_too(sqlite: Records, tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    path.write_bytes(gzip.compress(five(compress=False)[0]))
    assert bring(sqlite, path).counters == {"capture/stored": 5, "post/new": 5}


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b", b"PK\x03\x04", gzip.compress(b"<html>", mtime=0), b"WARC/1.0\r\n\r\n", five()[0][:200]])  # fmt: skip
def test_what_is_no_warc_leaves_nothing(sqlite: Records, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(content)
    with pytest.raises(FileUnreadable, match=r"a\.warc"):
        bring(sqlite, path)
    with pytest.raises(FileUnreadable, match="Không thấy"):
        bring(sqlite, tmp_path / "khong-co.warc")
    assert (count(sqlite, Run), count(sqlite, Event)) == (0, 0)


@pytest.mark.parametrize("kind", ["body", "head", "lines", "blanks", "coded"])
def test_a_bomb_takes_little_memory(sqlite: Records, tmp_path: Path, kind: str) -> None:
    record = b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 200000000\r\n\r\n"
    bomb = {
        "body": lambda: record + bytes(200_000_000), "head": lambda: b"WARC/1.0\r\nWARC-Type: " + bytes(200_000_000),
        "lines": lambda: b"WARC/1.0\r\n" + b"a: b\n" * 20_000_000, "blanks": lambda: b"\n" * 100_000_000,
        "coded": lambda: b"",
    }[kind]()  # fmt: skip
    made = Made().page()
    if kind == "coded":
        made.page("https://bao.example/bom.html", gzip.compress(bytes(200_000_000), 1), HTML, ("Content-Encoding", "gzip"))  # fmt: skip
    path = tmp_path / "a.warc.gz"
    path.write_bytes(made.file.getvalue() + gzip.compress(bomb, 1))
    del bomb
    tracemalloc.start()
    with suppress(FileUnreadable):
        bring(sqlite, path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * LARGEST
    with sqlite.read() as session:
        (run,) = session.scalars(select(Run))
    left = {"body": "page/other", "coded": "capture/oversize"}.get(kind)
    assert run.counters == {"capture/stored": 1, "post/new": 1} | ({left: 1} if left else {})
    assert run.state == (RunState.FAILED if kind in {"head", "lines", "blanks"} else RunState.DONE)


def mixed(path: Path, number: int) -> Path:
    """Write a file of pages with posts, and of all that is only counted."""
    made = Made()
    for n in range(number):
        url = f"https://bao.example/{n}.html"
        made.add("request", url, line=f"GET /{n}.html HTTP/1.1").page(
            url, article(f"Tin số {n}", text=f"Chuyện {n}.")
        )
        made.page(f"{url}.png", b"x", ("Content-Type", "image/png")).page(f"{url}?hong", b"<p>x").add(
            "revisit", url
        )
    return made.to(path)


def test_an_import_that_is_stopped_anywhere_goes_on_and_counts_nothing_twice(
    records: Records, tmp_path: Path
) -> None:
    class Stop(Exception): ...

    path, left = mixed(tmp_path / "a.warc.gz", 12), [0]

    def stop(done: int, total: int) -> None:
        assert 0 <= done <= total == path.stat().st_size
        left[0] -= 1
        if left[0] < 0:
            raise Stop

    steps = []
    for allowed in (0, 1, 2, 3, 5, 8, 13, 99):
        left[0] = allowed
        with suppress(Stop):
            steps.append(bring(records, path, progress=stop).resumed_at)
    assert len(steps) == 1
    assert steps[0] > 30
    with records.read() as session:
        (run,) = session.scalars(select(Run))
        assert audit.verify(session).ok
        refused = list(session.scalars(select(Rejection.row).order_by(Rejection.row)))
    assert run.counters == {
        "capture/stored": 12, "post/new": 12, "page/other": 12, "page/unreadable": 12, "record/revisit": 12,
    }  # fmt: skip
    assert refused == [5 * n + 4 for n in range(12)]
    assert (count(records, Post), count(records, Capture), count(records, Task)) == (12, 12, 12)
    again = bring(records, path)
    assert (again.done_before, again.counters, again.rejected) == (True, run.counters, 12)


KILLED = """
import sys
from pathlib import Path
from crawlers.imports import pages
from store.archive import Archive
from store.keys import Keys
from store.records import Records
folder = Path(sys.argv[1])
plan = pages.Plan(folder / "a.warc.gz", "Kho cũ", "thử")
pages.run(Records(f"sqlite:///{folder / 'kiemtin.db'}"), Archive(folder / "archive"), Keys(bytes(32)), plan)
"""


def test_an_import_killed_again_and_again_loses_and_doubles_nothing(sqlite: Records, tmp_path: Path) -> None:
    path, random, pause = mixed(tmp_path / "a.warc.gz", 150), Random(20200123), Flag()
    reached = [0]
    for _ in range(6):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT)
        while count(sqlite, Capture) == reached[-1] and process.poll() is None:
            pause.wait(0.01)
        with suppress(subprocess.TimeoutExpired):
            process.wait(random.uniform(0, 0.3))
        process.kill()
        process.wait()
        reached.append(count(sqlite, Capture))
    assert len(set(reached)) > 3
    outcome = bring(sqlite, path)
    assert outcome.counters == {
        "capture/stored": 150, "post/new": 150, "page/other": 150, "page/unreadable": 150, "record/revisit": 150,
    }  # fmt: skip
    with sqlite.read() as session:
        assert session.scalar(select(func.count(Capture.url.distinct()))) == 150
        captures = session.scalars(select(Capture)).all()
        assert audit.verify(session).ok
    archive = Archive(tmp_path / "archive")
    assert all(archive.read(one.warc, one.offset).url == one.url for one in captures)
    assert (count(sqlite, Post), count(sqlite, Task), count(sqlite, Run)) == (150, 150, 1)


def read_all(path: Path) -> int:
    """Return how many entries a file gives before it ends or is found broken."""
    seen = pages.preview(pages.Plan(path, "x", "x"))
    assert seen.broken is None or str(seen.broken)
    return sum(seen.counters.values())


EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 40), st.binary(max_size=40)), min_size=1, max_size=4
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.booleans(), EDITS)
def test_a_file_changed_anywhere_is_read_or_said_to_be_broken(
    tmp_path: Path, compress: bool, edits: list[tuple[float, int, bytes]]
) -> None:
    content = five(compress=compress)[0]
    for where, length, new in edits:
        at = int(where * len(content))
        content = content[:at] + new + content[at + length :]
    path = tmp_path / "a.warc"
    path.write_bytes(content)
    read_all(path)


ODD = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\n"), max_size=30)
HEADERS = st.dictionaries(
    st.sampled_from(["Content-Type", "Content-Encoding", "Transfer-Encoding", "Content-Length"]),
    ODD
    | st.sampled_from(
        ["text/html; charset=utf-16", "", "application/xml", "gzip", "br, gzip", "zstd", "chunked", "-5"]
    ),
)
BODIES = st.binary(max_size=300) | st.sampled_from([
    article(), gzip.compress(article()), b"-5\r\n\r\n" + article(), b"5\r\nabc", b"<rss><channel>", b"<html",
])  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["response", "resource", "revisit", "request", ""]) | ODD,
    st.sampled_from(["https://a.example/x", "http://[", "<https://a.example/ y>", "https://a.example:99999/"]) | ODD,
    st.sampled_from(["2021-07-20T03:00:00Z", "0001-01-01T00:00:00+14:00", "20210720030000"]) | ODD,
    st.sampled_from(["HTTP/1.1 200 OK", "HTTP/1.1 200", "HTTP/1.1", "ICY 200 OK", "GET / HTTP/1.1", "200 OK"]) | ODD,
    HEADERS, BODIES,
)  # fmt: skip
def test_a_record_of_any_kind_is_an_entry_and_no_other_error(
    tmp_path: Path, kind: str, url: str, date: str, line: str, headers: dict[str, str], body: bytes
) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    block = f"{line}\r\n{lines}\r\n".encode() + body if kind != "resource" else body
    named = (
        f"WARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: {date}\r\nWARC-Block-Digest: {line}\r\n"
    )
    path = tmp_path / "a.warc"
    with path.open("wb") as file:
        for _ in range(2):
            file.write(
                f"WARC/1.0\r\n{named}Content-Length: {len(block)}\r\n\r\n".encode() + block + b"\r\n\r\n"
            )
    if kind in {"response", "resource", "revisit"}:
        assert read_all(path) >= 2
    else:
        read_all(path)


def test_the_command_imports_tries_and_explains(tmp_path: Path) -> None:
    program = Program(tmp_path)
    path = mixed(tmp_path / "kho-2021.WARC.gz", 2)
    shown = program.run("import", path.name, "--dry-run")
    assert "post/found" in shown
    assert "bản ghi 4" in shown
    assert not (tmp_path / "var").exists()
    shown = program.run("import", path.name, "--map", "text=a", expect=2)
    assert "--map và --kind chỉ dùng cho tệp bảng" in shown
    shown = program.run("import", path.name, "--quiet")
    assert "2 bản ghi bị từ chối" in shown
    (errors,) = (tmp_path / "var" / "imports").iterdir()
    assert [json.loads(line)["raw"] for line in errors.read_text().splitlines()] == [
        "https://bao.example/0.html?hong", "https://bao.example/1.html?hong"
    ]  # fmt: skip
    with program.records().read() as session:
        assert list(session.scalars(select(Source.name))) == ["kho-2021"]
    torn = tmp_path / "torn.warc.gz"
    torn.write_bytes(path.read_bytes()[:-30])
    shown = program.run("import", torn.name, expect=2)
    assert "ở byte" in shown
    assert "Traceback" not in shown
