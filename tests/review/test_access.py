"""Who is limited to lanes sees, takes and reads the cases of those lanes, and no others."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

import models
from review import access, case_page, queue
from review.errors import CaseTaken, NoSuchCase, NoSuchLane, NotAllowed
from review.permissions import Person
from store.records import Records
from store.tables import Activity, Case, Cluster, Event, Post, Source, User
from store.tables import Capture as Kept
from store.vocabulary import CaseState, Role
from tests.factory import NOW


def person(records: Records, login: str, role: Role = Role.REVIEWER) -> Person:
    with records.write() as session:
        user = User(login=login, name=login, role=role, password_hash="x", created_at=NOW)
        session.add(user)
        session.flush()
        return Person(user.id, role)


@pytest.fixture
def desk(records: Records) -> Records:
    """Cases 1 (cure), 2 (scam), 3 (no harm), 4 (cure, but uncertain), 5 (scam, escalated), 6 (cure, decided)."""
    shapes = [
        ("cure", False, "queued"), ("scam", False, "queued"), (None, False, "queued"),
        ("cure", True, "queued"), ("scam", False, "escalated"), ("cure", False, "decided"),
    ]  # fmt: skip
    with records.write() as session:
        session.add(Source(id=1, name="s", kind="feed", legal_basis="x", added_at=NOW))
        session.flush()
        session.add(
            Kept(id=1, source_id=1, url="u", at=NOW, media_type="x", sha256="x", warc="w", offset=0, length=1)
        )
        session.flush()
        for number, (harm, uncertain, state) in enumerate(shapes, 1):
            session.add(Cluster(id=number, size=1, created_at=NOW))
            session.flush()
            session.add(
                Post(
                    id=number, key=f"k{number}", source_id=1, capture_id=1, kind="social", text="t",
                    content_hash="h", first_seen_at=NOW, last_seen_at=NOW, cluster_id=number,
                )
            )  # fmt: skip
            session.flush()
            session.add(
                Case(
                    id=number, cluster_id=number, post_id=number, content_hash="h", state=state, priority=1,
                    harm=harm, uncertain=uncertain, opened_at=NOW, decided_at=NOW if state == "decided" else None,
                )
            )  # fmt: skip
    return records


@pytest.fixture
def limited(desk: Records) -> Callable[..., Person]:
    admin = person(desk, "admin", Role.ADMIN)

    def limit(*lanes: str, role: Role = Role.REVIEWER) -> Person:
        found = person(desk, "hoa", role)
        with desk.write() as session:
            access.limit(session, admin, found.id, lanes, NOW)
        return found

    return limit


def seen(records: Records, who: Person) -> set[int]:
    """Return the cases that a person finds in the queue, in any of its lanes."""
    with records.read() as session:
        lanes = (queue.ALL, queue.ESCALATED, queue.DECIDED, queue.MINE)
        return {case.id for lane in lanes for case in queue.listing(session, who, lane, NOW)}


def readable(records: Records, who: Person) -> set[int]:
    found = set()
    with records.read() as session:
        for number in range(1, 7):
            try:
                case_page.load(session, who, number)
            except NoSuchCase:
                continue
            found.add(number)
    return found


@pytest.mark.parametrize(
    ("lanes", "expected"),
    [
        ((), {1, 2, 3, 4, 5, 6}),
        (("cure",), {1, 6}),
        (("scam",), {2, 5}),
        (("uncertain",), {3, 4}),
        (("cure", "uncertain"), {1, 3, 4, 6}),
        (("privacy",), set()),
    ],
)
def test_queue_and_page_show_the_same_cases(
    desk: Records, limited: Callable[..., Person], lanes: tuple[str, ...], expected: set[int]
) -> None:
    hoa = limited(*lanes)
    assert seen(desk, hoa) == readable(desk, hoa) == expected
    with desk.read() as session:
        counted = queue.lanes(session, hoa, NOW)
    assert counted[queue.ALL] == len(expected & {1, 2, 3, 4})
    assert counted[queue.ESCALATED] == len(expected & {5})
    assert sum(counted.get(lane, 0) for lane in access.all_lanes()) == counted[queue.ALL]


def test_a_case_of_another_lane_cannot_be_taken_by_its_number(
    desk: Records, limited: Callable[..., Person]
) -> None:
    hoa = limited("cure")
    with pytest.raises(CaseTaken), desk.write() as session:
        queue.lease(session, hoa, 2, NOW)
    with desk.write() as session:
        taken = queue.lease_next(session, hoa, queue.ALL, NOW)
        assert taken is not None
        assert taken.case_id == 1
        queue.skip(session, hoa, 1, taken.token, "x", NOW)
        assert queue.lease_next(session, hoa, queue.ALL, NOW) is None
        assert queue.lease_after(session, hoa, queue.ALL, NOW, 1) is None


def test_what_one_holds_is_seen_to_its_end_although_scoring_moves_it(
    desk: Records, limited: Callable[..., Person]
) -> None:
    hoa = limited("cure")
    with desk.write() as session:
        lease = queue.lease(session, hoa, 1, NOW)
        session.get_one(Case, 1).harm = "scam"
    assert 1 in readable(desk, hoa)
    with desk.write() as session:
        queue.release(session, hoa, 1, lease.token, NOW)
    assert 1 not in readable(desk, hoa)


def test_a_limit_takes_back_what_is_held_outside_of_it(desk: Records, limited: Callable[..., Person]) -> None:
    hoa, admin = limited(), Person(1, Role.ADMIN)
    with desk.write() as session:
        for number in (1, 2):
            queue.lease(session, hoa, number, NOW)
    with desk.write() as session:
        access.limit(session, admin, hoa.id, ["cure"], NOW)
    with desk.read() as session:
        assert [session.get_one(Case, n).state for n in (1, 2)] == [CaseState.LEASED, CaseState.QUEUED]
        assert session.scalars(select(Activity.what).where(Activity.case_id == 2)).all()[-1] == "released"
        assert session.scalars(select(Event.action).order_by(Event.id)).all()[-2:] == [
            "user.lanes",
            "case.released",
        ]
    assert readable(desk, hoa) == {1, 6}


def test_only_the_administrator_limits_and_only_to_lanes_there_are(desk: Records) -> None:
    hoa, lead, admin = (
        person(desk, "hoa"), person(desk, "lead", Role.LEAD), person(desk, "quan-tri", Role.ADMIN)
    )  # fmt: skip
    with pytest.raises(NotAllowed), desk.write() as session:
        access.limit(session, lead, hoa.id, ["cure"], NOW)
    with pytest.raises(NoSuchLane), desk.write() as session:
        access.limit(session, admin, hoa.id, ["cure", "all"], NOW)
    with desk.read() as session:
        assert access.lanes_of(session, hoa.id) == ()
        assert session.scalars(select(Event)).all() == []


def test_lanes_are_the_harms_and_the_uncertain_lane_of_the_queue() -> None:
    assert access.all_lanes() == (*models.labels().harms, queue.UNCERTAIN)
