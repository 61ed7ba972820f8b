"""Which case comes first and why: the parts of a priority, the clock of a lane, what is not shown twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import settings as bounds
from hypothesis import strategies as st
from sqlalchemy import text

from review import aside, lanes, priority, queue
from review.permissions import Person
from review.sla import Clocks
from store.records import Records
from store.tables import Case
from store.vocabulary import Role
from tests.bulk import cases
from tests.factory import HARMFUL, NOW, Place, person

HOURS = st.floats(0, 24 * 60).map(lambda hours: timedelta(hours=hours))
SPREADS = st.builds(
    lambda copies, recent, ago: priority.Spread(copies, min(copies, recent), NOW - ago),
    st.integers(1, 10_000), st.integers(1, 10_000), HOURS,
)  # fmt: skip


def placed(weight: float, spread: priority.Spread) -> Case:
    case = Case(opened_at=spread.newest)
    priority.place(case, weight, 0.9, spread)
    return case


@given(st.floats(0.1, 100), SPREADS, st.floats(0.1, 100), SPREADS, HOURS)
@bounds(max_examples=60)
def test_the_order_by_rank_is_the_order_by_priority_at_every_moment(
    one: float, its: priority.Spread, other: float, others: priority.Spread, later: timedelta
) -> None:
    first, second = placed(one, its), placed(other, others)
    at = NOW + later
    now = [case.priority * priority.freshness(case.fresh_from, at) for case in (first, second)]
    if abs(now[0] - now[1]) > 0.02 * max(now):
        assert (now[0] > now[1]) == (first.rank > second.rank)


def test_a_case_falls_to_half_in_three_days_and_says_its_parts(sqlite: Records) -> None:
    place = Place(sqlite)
    place.take(HARMFUL[1])
    place.work()
    hoa = person(sqlite, "hoa")
    with sqlite.read() as session:
        (case,) = lanes.listing(session, hoa, queue.ALL, NOW)
        new, old = (
            priority.of_case(case, case.fresh_from + days) for days in (timedelta(), timedelta(days=3))
        )
    assert old.total == pytest.approx(new.total / 2)
    assert (new.fresh, old.fresh, new.spread, new.copies, new.recent) == (1, pytest.approx(0.5), 1, 1, 1)
    assert new.harm is not None
    assert new.total == pytest.approx(100 * new.harm * new.severity * new.raised * new.spread * new.fresh)
    assert 0 < new.raised <= 1
    assert new.severity == 1.0


def test_copies_bring_a_case_forward(sqlite: Records) -> None:
    place = Place(sqlite)
    place.take(*HARMFUL[:4])
    place.work()
    last = place.cases()[-1]
    with sqlite.read() as session:
        post = session.get_one(Case, last.id).post
    place.take(*[post.text] * 30, keys=[f"copy {i}" for i in range(30)])
    place.work()
    with sqlite.read() as session:
        case = session.get_one(Case, last.id)
        assert (case.copies, case.recent) == (31, 31)
    assert case.priority == pytest.approx(last.priority * priority.spread_factor(31, 31), rel=1e-3)
    assert case.rank > last.rank + 1


@pytest.mark.parametrize("lane", [queue.ALL, "scam", queue.UNCERTAIN])
def test_the_list_is_read_along_one_index(sqlite: Records, lane: str) -> None:
    hoa = person(sqlite, "hoa")
    shown: list[str] = []
    with sqlite.read() as session:
        for row in session.execute(
            text("EXPLAIN QUERY PLAN " + str(
                lanes.order(lane, hoa, NOW).limit(50).compile(
                    sqlite.engine, compile_kwargs={"literal_binds": True}
                )
            ))
        ):  # fmt: skip
            shown.append(row[-1])
    plan = " ".join(shown)
    assert "ix_case_queue" in plan or "ix_case_lane" in plan
    assert "SCAN case" not in plan
    assert "TEMP B-TREE FOR ORDER BY" not in plan


def test_a_late_case_is_counted_in_its_lane(sqlite: Records) -> None:
    cases(
        sqlite, 6, harms=("scam", "cure", None), opened=[NOW - timedelta(hours=5), NOW - timedelta(hours=90)]
    )
    clocks = Clocks(24, {"scam": 4, "uncertain": 72})
    hoa = person(sqlite, "hoa")
    with sqlite.read() as session:
        late = lanes.overdue(session, NOW, clocks)
        due = [clocks.due(case) - case.waits_from for case in lanes.listing(session, hoa, "scam", NOW)]
    assert late == {"all": 4, "scam": 2, "cure": 1, "uncertain": 1}
    assert due == [timedelta(hours=4)] * 2


def test_what_one_has_put_aside_comes_only_when_asked_for_and_an_edit_makes_it_new(sqlite: Records) -> None:
    place = Place(sqlite)
    place.take(HARMFUL[0])
    place.work()
    hoa, minh = person(sqlite, "hoa"), person(sqlite, "minh")
    with sqlite.write() as session:
        held = queue.lease_next(session, hoa, queue.ALL, NOW)
        assert held is not None
        queue.skip(session, hoa, held.case_id, held.token, "đọc sau", NOW)
    with sqlite.write() as session:
        assert queue.lease_next(session, hoa, queue.ALL, NOW + timedelta(days=30)) is None
        counted = lanes.lanes(session, hoa, NOW)
        assert (counted[queue.ALL], counted[queue.ASIDE]) == (0, 1)
        assert lanes.lanes(session, minh, NOW)[queue.ALL] == 1
        asked = queue.lease_next(session, hoa, queue.ASIDE, NOW)
        assert asked is not None
        queue.release(session, hoa, asked.case_id, asked.token, NOW)
        assert queue.lease_next(session, hoa, queue.ALL, NOW) is None
    place.take(HARMFUL[5], keys=[HARMFUL[0][:80]])
    place.work()
    with sqlite.write() as session:
        assert queue.lease_next(session, hoa, queue.ALL, NOW) is not None


def test_after_severe_cases_in_a_row_a_milder_one_comes(sqlite: Records) -> None:
    cases(sqlite, 8, harms=("scam", "scam", "scam", "conspiracy"), severities=(1.0, 1.0, 1.0, 0.4))
    hoa = person(sqlite, "hoa")
    got = []
    for _ in range(8):
        with sqlite.write() as session:
            held = queue.lease_next(session, hoa, queue.ALL, NOW, severe_in_a_row=2)
            assert held is not None
            got.append(held.case_id)
            queue.skip(session, hoa, held.case_id, held.token, "thử", NOW)
    # Ids go by rank; 4 and 8 are mild. When none is left, the severe ones go on.
    assert got == [1, 2, 4, 3, 5, 8, 6, 7]


def test_without_the_cap_the_order_is_that_of_the_ranks(sqlite: Records) -> None:
    cases(sqlite, 3, severities=(1.0, 1.0, 0.4))
    lead = person(sqlite, "lan", Role.LEAD)
    got = []
    for _ in range(3):
        with sqlite.write() as session:
            held = queue.lease_next(session, lead, queue.ALL, NOW)
            assert held is not None
            got.append(held.case_id)
            queue.skip(session, lead, held.case_id, held.token, "thử", NOW)
    assert got == [1, 2, 3]


def test_putting_aside_twice_is_once(sqlite: Records) -> None:
    cases(sqlite, 1)
    hoa: Person = person(sqlite, "hoa")
    with sqlite.write() as session:
        for _ in range(2):
            aside.put(session, hoa.id, 1, NOW)
    with sqlite.read() as session:
        assert lanes.lanes(session, hoa, NOW)[queue.ASIDE] == 1
