"""The queues: taken once, returned when a worker dies, parked when nothing helps; on both databases."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from store import outbox, tasks, workers
from store.records import Records
from store.tables import Source
from store.vocabulary import TaskKind
from store.work_tables import Leader, Searchable, Task, Worker

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def owe(records: Records, number: int, kind: TaskKind = TaskKind.SCORE) -> None:
    with records.write() as session:
        session.add_all(Task(kind=kind, subject_id=i, owed_at=NOW, due_at=NOW) for i in range(1, number + 1))


def take(
    records: Records, limit: int = 10, worker: str = "w", kind: TaskKind = TaskKind.SCORE
) -> tasks.Batch | None:
    with records.write() as session:
        return tasks.take(session, kind, limit, worker)


def must(batch: tasks.Batch | None) -> tasks.Batch:
    assert batch is not None
    return batch


def lapse(records: Records) -> None:
    """Let time pass until every lease has run out and every pause is over."""
    with records.write() as session:
        session.execute(update(Task).values(due_at=NOW))


def rows(records: Records) -> list[Task]:
    with records.read() as session:
        return list(session.scalars(select(Task).order_by(Task.id)))


def test_a_batch_is_taken_once_and_finished_by_who_holds_it(records: Records) -> None:
    owe(records, 3)
    batch = must(take(records))
    assert batch.subject_ids == (1, 2, 3)
    assert batch.waited > 0
    assert take(records) is None
    lapse(records)
    again = must(take(records, 3, "other"))
    with records.write() as session:
        tasks.finish(session, batch)
        tasks.give_back(session, batch)
        tasks.fail(session, batch, 1, "x")
        assert tasks.queues(session)[TaskKind.SCORE].waiting == 3, (
            "a batch taken over is not the old worker's"
        )
        tasks.finish(session, again)
        assert tasks.queues(session)[TaskKind.SCORE].waiting == 3 - len(again.task_ids)


def test_two_transactions_at_once_never_take_the_same_task(postgres: Records) -> None:
    owe(postgres, 10)
    with postgres.write() as one, postgres.write() as two:
        first = must(tasks.take(one, TaskKind.SCORE, 6, "a"))
        second = must(tasks.take(two, TaskKind.SCORE, 6, "b"))
    assert len(first.task_ids) == 6
    assert len(second.task_ids) == 4
    assert not set(first.task_ids) & set(second.task_ids)


def test_many_workers_drain_a_queue_and_do_everything_once(records: Records) -> None:
    owe(records, 400)
    done: list[int] = []

    def work(name: str) -> None:
        while batch := take(records, 7, name):
            done.extend(batch.subject_ids)
            with records.write() as session:
                tasks.finish(session, batch)

    threads = [threading.Thread(target=work, args=(f"w{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == list(range(1, 401))


def test_a_lease_kept_alive_does_not_lapse(records: Records) -> None:
    owe(records, 2)
    batch = must(take(records))
    with records.write() as session:
        session.execute(update(Task).values(due_at=datetime.now(UTC) + timedelta(seconds=1)))
        tasks.extend(session, [batch.token])
    assert all(task.due_at > datetime.now(UTC) + timedelta(seconds=60) for task in rows(records))


def test_what_kills_its_workers_is_found_and_parked_and_the_others_are_done(records: Records) -> None:
    owe(records, 40)
    poison, done = 17, set[int]()
    for _ in range(200):
        lapse(records)
        batch = take(records, 32)
        if batch is None:
            break
        if poison not in batch.subject_ids:
            done |= set(batch.subject_ids)
            with records.write() as session:
                tasks.finish(session, batch)
    assert done == set(range(1, 41)) - {poison}
    (parked,) = rows(records)
    assert (parked.subject_id, parked.attempts, parked.error) == (
        poison,
        tasks.MAX_ATTEMPTS,
        tasks.INTERRUPTED,
    )
    with records.read() as session:
        assert [task.subject_id for task in tasks.parked(session)] == [poison]
        assert tasks.queues(session)[TaskKind.SCORE] == tasks.Queue(parked=1)


def test_a_failing_task_waits_longer_each_time_and_is_given_up_at_last(records: Records) -> None:
    owe(records, 1)
    for attempt in range(1, tasks.MAX_ATTEMPTS + 1):
        lapse(records)
        batch = must(take(records))
        with records.write() as session:
            tasks.fail(session, batch, 1, "hỏng")
        (task,) = rows(records)
        assert (task.attempts, task.error) == (attempt, "hỏng")
        assert task.due_at > datetime.now(UTC) + timedelta(seconds=5 * 2**attempt)
    lapse(records)
    assert take(records) is None


def test_a_batch_given_back_has_not_failed(records: Records) -> None:
    owe(records, 3)
    for _ in range(20):
        with records.write() as session:
            tasks.give_back(session, must(tasks.take(session, TaskKind.SCORE, 10, "w")))
    assert [task.attempts for task in rows(records)] == [0, 0, 0]


def test_a_clock_set_back_holds_no_work_up(records: Records) -> None:
    owe(records, 2)
    with records.write() as session:
        session.execute(update(Task).values(due_at=datetime.now(UTC) + timedelta(hours=5)))
    assert must(take(records)).subject_ids == (1, 2)


def test_work_of_a_dead_process_returns_at_once_and_counts_as_an_attempt(records: Records) -> None:
    owe(records, 3)
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    with records.write() as session:
        gone = workers.join(session, ["score"])
        session.flush()
        session.execute(update(Worker).values(pid=child))
        alive = workers.join(session, ["score"])
    must(take(records, 10, gone))
    with records.write() as session:
        assert workers.bury(session) == [gone]
        assert workers.bury(session) == []
        assert session.scalars(select(Worker.id)).all() == [alive]
    assert must(take(records, 1, alive)).subject_ids == (1,)
    assert {task.attempts for task in rows(records)} == {1}


@pytest.mark.parametrize("off", [timedelta(minutes=-1), timedelta(hours=1)])
def test_a_heart_on_another_host_that_stops_or_leaps_is_buried(records: Records, off: timedelta) -> None:
    with records.write() as session:
        worker_id = workers.join(session, ["index"])
        session.flush()
        session.execute(update(Worker).values(host="elsewhere", beat_at=datetime.now(UTC) + off))
        assert workers.bury(session) == [worker_id]
        assert not workers.beat(session, worker_id, {}, {})


def test_one_worker_has_a_duty_until_it_leaves_or_its_term_ends(records: Records) -> None:
    with records.write() as session:
        one, two = workers.join(session, []), workers.join(session, [])
    with records.write() as session:
        assert workers.lead(session, "keeping", one)
        assert workers.lead(session, "keeping", one)
        assert not workers.lead(session, "keeping", two)
        assert workers.lead(session, "other", two)
        workers.leave(session, one)
    with records.write() as session:
        assert workers.lead(session, "keeping", two)
        session.execute(update(Leader).values(until=NOW))
        assert workers.lead(session, "keeping", "three")
        session.execute(update(Leader).values(until=datetime.now(UTC) + timedelta(days=1)))
        session.expire_all()
        assert workers.lead(session, "keeping", two), "a term in the far future is a clock that was set back"


def sources(records: Records, *urls: str) -> None:
    with records.write() as session:
        for i, url in enumerate(urls, 1):
            session.add(Source(id=i, name=f"s{i}", kind="feed", url=url, legal_basis="x", added_at=NOW))
        session.flush()
        tasks.plan_crawls(session)


def crawls(records: Records, ids: list[int] | None = None) -> tasks.Batch | None:
    with records.write() as session:
        return tasks.take_crawls(session, "w", ids)


def test_every_source_has_one_crawl_which_falls_due_again(records: Records) -> None:
    sources(records, "https://a.example/f", "https://b.example/f")
    with records.write() as session:
        tasks.plan_crawls(session)
        assert tasks.crawls_due(session) == 2
    batch = must(crawls(records))
    assert batch.subject_ids == (1, 2)
    assert crawls(records) is None
    with records.write() as session:
        tasks.put_off(session, batch, 1, timedelta(minutes=30), None)
        tasks.put_off(session, batch, 2, timedelta(minutes=30), "hỏng")
        assert tasks.crawls_due(session) == 0
        assert tasks.queues(session)[TaskKind.CRAWL].waiting == 0
    assert crawls(records) is None
    assert must(crawls(records, [2])).subject_ids == (2,)
    with records.write() as session:
        session.execute(update(Source).where(Source.id == 1).values(enabled=False))
        tasks.plan_crawls(session)
    assert [task.subject_id for task in rows(records)] == [2]


def test_a_host_is_never_crawled_by_two_processes(records: Records) -> None:
    sources(records, "https://www.a.example/tin", "https://a.example/y-te", "https://b.example/f")
    assert must(crawls(records, [1])).subject_ids == (1,)
    assert must(crawls(records)).subject_ids == (3,)
    assert crawls(records, [2]) is None


def test_a_change_and_what_the_index_is_owed_are_one_transaction(records: Records) -> None:
    with pytest.raises(ZeroDivisionError), records.write() as session:
        outbox.owe_index(session, [1, 2])
        raise ZeroDivisionError
    assert rows(records) == []
    with records.write() as session:
        outbox.owe_index(session, [2, 1])
        outbox.owe_index(session, [2])
    with records.write() as session:
        outbox.owe_index(session, [2])
    with records.read() as session:
        versions = dict(session.execute(select(Searchable.post_id, Searchable.version)).all())
        assert versions == {1: 1, 2: 2}
        assert session.scalar(select(func.count()).select_from(Task)) == 3


def test_versions_rise_one_by_one_whoever_writes_at_once(records: Records) -> None:
    def write() -> None:
        for _ in range(15):
            with records.write() as session:
                outbox.owe_index(session, range(1, 6))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with records.read() as session:
        assert set(session.scalars(select(Searchable.version))) == {60}
