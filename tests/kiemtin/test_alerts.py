"""Filters that people keep: whose they are, what they tell of, and that no word of a post leaves with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from api.desk import Desk
from kiemtin.work.alerts import Alerts
from review import alerts, saved
from review.errors import BadAlert, NoSuchFilter, NotAllowed, ReasonNeeded
from review.permissions import Person
from review.saved import Wanted
from search.open import open_engine
from store import outbox
from store.archive import Archive
from store.delivery_tables import Delivery
from store.queue_tables import SavedFilter
from store.records import Records
from store.tables import Event, User
from store.tasks import MAX_ATTEMPTS
from store.vocabulary import Channel, FilterKind, Role, TaskKind
from store.work_tables import Task
from tests.factory import HARMFUL, NOW, Place, person

QUEUE = Wanted(FilterKind.QUEUE, "Lừa đảo", "lane=scam")
MAILED = Wanted(FilterKind.QUEUE, "Mọi ca", "lane=all", False, Channel.EMAIL, "hoa@so.example.vn")
LATER = NOW + alerts.EVERY


@pytest.fixture
def desk(sqlite: Records, tmp_path: Path) -> Desk:
    return Desk(sqlite, open_engine(f"tantivy:{tmp_path / 's'}"), Archive(tmp_path / "a"))


@pytest.fixture
def place(desk: Desk) -> Place:
    made = Place(desk.records)
    made.take(HARMFUL[0])
    made.work(desk.engine)
    return made


@pytest.fixture
def hoa(sqlite: Records) -> Person:
    return person(sqlite, "hoa")


@pytest.fixture
def lan(sqlite: Records) -> Person:
    return person(sqlite, "lan", Role.LEAD)


@pytest.fixture
def check(desk: Desk) -> Callable[[datetime], list[Delivery]]:
    """Look at the filters as a worker does, and give all that is owed."""

    def checked(at: datetime) -> list[Delivery]:
        Alerts(desk.records, lambda: desk).check(at)
        with desk.records.read() as session:
            return list(session.scalars(select(Delivery).order_by(Delivery.id)))

    return checked


def save(records: Records, who: Person, wanted: Wanted) -> SavedFilter:
    with records.write() as session:
        return saved.save(session, who, wanted, NOW)


def names(records: Records, who: Person) -> list[str]:
    with records.read() as session:
        return [one.name for one in saved.visible(session, who)]


def test_a_filter_is_ones_own_until_a_lead_shares_it(sqlite: Records, hoa: Person, lan: Person) -> None:
    minh = person(sqlite, "minh")
    own = save(sqlite, hoa, QUEUE)
    shared = save(sqlite, lan, Wanted(FilterKind.SEARCH, "Tỏi", "q=toi", shared=True))
    assert names(sqlite, hoa) == ["Lừa đảo", "Tỏi"]
    assert names(sqlite, minh) == ["Tỏi"]
    with pytest.raises(NotAllowed):
        save(sqlite, hoa, Wanted(FilterKind.QUEUE, "x", "", shared=True))
    for who, what in ((minh, own.id), (hoa, shared.id), (hoa, 99)):
        with pytest.raises(NoSuchFilter), sqlite.write() as session:
            saved.remove(session, who, what)
    with sqlite.write() as session:
        saved.remove(session, lan, shared.id)
        saved.remove(session, hoa, own.id)
    assert names(sqlite, hoa) == []
    with sqlite.read() as session:
        assert session.scalars(select(Event.action).order_by(Event.id)).all()[-2:] == ["filter.removed"] * 2


def test_saving_again_under_the_same_name_replaces(sqlite: Records, hoa: Person) -> None:
    first = save(sqlite, hoa, QUEUE)
    again = save(sqlite, hoa, Wanted(FilterKind.QUEUE, " Lừa đảo ", "lane=cure"))
    assert (again.id, again.query) == (first.id, "lane=cure")


@pytest.mark.parametrize(
    ("channel", "to"),
    [
        (Channel.EMAIL, ""), (Channel.EMAIL, "hoa"), (Channel.EMAIL, "Hoa <hoa@so.vn>"), (Channel.WEBHOOK, "ftp://x.vn"),
        (Channel.WEBHOOK, "https://a:b@x.vn/"),
    ],
)  # fmt: skip
def test_an_alert_needs_an_address(sqlite: Records, lan: Person, channel: Channel, to: str) -> None:
    with pytest.raises(BadAlert):
        save(sqlite, lan, Wanted(FilterKind.QUEUE, "x", "", False, channel, to))
    with pytest.raises(ReasonNeeded):
        save(sqlite, lan, Wanted(FilterKind.QUEUE, "  ", ""))


def test_webhooks_are_for_leads(sqlite: Records, hoa: Person) -> None:
    with pytest.raises(NotAllowed):
        save(sqlite, hoa, Wanted(FilterKind.QUEUE, "x", "", False, Channel.WEBHOOK, "https://x.example.vn/"))


def test_new_cases_are_told_once_by_mail_and_nothing_of_the_posts(
    place: Place, desk: Desk, hoa: Person, check: Callable[[datetime], list[Delivery]]
) -> None:
    save(desk.records, hoa, MAILED)
    assert check(LATER) == []
    place.take(*HARMFUL[1:3])
    place.work(desk.engine)
    assert check(LATER + timedelta(minutes=1)) == []
    (mail,) = check(LATER + alerts.EVERY)
    assert (mail.channel, mail.recipient, mail.kind) == ("email", "hoa@so.example.vn", "alert")
    assert "có 2 ca mới: 2, 3." in mail.body_text
    assert not any(
        word in mail.body_text for text in HARMFUL[:3] for word in text.split()[:4] if len(word) > 4
    )
    assert len(check(LATER + 2 * alerts.EVERY)) == 1


def test_new_posts_of_a_search_are_told_to_a_webhook(
    place: Place, desk: Desk, lan: Person, check: Callable[[datetime], list[Delivery]]
) -> None:
    wanted = Wanted(
        FilterKind.SEARCH,
        "Vắc xin",
        "q=vac+xin&flagged=true",
        False,
        Channel.WEBHOOK,
        "https://x.example.vn/a",
    )
    kept = save(desk.records, lan, wanted)
    place.take(HARMFUL[3], HARMFUL[4])
    place.work(desk.engine)
    (told,) = check(LATER)
    said = json.loads(told.body_text)
    assert (told.subject, said["type"]) == ("filter.matched", "filter.matched")
    assert said["data"] == {"filter": kept.id, "kind": "search", "new": 1, "ids": [2]}


def test_posts_that_came_in_lately_are_told_however_old_and_however_many(
    place: Place,
    desk: Desk,
    lan: Person,
    check: Callable[[datetime], list[Delivery]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kiemtin.work.alerts._PAGE", 2)
    kept = save(
        desk.records,
        lan,
        Wanted(FilterKind.SEARCH, "mọi bài", "q=", False, Channel.WEBHOOK, "https://x.vn/a"),
    )
    place.take(*HARMFUL[1:4], published_at=NOW - timedelta(days=900))
    place.work(desk.engine)
    (told,) = check(LATER)
    assert json.loads(told.body_text)["data"] == {
        "filter": kept.id,
        "kind": "search",
        "new": 3,
        "ids": [2, 3, 4],
    }


@pytest.mark.parametrize("kind", [TaskKind.SCORE, TaskKind.INDEX])
def test_a_post_that_is_finished_late_is_told_too(
    kind: TaskKind, place: Place, desk: Desk, lan: Person, check: Callable[[datetime], list[Delivery]]
) -> None:
    every = Wanted(FilterKind.SEARCH, "mọi bài", "q=", False, Channel.WEBHOOK, "https://x.vn/a")
    save(desk.records, lan, every)
    _, late, last = (one.post_id for one in place.take(*HARMFUL[1:4]))
    place.work(desk.engine)
    # As if the second of them were still waiting for its turn.
    desk.engine.delete([late])
    with desk.records.write() as session:
        waits = Task(kind=kind, subject_id=late, owed_at=NOW, due_at=NOW)
        session.add(waits)
    (told,) = check(LATER)
    assert json.loads(told.body_text)["data"]["ids"] == [late - 1]
    with desk.records.write() as session:
        outbox.owe_index(session, [late])
        session.delete(session.get_one(Task, waits.id))
    place.work(desk.engine)
    assert json.loads(check(LATER + alerts.EVERY)[-1].body_text)["data"]["ids"] == [late, last]


def test_a_post_that_was_given_up_holds_no_alert_back(
    place: Place, desk: Desk, lan: Person, check: Callable[[datetime], list[Delivery]]
) -> None:
    every = Wanted(FilterKind.SEARCH, "mọi bài", "q=", False, Channel.WEBHOOK, "https://x.vn/a")
    save(desk.records, lan, every)
    first, last = (one.post_id for one in place.take(*HARMFUL[1:3]))
    place.work(desk.engine)
    desk.engine.delete([first])
    with desk.records.write() as session:
        session.add(
            Task(kind=TaskKind.INDEX, subject_id=first, owed_at=NOW, due_at=NOW, attempts=MAX_ATTEMPTS)
        )
    assert json.loads(check(LATER)[0].body_text)["data"]["ids"] == [last]


def test_a_filter_that_can_no_longer_be_read_holds_no_other_up(
    place: Place, desk: Desk, hoa: Person, lan: Person, check: Callable[[datetime], list[Delivery]]
) -> None:
    save(
        desk.records,
        hoa,
        Wanted(FilterKind.SEARCH, "hỏng", "flagged=có lẽ", False, Channel.EMAIL, "a@x.example"),
    )
    save(
        desk.records,
        hoa,
        Wanted(FilterKind.QUEUE, "xa", "province=Quảng Đông", False, Channel.EMAIL, "a@x.example"),
    )
    save(desk.records, hoa, MAILED)
    gone = save(desk.records, lan, MAILED)
    with desk.records.write() as session:
        session.get_one(User, lan.id).active = False
    place.take(HARMFUL[1])
    place.work(desk.engine)
    assert [one.recipient for one in check(LATER)] == ["hoa@so.example.vn"]
    with desk.records.read() as session:
        assert session.get_one(SavedFilter, gone.id).checked_at == NOW
