"""The embedded engine among several processes: turns, swaps, kills, and a folder that is broken."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from search.embedded import TantivyEngine
from search.engine import Document, IndexBroken, IndexBusy, Query, SearchError
from search.open import open_engine
from tests.conftest import ROOT
from tests.search.test_conformance import document

PUT = """
import sys
from pathlib import Path
from search.embedded import TantivyEngine
from tests.search.test_conformance import document
engine = TantivyEngine(Path(sys.argv[1]))
first = int(sys.argv[2])
for i in range(first, first + int(sys.argv[3]), 10):
    engine.put([document(k, f"bài số {k} khẩu trang") for k in range(i, i + 10)])
    print(i + 10 - first, flush=True)
"""


def put(folder: Path, first: int, number: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PUT, str(folder), str(first), str(number)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    writers = [put(tmp_path, first, 200) for first in (0, 1000)]
    for writer in writers:
        assert writer.communicate(timeout=120)[0].split()[-1] == "200"
    engine = TantivyEngine(tmp_path)
    assert engine.count() == 400
    assert engine.search(Query("khau trang")).total == 400


def test_a_killed_write_leaves_what_was_acknowledged(tmp_path: Path) -> None:
    writer = put(tmp_path, 0, 100_000)
    assert writer.stdout is not None
    for _ in range(8):
        acknowledged = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    engine = TantivyEngine(tmp_path)
    assert engine.count() >= acknowledged
    engine.put([document(1, "sau khi bị ngắt")])
    assert engine.search(Query("bi ngat")).total == 1


def test_a_rebuild_is_seen_by_who_searches_meanwhile(tmp_path: Path) -> None:
    searching, building = TantivyEngine(tmp_path), TantivyEngine(tmp_path)
    searching.put([document(1, "cũ")])
    during: list[int] = []

    def documents() -> Iterator[Document]:
        for i in range(10, 1200):
            if i % 500 == 0:
                during.append(searching.search(Query("cu")).total)
            yield document(i, "mới")

    building.rebuild(documents)
    assert during == [1, 1]
    assert searching.search(Query("cu")).total == 0
    assert searching.search(Query("moi")).total == 1190
    assert len(list(tmp_path.glob("index-*"))) == 1


def test_who_waits_too_long_for_a_turn_is_told(tmp_path: Path) -> None:
    engine = TantivyEngine(tmp_path, wait=timedelta(seconds=0.2))
    engine.put([document(1, "x")])
    with FileLock(tmp_path / "write.lock"), pytest.raises(IndexBusy):
        engine.put([document(2, "y")])
    assert engine.count() == 1


def test_a_broken_index_says_how_to_mend_it_and_can_be_rebuilt(tmp_path: Path) -> None:
    engine = TantivyEngine(tmp_path)
    engine.put([document(1, "x")])
    (index,) = tmp_path.glob("index-*")
    (index / "meta.json").write_text("{hỏng")
    with pytest.raises(IndexBroken, match="kiemtin reindex"):
        TantivyEngine(tmp_path).count()
    shutil.rmtree(index)
    with pytest.raises(IndexBroken, match="kiemtin reindex"):
        TantivyEngine(tmp_path).search(Query("x"))
    fresh = TantivyEngine(tmp_path)
    fresh.rebuild(lambda: [document(2, "y")])
    assert fresh.count() == 1


@pytest.mark.parametrize(
    "url", ["", "tantivy", "tantivy:", "lucene:x", "http://", "http://a,b", "http://a:x", "elasticsearch:x"]
)
def test_an_engine_that_is_not_there_is_a_clear_error(url: str) -> None:
    with pytest.raises(SearchError, match="KIEMTIN_SEARCH_URL"):
        open_engine(url)
