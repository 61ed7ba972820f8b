"""The stations and their crew: one bad post holds nobody up, a silent engine loses nothing, edits in flight."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import event, func, select

from classifier.model import Scores, Span
from classifier.policy import Policy
from kiemtin import documents
from kiemtin.doctor import examine, mend
from kiemtin.work.crew import Crew
from kiemtin.work.index import Indexing
from kiemtin.work.station import Resting
from search.engine import Document, IndexDown, Query, SearchEngine
from store import outbox, tasks
from store.records import Records
from store.tables import Assessment, Case, Post
from store.vocabulary import TaskKind
from store.work_tables import Searchable, Task, Worker
from tests.factory import HARMFUL, HARMLESS, NoEngine, Place, model, policy, scoring, stations, work
from tests.kiemtin.program import wait_for


class Fragile:
    """The shipped model, which fails on texts that hold a word."""

    name = "fragile"

    def score(self, texts: Sequence[str]) -> Scores:
        if any("độc" in text for text in texts):
            raise ZeroDivisionError
        return model().score(texts)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return model().embed(texts)

    def spans(self, text: str, limit: int = 8) -> tuple[Span, ...]:
        return model().spans(text, limit)


class Moody(NoEngine):
    """An engine that is down, or refuses some posts, and remembers what it was given."""

    def __init__(self) -> None:
        self.down = False
        self.refused: set[int] = set()
        self.kept: dict[int, int] = {}

    def put(self, documents: Iterable[Document]) -> dict[int, str]:  # type: ignore[override]
        if self.down:
            raise IndexDown("không trả lời")
        given = list(documents)
        self.kept |= {d.post_id: d.version for d in given if d.post_id not in self.refused}
        return {d.post_id: "mapping" for d in given if d.post_id in self.refused}

    def delete(self, post_ids: Sequence[int]) -> None:  # type: ignore[override]
        for post_id in post_ids:
            self.kept.pop(post_id, None)


def count(records: Records, table: type, *where: object) -> int:
    with records.read() as session:
        return session.scalar(select(func.count()).select_from(table).where(*where)) or 0  # type: ignore[arg-type]


def test_a_batch_asks_the_database_no_more_for_many_posts_than_for_few(records: Records) -> None:
    asked: list[str] = []
    # The mapper gives SQLite the new rows one by one, within the process; all else is asked once for all.
    alone = "INSERT INTO assessment" if records.is_sqlite else "\0"
    event.listen(
        records.engine,
        "before_cursor_execute",
        lambda *given: None if given[2].startswith(alone) else asked.append(given[2]),
    )
    numbers = []
    for size in (3, 60):
        Place(records, name=f"Nguồn {size}").take(
            *(f"Chợ phường {size} mở từ sáng sớm, sạp {n} có rau và cá, nhớ mang túi" for n in range(size))
        )
        station = scoring(records, policy())
        asked.clear()
        assert station.once() == size
        numbers.append(len(asked))
    assert count(records, Case) == 0  # opening one, or bringing it in line, asks more
    assert numbers[1] <= numbers[0]


def test_one_post_that_cannot_be_scored_holds_nobody_up(records: Records) -> None:
    Place(records).take(HARMFUL[0], "bài có chữ độc hại cho mô hình", HARMLESS)
    crew = Crew(records, [scoring(records, policy(), Fragile())])
    crew.until_idle()
    assert crew.counters["score/done"] == 2
    assert crew.counters["score/failed"] == 1
    with records.read() as session:
        task = session.scalars(select(Task).where(Task.kind == TaskKind.SCORE)).one()
        assert "ZeroDivisionError" in (task.error or "")
    assert count(records, Worker) == 0


def test_an_engine_that_is_down_for_long_costs_no_task_an_attempt(records: Records) -> None:
    place = Place(records)
    engine = Moody()
    engine.down = True
    place.take(HARMFUL[0], HARMLESS)
    Crew(records, stations(records)[:1]).until_idle()
    indexing = Indexing(records, engine)  # type: ignore[arg-type]
    for _ in range(12):
        with records.write() as session:
            for task in session.scalars(select(Task)):
                task.due_at = task.owed_at
        with pytest.raises(Resting, match="không trả lời"):
            indexing.once()
    assert count(records, Task, Task.kind == TaskKind.INDEX, Task.attempts > 0) == 0
    assert count(records, Assessment) == 2
    engine.down = False
    with records.write() as session:
        for task in session.scalars(select(Task)):
            task.due_at = task.owed_at
    while indexing.once():
        pass
    assert set(engine.kept) == {1, 2}
    assert count(records, Task) == 0


def test_a_document_that_is_refused_is_kept_with_its_error_and_the_others_go_on(records: Records) -> None:
    engine = Moody()
    engine.refused = {1}
    Place(records).take(HARMFUL[0], HARMLESS)
    work(records, engine)  # type: ignore[arg-type]
    assert set(engine.kept) == {2}
    with records.read() as session:
        (task,) = session.scalars(select(Task))
        assert (task.kind, task.subject_id, task.error, task.attempts) == ("index", 1, "mapping", 1)


def test_a_post_that_is_gone_leaves_the_index(records: Records) -> None:
    engine = Moody()
    engine.kept = {99: 1}
    with records.write() as session:
        outbox.owe_index(session, [99])
    work(records, engine)  # type: ignore[arg-type]
    assert engine.kept == {}
    assert count(records, Task) == 0


def test_an_edit_that_comes_in_while_scoring_is_scored_by_itself(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(records)
    place.take(HARMFUL[0], keys=["a"])
    station = scoring(records, policy())
    plain = station._assess

    def edited_meanwhile(posts: Sequence[Post], policy: Policy) -> object:
        monkeypatch.setattr(station, "_assess", plain)
        place.take(HARMLESS, keys=["a"])
        return plain(posts, policy)

    monkeypatch.setattr(station, "_assess", edited_meanwhile)
    Crew(records, [station, Indexing(records, NoEngine())]).until_idle()  # type: ignore[arg-type]
    with records.read() as session:
        post = session.scalars(select(Post)).one()
        assessment = session.get_one(Assessment, post.assessment_id)
        assert (post.version, assessment.post_version) == (2, 2)
        assert not assessment.flagged
    assert count(records, Task) == 0
    assert count(records, Case) == 0


def test_scoring_twice_by_one_model_and_policy_changes_nothing(records: Records) -> None:
    place = Place(records)
    accepted = place.take(*HARMFUL[:2])
    place.work()
    now = place.cases()[0].opened_at
    with records.write() as session:
        session.add_all(
            Task(kind=TaskKind.SCORE, subject_id=one.post_id, owed_at=now, due_at=now) for one in accepted
        )
    place.work()
    assert (count(records, Assessment), count(records, Case)) == (2, 2)


def test_a_crew_works_until_it_is_told_to_stop_and_leaves_nothing_in_hand(records: Records) -> None:
    place = Place(records)
    engine = Moody()
    crew = Crew(records, stations(records, engine))  # type: ignore[arg-type]
    stop = threading.Event()
    thread = threading.Thread(target=crew.forever, args=(stop,))
    thread.start()
    try:
        for i in range(5):
            place.take(*[f"{i} {text}" for text in HARMFUL])
        wait_for(lambda: len(engine.kept) == 5 * len(HARMFUL))
        assert count(records, Worker) == 1
        engine.down = True
        place.take(HARMLESS)
        wait_for(lambda: crew.trouble.get("index") == "không trả lời")
        crew.beat()
        with records.read() as session:
            told = session.scalars(select(Worker)).one().trouble
            assert told == {"index": "không trả lời", "search": "không trả lời"}
        engine.down = False
        wait_for(lambda: len(engine.kept) == 5 * len(HARMFUL) + 1)
        wait_for(lambda: not crew.trouble)
    finally:
        stop.set()
        thread.join()
    assert count(records, Worker) == 0
    assert count(records, Task) == 0


def test_a_worker_taken_for_dead_joins_again(records: Records) -> None:
    crew = Crew(records, stations(records))
    with crew.alive():
        first = crew.worker_id
        with records.write() as session:
            session.delete(session.get_one(Worker, first))
        crew.beat()
        assert crew.worker_id != first
        assert count(records, Worker) == 1
        assert crew.stations[0].hand.worker_id == crew.worker_id


@pytest.fixture(params=["tantivy", pytest.param("elasticsearch", marks=pytest.mark.elasticsearch)])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SearchEngine:
    from search.open import open_engine

    if request.param == "tantivy":
        return open_engine(f"tantivy:{tmp_path_factory.mktemp('index')}")
    made: SearchEngine = request.getfixturevalue("elastic_engines")()
    return made


def test_the_doctor_finds_and_mends_every_kind_of_fault(records: Records, engine: SearchEngine) -> None:
    place = Place(records)
    place.take(*HARMFUL)
    place.work(engine)
    found = examine(records, engine)
    assert found.clean
    assert (found.records, found.index, found.sampled) == (len(HARMFUL), len(HARMFUL), len(HARMFUL))
    with records.read() as session:
        stray = documents.of_posts(session, [1, 2, 3])
    engine.delete([1])
    ahead, changed = replace(stray[1], version=70), replace(stray[2], text="đã bị đổi")
    engine.put([ahead, changed, replace(stray[0], post_id=900)])
    found = examine(records, engine)
    assert (found.missing, found.extra, found.stale, found.different) == ([1], [900], {2: 70}, [3])
    assert mend(records, engine, found) == 4
    assert examine(records, engine).clean
    assert engine.search(Query("bi doi")).total == 0
    with records.write() as session:
        outbox.owe_index(session, [4])
    assert examine(records, engine).clean, "what is owed is no fault"
    assert examine(records, engine).waiting == 1


def test_a_reindex_while_posts_come_in_misses_none(records: Records, engine: SearchEngine) -> None:
    place = Place(records)
    place.take(*HARMFUL[:4])
    place.work(engine)
    late = iter([HARMFUL[4], HARMFUL[5]])

    def meanwhile() -> Iterable[Document]:
        yield from documents.every(records)
        # They come too late for the walk above, and while the embedded engine lets nobody else write.
        place.take(next(late))
        Crew(records, stations(records)[:1]).until_idle()

    engine.rebuild(meanwhile, documents.Changes(records))
    place.take(next(late))
    place.work(engine)
    assert examine(records, engine).clean
    assert engine.count() == 6
    assert count(records, Searchable) == 6
    with records.read() as session:
        assert tasks.queues(session)[TaskKind.INDEX].waiting == 0
