"""An installation on a bad day: what is broken is said on every page and measured, and nothing is lost by it."""

from __future__ import annotations

import random
import re
import resource
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, text

import models
from api.desk import Desk
from api.standing import Standing
from classifier.load import load
from classifier.tfidf import TfidfModel
from kiemtin import given_policy
from kiemtin.house import House
from kiemtin.settings import Settings
from kiemtin.work.clock import Jumps
from kiemtin.work.crawl import Crawling
from kiemtin.work.crew import Crew
from kiemtin.work.late import Late
from kiemtin.work.score import Scoring
from kiemtin.work.station import Resting
from review_ui.app import create_app
from search.engine import IndexDown
from store import audit, policies, tasks
from store.archive import Archive
from store.archived import ArchiveError
from store.faults import FaultKind
from store.records import Records
from store.tables import Assessment, Event, Source
from store.vocabulary import Role, SourceKind, TaskKind
from store.work_tables import Task, Worker
from tests.api.conftest import PASSWORD, sign_in
from tests.factory import HARMFUL, HARMLESS, NoEngine, Place, policy, scoring
from tests.joined import join
from tests.kiemtin.program import wait_for


class Silent(NoEngine):
    """An engine that does not answer."""

    def count(self) -> int:
        raise IndexDown("http://es:9200 không trả lời")


class Answering(NoEngine):
    def count(self) -> int:
        return 0


def kinds(standing: Standing) -> set[FaultKind]:
    return {fault.kind for fault in standing.look()}


def standing(records: Records, engine: NoEngine | None = None) -> Standing:
    return Standing(records, engine or Answering())  # type: ignore[arg-type]


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A copy of the shipped linear model whose weights were damaged on the disk."""
    folder = tmp_path / "mô hình"
    shutil.copytree(models.path("tfidf"), folder)
    weights = bytearray((folder / "weights.npz").read_bytes())
    for at in range(2000, len(weights) - 2000, 5000):
        weights[at : at + 16] = b"\0" * 16
    (folder / "weights.npz").write_bytes(weights)
    return folder


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("how", ["missing", "damaged", "cut", "wrong version", "not numbers"])
def test_a_model_that_cannot_be_used_is_refused_whatever_is_wrong_with_it(
    broken: Path, tmp_path: Path, how: str
) -> None:
    if how == "missing":
        broken = tmp_path / "không có"
    elif how == "cut":
        weights = (broken / "weights.npz").read_bytes()
        (broken / "weights.npz").write_bytes(weights[: len(weights) // 2])
    elif how == "wrong version":
        about = (broken / "model.json").read_text().replace('"hate"', '"hatred"')
        (broken / "model.json").write_text(about)
    elif how == "not numbers":
        sound = TfidfModel.load(models.path("tfidf"))
        sound.weights[5, 5] = float("nan")
        sound.save(broken)
    with pytest.raises(models.DataError, match=re.escape(str(broken))):
        load(broken)


def test_with_a_broken_model_posts_wait_unflagged_others_work_on_and_all_is_done_once_it_is_mended(
    sqlite: Records, broken: Path
) -> None:
    Place(sqlite).take(HARMFUL[0], HARMLESS)
    now: list[Path] = [broken]
    scored = Late(TaskKind.SCORE, lambda: scoring(sqlite, policy(), load(now[0])))
    indexed = Late(TaskKind.INDEX, lambda: pytest.fail("nothing is owed to the index yet"))
    indexed._station = Idle()
    crew = Crew(sqlite, [scored, indexed])
    stop = threading.Event()
    thread = threading.Thread(target=crew.forever, args=(stop,))
    thread.start()
    try:
        wait_for(lambda: FaultKind.MODEL in crew.trouble, 30)
        crew.beat()
        wrong = standing(sqlite).look()
        assert [fault.kind for fault in wrong] == [FaultKind.MODEL]
        assert str(broken) in wrong[0].said
        with sqlite.read() as session:
            assert session.scalar(select(func.count()).select_from(Assessment)) == 0
            assert tasks.queues(session)[TaskKind.SCORE].waiting == 2
        assert indexed._station.asked
        now[0] = models.path("tfidf")
        wait_for(lambda: FaultKind.MODEL not in crew.trouble, 30)
        crew.beat()
        assert kinds(standing(sqlite)) == set()
    finally:
        stop.set()
        thread.join()
    with sqlite.read() as session:
        assert session.scalar(select(func.count()).select_from(Assessment)) == 2


class Idle:
    kind = TaskKind.INDEX

    def __init__(self) -> None:
        self.asked = 0

    def once(self) -> int:
        self.asked += 1
        return 0


def test_an_invalid_policy_in_force_stops_scoring_and_is_told(sqlite: Records) -> None:
    Place(sqlite).take(HARMFUL[0])
    given_policy.begin(sqlite, None)
    with sqlite.write() as session:
        # As another version of this program may have left it.
        policies.switch(session, "9", "version: [", actor=audit.SYSTEM, reason="thử", at=datetime.now(UTC))
    with pytest.raises(Resting) as told:
        scoring(sqlite).once()
    assert told.value.about == FaultKind.POLICY
    assert kinds(standing(sqlite)) == {FaultKind.POLICY}
    with sqlite.read() as session:
        assert session.scalar(select(func.count()).select_from(Task).where(Task.kind == TaskKind.SCORE)) == 1
        assert session.scalar(select(func.count()).select_from(Assessment)) == 0


def test_an_invalid_policy_file_is_told_and_the_one_in_force_stays(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("version: 7\nflag: không")
    house = House(Settings(data_dir=tmp_path, policy_file=file, free_mb=0))
    assert [fault.kind for fault in house.faults()] == [FaultKind.POLICY]
    assert "Vẫn dùng chính sách" in next(iter(house.faults())).said
    assert list(House(Settings(data_dir=tmp_path, free_mb=0)).faults()) == []


def test_without_room_nothing_is_crawled_and_all_stays_due(sqlite: Records, tmp_path: Path) -> None:
    place = Place(sqlite)
    with sqlite.write() as session:
        now = datetime.now(UTC)
        session.get_one(Source, place.source_id).kind = SourceKind.FEED
        session.add(Task(kind=TaskKind.CRAWL, subject_id=place.source_id, owed_at=now, due_at=now))
    house = House(Settings(data_dir=tmp_path, free_mb=1 << 40))
    assert {fault.kind for fault in house.faults()} == {FaultKind.DISK}
    station = Crawling(sqlite, house.short_of_room)
    with pytest.raises(Resting, match="MB") as told:
        station.once()
    assert told.value.about == FaultKind.DISK
    assert "crawl/started" not in station.hand.counters
    with sqlite.read() as session:
        assert tasks.crawls_due(session)


def test_a_disk_that_fills_up_within_a_record_leaves_whole_records_only(tmp_path: Path) -> None:
    at = datetime.now(UTC)
    with Archive(tmp_path) as archive:
        first = archive.resource("https://a.example/1", at, "text/plain", BytesIO(b"one"))
        with largest_file(4000), pytest.raises(ArchiveError, match="Không ghi được"):
            archive.resource(
                "https://a.example/2", at, "text/plain", BytesIO(random.Random(1).randbytes(90000))
            )
        # Room again: the next record is whole, and so is the first one.
        third = archive.resource("https://a.example/3", at, "text/plain", BytesIO(b"three"))
        assert archive.read(first.warc, first.offset).body == b"one"
        assert archive.read(third.warc, third.offset).body == b"three"
    with Archive(tmp_path) as archive:
        assert archive.torn == []
        fourth = archive.resource("https://a.example/4", at, "text/plain", BytesIO(b"four"))
        assert archive.read(fourth.warc, fourth.offset).body == b"four"
        assert archive.read(first.warc, first.offset).body == b"one"


def test_records_that_cannot_be_written_take_nothing_half(sqlite: Records) -> None:
    place = Place(sqlite)
    with sqlite.read() as session:
        before = session.scalar(select(func.count()).select_from(Task))
    with largest_file(1), pytest.raises(Exception, match=r"disk|full|I/O"):
        place.take(HARMFUL[0])
    with sqlite.read() as session:
        assert session.scalar(select(func.count()).select_from(Task)) == before
    place.take(HARMFUL[0])


def test_a_cache_that_cannot_be_written_does_not_stop_scoring(sqlite: Records, tmp_path: Path) -> None:
    Place(sqlite).take(HARMFUL[0])
    nowhere = tmp_path / "tệp"
    nowhere.write_text("not a folder")
    assert Scoring(sqlite, load(models.path("tfidf")), policy(), cache=nowhere / "cache").once() == 1
    with sqlite.read() as session:
        assert session.scalar(select(func.count()).select_from(Assessment)) == 1


@pytest.mark.parametrize("moved", [timedelta(days=400), -timedelta(hours=3)])
def test_a_clock_that_jumps_lets_nothing_run_out_until_it_is_right_again(
    sqlite: Records, moved: timedelta
) -> None:
    done: list[datetime] = []
    wall = [1_000_000.0]
    crew = Crew(sqlite, [], {"notes": done.append})
    crew.jumps = Jumps(lambda: wall[0], lambda: 5.0)
    with crew.alive():
        crew.do_duties()
        wall[0] += moved.total_seconds()
        crew.do_duties()
        crew.beat()
        assert len(done) == 1
        assert kinds(standing(sqlite)) == {FaultKind.CLOCK}
        wall[0] -= moved.total_seconds()
        crew.do_duties()
        crew.beat()
        assert len(done) == 2
        assert kinds(standing(sqlite)) == set()


def test_a_clock_behind_the_audit_log_is_told(sqlite: Records) -> None:
    with sqlite.write() as session:
        event = audit.append(session, audit.SYSTEM, "thử", "x:1")
    with sqlite.write() as session:
        session.execute(text("DROP TRIGGER IF EXISTS event_no_update"))
        for trigger in session.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            if "event" in trigger.name:
                session.execute(text(f"DROP TRIGGER {trigger.name}"))
        ahead = (datetime.now(UTC) + timedelta(hours=5, minutes=30)).isoformat()
        session.execute(Event.__table__.update().where(Event.id == event.id).values(at=ahead))  # type: ignore[attr-defined]
    assert kinds(standing(sqlite)) == {FaultKind.CLOCK}
    crew = Crew(sqlite, [], {"any": lambda at: pytest.fail("no duty by a clock in doubt")})
    with crew.alive():
        crew.do_duties()
        assert "5 giờ" in crew.trouble[FaultKind.CLOCK]


def test_a_duty_that_fails_in_any_way_stops_no_other_and_is_seen(sqlite: Records) -> None:
    done: list[str] = []
    failing = [True]

    def first(at: datetime) -> None:
        if failing[0]:
            raise ZeroDivisionError("hỏng")

    def second(at: datetime) -> None:
        done.append("second")

    crew = Crew(sqlite, [], {"first": first, "second": second})
    with crew.alive():
        crew.do_duties()
        crew.beat()
        assert done == ["second"]
        name = "duty/first/failed"
        assert crew.counters[name] == 1
        wrong = standing(sqlite).look()
        assert [fault.kind for fault in wrong] == [FaultKind.DUTY]
        assert "ZeroDivisionError: hỏng" in wrong[0].said
        with sqlite.read() as session:
            assert session.scalar(select(Worker.counters))[name] == 1
        failing[0] = False
        crew.do_duties()
        crew.beat()
        assert kinds(standing(sqlite)) == set()


def test_every_page_says_that_search_is_down_in_both_languages_and_metrics_count_it(
    sqlite: Records, tmp_path: Path
) -> None:
    desk = Desk(records=sqlite, engine=Silent(), archive=Archive(tmp_path))  # type: ignore[arg-type]
    with sqlite.write() as session:
        join(session, Role.ADMIN.value, Role.ADMIN, PASSWORD)
    client = TestClient(create_app(desk), base_url="http://desk.example", follow_redirects=False)
    assert "data-fault" not in client.get("/sign-in").text
    sign_in(client, Role.ADMIN.value, PASSWORD)
    for path in ("/queue", "/sources", "/work"):
        assert 'data-fault="search"' in client.get(path).text
    assert "Tìm kiếm không trả lời" in client.get("/queue").text
    assert "es:9200" in client.get("/work").text
    assert client.get("/api/v1/work").json()["faults"] == [
        {"kind": "search", "said": "http://es:9200 không trả lời"}
    ]
    client.cookies.set("kiemtin_language", "en")
    assert "Search does not answer" in client.get("/queue").text
    shown = client.get("/metrics").text
    assert 'kiemtin_fault{kind="search"} 1.0' in shown
    assert 'kiemtin_fault{kind="disk"} 0.0' in shown
