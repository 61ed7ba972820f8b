"""The worker: one bad post holds nobody up, a broken index loses nothing, an edit in flight is scored again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import func, select

from classifier.model import Scores, Span
from kiemtin.worker import Worker
from search.engine import IndexBusy
from store import tasks
from store.records import Records
from store.tables import Assessment, Case, Post, Task
from store.vocabulary import TaskKind
from tests.factory import HARMFUL, HARMLESS, NoEngine, Place, model, policy


class Fragile:
    """The shipped model, which fails on texts that hold a word."""

    name = "fragile"

    def score(self, texts: Sequence[str]) -> Scores:
        if any("độc" in text for text in texts):
            raise ZeroDivisionError
        return model().score(texts)

    def spans(self, text: str, limit: int = 8) -> tuple[Span, ...]:
        return model().spans(text, limit)


class Shut(NoEngine):
    def put(self, documents: object) -> None:
        raise IndexBusy("đang bận")


def count(records: Records, table: type, *where: object) -> int:
    with records.read() as session:
        return session.scalar(select(func.count()).select_from(table).where(*where)) or 0  # type: ignore[arg-type]


def test_one_post_that_cannot_be_scored_holds_nobody_up(records: Records) -> None:
    place = Place(records)
    place.take(HARMFUL[0], "bài có chữ độc hại cho mô hình", HARMLESS)
    worker = Worker(records, NoEngine(), Fragile(), policy())  # type: ignore[arg-type]
    worker.until_idle()
    assert worker.counters["score/done"] == 2
    assert worker.counters["score/failed"] == 1
    with records.read() as session:
        task = session.scalars(select(Task)).one()
        assert "ZeroDivisionError" in (task.error or "")


def test_a_shut_index_keeps_its_work_for_later(records: Records) -> None:
    place = Place(records)
    place.take(HARMFUL[0])
    Worker(records, Shut(), model(), policy()).until_idle()  # type: ignore[arg-type]
    assert count(records, Task, Task.kind == TaskKind.INDEX) >= 1
    assert count(records, Assessment) == 1


def test_an_edit_that_comes_in_while_scoring_is_scored_by_itself(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(records)
    place.take(HARMFUL[0], keys=["a"])
    worker = Worker(records, NoEngine(), model(), policy())  # type: ignore[arg-type]
    plain = worker._assess

    def edited_meanwhile(posts: Sequence[Post]) -> object:
        monkeypatch.setattr(worker, "_assess", plain)
        place.take(HARMLESS, keys=["a"])
        return plain(posts)

    monkeypatch.setattr(worker, "_assess", edited_meanwhile)
    worker.until_idle()
    with records.read() as session:
        post = session.scalars(select(Post)).one()
        assessment = session.get_one(Assessment, post.assessment_id)
        assert (post.version, assessment.post_version) == (2, 2)
        assert not assessment.flagged
        assert tasks.waiting(session) == {"failed": 0}
    assert count(records, Case) == 0


def test_scoring_twice_by_one_model_and_policy_changes_nothing(records: Records) -> None:
    place = Place(records)
    accepted = place.take(*HARMFUL[:2])
    place.work()
    with records.write() as session:
        for one in accepted:
            session.add(Task(kind=TaskKind.SCORE, post_id=one.post_id, due_at=place.cases()[0].opened_at))
    place.work()
    assert (count(records, Assessment), count(records, Case)) == (2, 2)
