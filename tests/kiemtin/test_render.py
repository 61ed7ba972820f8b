"""The queue of pages to be shown: what is kept of one, what is refused, and what a kill leaves."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select
from warcio.archiveiterator import ArchiveIterator

from kiemtin.house import House
from kiemtin.settings import Settings
from kiemtin.work.render import Showing
from kiemtin.work.station import Resting
from store import audit, tasks
from store.archive import Archive
from store.migrate import migrate
from store.records import Records
from store.tables import Assessment, Capture, Event, Post, Rendering
from store.vocabulary import TaskKind
from store.work_tables import Host, Task
from tests.crawlers.hostile import Ask, Server, Site, serving, whole
from tests.factory import HARMFUL, HARMLESS, NOW, Place
from tests.kiemtin.program import Program, wait_for

CHROMIUM = Path(os.environ.get("KIEMTIN_TEST_CHROMIUM", "/usr/bin/chromium"))
HERE = "127.1.0.1"
PAGE = """<!doctype html><meta charset=utf-8><h1 id=lon></h1><img src=/anh.gif>
    <script>lon.textContent = "Lời do mã dựng"</script>"""
GIF = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not CHROMIUM.exists(),
        reason=f"{CHROMIUM} is absent; apt-get install chromium, or set KIEMTIN_TEST_CHROMIUM",
    ),
]


@pytest.fixture(autouse=True)
def _needs_playwright() -> None:
    pytest.importorskip(
        "playwright.async_api", reason="playwright is not installed; pip install 'kiemtin[browser]'"
    )


@contextmanager
def site(**more: object) -> Iterator[Server]:
    answers = {
        "/bai": whole(PAGE.encode(), "X-Robots-Tag: noarchive", "Content-Type: text/html"),
        "/anh.gif": whole(GIF, "Content-Type: image/gif"),
    } | more
    with serving({"here": Site(answers)}) as server:  # type: ignore[arg-type]
        yield server


@pytest.fixture
def house(tmp_path: Path) -> House:
    """An installation with two posts: 1 is flagged, 2 is not."""
    settings = Settings(data_dir=tmp_path / "var", chromium=CHROMIUM, crawl_private=HERE)
    made = House(settings)
    migrate(made.records)
    place = Place(made.records)
    place.take(HARMFUL[0], HARMLESS)
    place.work()
    with made.records.read() as session:
        flags = select(Post.id, Assessment.flagged).join(Assessment, Assessment.id == Post.assessment_id)
        assert dict(session.execute(flags.order_by(Post.id)).all()) == {1: True, 2: False}
    return made


def ask(house: House, post_id: int, url: str) -> None:
    """Give a post its page, and owe a look at it."""
    with house.records.write() as session:
        session.get_one(Post, post_id).url = url
        tasks.owe_render(session, post_id, datetime.now(UTC))


def station(house: House) -> Showing:
    (made,) = house.crew([TaskKind.RENDER]).stations
    assert isinstance(made, Showing)
    return made


def owed(records: Records) -> Task:
    with records.read() as session:
        return session.scalars(select(Task)).one()


def count(records: Records, table: type) -> int:
    with records.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_all_that_a_page_was_made_of_is_kept_and_leaves_a_trace(house: House) -> None:
    with site() as server:
        ask(house, 1, f"http://{HERE}:{server.port}/bai#tra-loi-2")
        assert station(house).once() == 1
        assert server.asked["here"] == ["/robots.txt", "/bai", "/anh.gif"]
    assert count(house.records, Task) == 0
    url = f"http://{HERE}:{server.port}/bai"
    with house.records.read() as session:
        rendering = session.scalars(select(Rendering)).one()
        picture = session.get_one(Capture, rendering.picture_id)
        document = session.get_one(Capture, rendering.document_id)
        page = session.get_one(Capture, picture.detail["page"])
        event = session.scalars(select(Event).where(Event.action == "post.rendered")).one()
        assert audit.verify(session).ok
        assert session.get_one(Host, f"{HERE}:{server.port}").asked_at == page.at
    assert (rendering.post_id, event.subject) == (1, "post:1")
    assert picture.sha256 in event.detail
    assert document.sha256 in event.detail
    assert (page.url, page.status, page.media_type) == (url, 200, "text/html")
    assert (page.detail["ip"], page.detail["directives"]) == (HERE, ["noarchive"])
    assert page.detail["robots"]["status"] == 200
    assert (picture.url, document.url) == (f"urn:fullPage:{url}", f"urn:dom:{url}")
    assert picture.detail == document.detail
    assert (picture.detail["of"], picture.detail["viewport"]) == (url, "1280x1600")
    assert picture.detail["browser"].startswith("Chromium 1")
    archive = house.archive()
    assert archive.read(picture.warc, picture.offset).body.startswith(b"\x89PNG")
    dom = archive.read(document.warc, document.offset)
    assert (dom.media_type, '<h1 id="lon">Lời do mã dựng</h1>' in dom.body.decode()) == (
        "text/html; charset=utf-8", True,
    )  # fmt: skip
    assert archive.read(page.warc, page.offset).body == PAGE.encode()
    (resource,) = page.detail["resources"]
    assert resource["url"].endswith("/anh.gif")
    assert archive.read(resource["warc"], resource["offset"]).body == GIF
    assert records_of(house.archive()) == [
        ("request", url), ("response", url),
        ("request", resource["url"]), ("response", resource["url"]),
        ("resource", picture.url), ("resource", document.url),
    ]  # fmt: skip


def records_of(archive: Archive) -> list[tuple[str, str]]:
    """Return kind and address of all records of the archive, each read whole and checked."""
    found = []
    for path in sorted(archive.folder.iterdir()):
        for record in ArchiveIterator(BytesIO(path.read_bytes()), check_digests="raise"):
            record.content_stream().read()
            found.append((record.rec_type, record.rec_headers.get_header("WARC-Target-URI")))
    return found


def test_a_page_is_owed_once_and_one_given_up_is_tried_anew(house: House) -> None:
    for _ in range(2):
        ask(house, 1, "http://trang.example/bai")
    with house.records.write() as session:
        task = session.scalars(select(Task)).one()
        task.attempts, task.error = tasks.MAX_ATTEMPTS, "hỏng"
    ask(house, 1, "http://trang.example/bai")
    task = owed(house.records)
    assert (task.kind, task.subject_id, task.attempts, task.error) == ("render", 1, 0, None)


def test_only_pages_of_flagged_posts_are_shown(house: House) -> None:
    with site() as server:
        ask(house, 2, f"http://{HERE}:{server.port}/bai")
        assert station(house).once() == 1
        assert server.asked["here"] == []
    assert owed(house.records).error == "Bài 2 không bị gắn cờ: chỉ chụp trang của bài bị gắn cờ."
    assert count(house.records, Rendering) == 0


def test_a_page_that_is_gone_fails_with_the_reason_and_is_tried_again(house: House) -> None:
    with site() as server:
        ask(house, 1, f"http://{HERE}:{server.port}/mat")
        assert station(house).once() == 1
    task = owed(house.records)
    assert (task.error, task.attempts) == ("Trang không còn: máy chủ trả lời 404.", 1)
    assert timedelta() < task.due_at - datetime.now(UTC) < timedelta(minutes=1)
    assert count(house.records, Rendering) == 0
    assert count(house.records, Capture) == 1


def test_a_host_that_rests_is_left_alone_and_costs_no_attempt(house: House) -> None:
    with site() as server:
        with house.records.write() as session:
            rests = datetime.now(UTC) + timedelta(hours=1)
            session.add(
                Host(
                    name=f"{HERE}:{server.port}", rests_until=rests, rules_status=404,
                    rules_at=datetime.now(UTC),
                )
            )  # fmt: skip
        ask(house, 1, f"http://{HERE}:{server.port}/bai")
        assert station(house).once() == 1
        assert station(house).once() == 0
        assert server.asked["here"] == []
    assert (owed(house.records).attempts, owed(house.records).error) == (0, None)


def test_a_host_that_is_busy_is_left_alone_from_then_on(house: House) -> None:
    busy = whole(b"", "Retry-After: 900", status="429 Too Many Requests")
    with site(**{"/bai": busy}) as server:
        ask(house, 1, f"http://{HERE}:{server.port}/bai")
        assert station(house).once() == 1
    assert owed(house.records).error == "Không có trang: máy chủ trả lời 429."
    with house.records.read() as session:
        rests = session.get_one(Host, f"{HERE}:{server.port}").rests_until
    assert rests is not None
    assert timedelta(minutes=14) < rests - datetime.now(UTC) <= timedelta(minutes=15)


def test_without_a_browser_the_queue_waits_and_says_what_to_install(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(house, 1, "http://trang.example/bai")
    bare = House(house.settings.model_copy(update={"chromium": Path("/nowhere/chromium")}))
    with pytest.raises(Resting, match="KIEMTIN_CHROMIUM"):
        station(bare).once()
    with house.records.write() as session:
        session.scalars(select(Task)).one().due_at = NOW
    monkeypatch.delitem(sys.modules, "crawlers.browser", raising=False)
    monkeypatch.setitem(sys.modules, "playwright.async_api", None)
    with pytest.raises(Resting, match=r"thư viện playwright.*pip install 'kiemtin\[browser\]'"):
        station(house).once()
    assert (owed(house.records).attempts, owed(house.records).lease_token) == (0, None)


def test_the_command_shows_a_page_at_once_or_says_why_not(house: House, tmp_path: Path) -> None:
    program = Program(tmp_path, settings={"KIEMTIN_CRAWL_PRIVATE": HERE, "KIEMTIN_CHROMIUM": str(CHROMIUM)})
    bare = Program(tmp_path, settings={"KIEMTIN_CHROMIUM": "/nowhere/chromium"})
    assert "Bài 2 không bị gắn cờ" in program.run("capture", "2", expect=2)
    with site() as server:
        ask(house, 1, f"http://{HERE}:{server.port}/bai")
        assert "apt-get install chromium" in bare.run("capture", "1", expect=2)
        assert "--reason" in program.run("capture", "1", "--picture", "a.png", expect=2)
        said = program.run("capture", "1", "--picture", "a.png", "--reason", "đối chiếu lời trích")
    assert "Đã chụp trang của bài 1" in said
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert count(house.records, Rendering) == 1


def test_a_kill_while_a_page_is_shown_leaves_no_half_of_it_and_no_browser(
    house: House, tmp_path: Path
) -> None:
    hung: list[Ask] = []

    def hangs_once(ask: Ask) -> Iterator[bytes]:
        hung.append(ask)
        if len(hung) == 1:
            ask.pause(60)
        return whole(GIF)(ask)

    program = Program(tmp_path, settings={"KIEMTIN_CRAWL_PRIVATE": HERE, "KIEMTIN_CHROMIUM": str(CHROMIUM)})
    with site(**{"/anh.gif": hangs_once}) as server:
        ask(house, 1, f"http://{HERE}:{server.port}/bai")
        worker = program.start("work", "--queues", "render")
        wait_for(lambda: bool(hung), 60)
        family = psutil.Process(worker.pid).children(recursive=True)
        assert any("chrom" in one.name() for one in family)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        _, left = psutil.wait_procs(family, timeout=15)
        assert left == []
        assert count(house.records, Rendering) == 0
        assert count(house.records, Capture) == 1
        with house.records.write() as session:
            session.scalars(select(Task)).one().due_at = NOW
        assert station(house).once() == 1
    assert count(house.records, Task) == 0
    assert count(house.records, Rendering) == 1
    assert [kind for kind, _ in records_of(house.archive())].count("resource") == 2
