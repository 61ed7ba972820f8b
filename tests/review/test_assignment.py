"""Cases kept for one person: by a lead, or handed over by who held them."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from review import assignment, decision, lanes, queue
from review.case import get
from review.errors import CaseTaken, KeptForAnother, LeaseLost, NotAllowed, NotAReviewer, ReviewError
from review.permissions import Person
from store.records import Records
from store.tables import Activity, Case, Decision, Event, User
from store.vocabulary import CaseState, Outcome, Role
from tests.bulk import cases
from tests.factory import NOW, person


@pytest.fixture
def hoa(sqlite: Records) -> Person:
    cases(sqlite, 3)
    return person(sqlite, "hoa")


@pytest.fixture
def minh(sqlite: Records) -> Person:
    return person(sqlite, "minh")


@pytest.fixture
def lan(sqlite: Records) -> Person:
    return person(sqlite, "lan", Role.LEAD)


def traces(records: Records) -> tuple[int, int]:
    with records.read() as session:
        return tuple(session.scalar(select(func.count()).select_from(one)) or 0 for one in (Activity, Event))  # type: ignore[return-value]


def next_of(records: Records, who: Person, lane: str = queue.ALL) -> queue.Lease | None:
    with records.write() as session:
        return queue.lease_next(session, who, lane, NOW)


def test_an_assigned_case_comes_to_that_person_alone(
    sqlite: Records, hoa: Person, minh: Person, lan: Person
) -> None:
    with sqlite.write() as session:
        assignment.assign(session, lan, 1, hoa.id, "bạn rành chuyện này", NOW)
    with sqlite.read() as session:
        assert lanes.lanes(session, hoa, NOW)[queue.ASSIGNED] == 1
        assert lanes.lanes(session, minh, NOW)[queue.ALL] == 2
        assert assignment.of_cases(session, [1, 2])[1].user.name == "Hoa"
    for _ in range(2):
        held = next_of(sqlite, minh)
        assert held is not None
        assert held.case_id == 2
    with pytest.raises(KeptForAnother, match="Hoa"), sqlite.write() as session:
        queue.lease(session, minh, 1, NOW)
    held = next_of(sqlite, hoa, queue.ASSIGNED)
    assert held is not None
    assert held.case_id == 1
    assert next_of(sqlite, hoa, queue.ASSIGNED) == held


def test_what_one_put_aside_does_not_come_while_it_is_kept_for_another(
    sqlite: Records, hoa: Person, minh: Person, lan: Person
) -> None:
    held = next_of(sqlite, minh)
    assert held is not None
    with sqlite.write() as session:
        queue.skip(session, minh, held.case_id, held.token, "để sau", NOW)
        assignment.assign(session, lan, held.case_id, hoa.id, "", NOW)
    assert next_of(sqlite, minh, queue.ASIDE) is None
    with sqlite.write() as session:
        assignment.assign(session, lan, held.case_id, None, "", NOW)
    again = next_of(sqlite, minh, queue.ASIDE)
    assert again is not None
    assert again.case_id == held.case_id


def test_a_lead_may_take_or_free_what_is_kept_and_a_locked_out_person_keeps_nothing(
    sqlite: Records, hoa: Person, minh: Person, lan: Person
) -> None:
    with sqlite.write() as session:
        assignment.assign(session, lan, 1, hoa.id, "", NOW)
        assignment.assign(session, lan, 2, hoa.id, "", NOW)
        assignment.assign(session, lan, 2, None, "", NOW)
        queue.lease(session, lan, 1, NOW)
        queue.release(session, lan, 1, get(session, 1).lease_token or "", NOW)
        queue.lease(session, minh, 2, NOW)
    with sqlite.write() as session:
        session.get_one(User, hoa.id).active = False
        assert queue.lease(session, minh, 1, NOW).case_id == 1


def test_who_holds_a_case_hands_it_over_and_can_no_longer_decide_it(
    sqlite: Records, hoa: Person, minh: Person, lan: Person
) -> None:
    with sqlite.write() as session:
        skipped = queue.lease(session, minh, 1, NOW)
        queue.skip(session, minh, 1, skipped.token, "để sau", NOW)
    held = next_of(sqlite, hoa)
    assert held is not None
    assert held.case_id == 1
    with sqlite.write() as session:
        assignment.hand_over(session, hoa, 1, held.token, minh.id, "nhờ xem", NOW)
    with pytest.raises(LeaseLost), sqlite.write() as session:
        decision.decide(
            session,
            hoa,
            1,
            held.version,
            held.token,
            f"{1:064d}",
            decision.Verdict(Outcome.PROTECTED, "ý kiến", act="opinion"),
            NOW,
        )
    # Given by a person, it comes although minh had put it aside.
    taken = next_of(sqlite, minh)
    assert taken is not None
    assert taken.case_id == 1


def test_skipping_what_was_assigned_frees_it(sqlite: Records, hoa: Person, minh: Person, lan: Person) -> None:
    with sqlite.write() as session:
        assignment.assign(session, lan, 1, hoa.id, "", NOW)
        held = queue.lease(session, hoa, 1, NOW)
        queue.skip(session, hoa, 1, held.token, "không rành", NOW)
        assert queue.lease(session, minh, 1, NOW).case_id == 1


def test_a_reopened_case_goes_to_somebody_else(
    sqlite: Records, hoa: Person, minh: Person, lan: Person
) -> None:
    with sqlite.write() as session:
        assignment.assign(session, lan, 1, hoa.id, "", NOW)
        held = queue.lease(session, hoa, 1, NOW)
        decision.decide(
            session,
            hoa,
            1,
            held.version,
            held.token,
            f"{1:064d}",
            decision.Verdict(Outcome.PROTECTED, "ý kiến", act="opinion"),
            NOW,
        )
        decision.reopen(session, lan, 1, "nguồn mới", NOW)
    got = next_of(sqlite, hoa)
    assert got is not None
    assert got.case_id == 2
    with sqlite.write() as session:
        assert queue.lease(session, minh, 1, NOW).case_id == 1
        assert session.scalar(select(func.count()).select_from(Decision)) == 1


@pytest.mark.parametrize("state", list(CaseState))
def test_only_queued_cases_are_assigned_and_a_refusal_leaves_no_trace(
    sqlite: Records, hoa: Person, minh: Person, lan: Person, state: CaseState
) -> None:
    with sqlite.write() as session:
        case = session.get_one(Case, 1)
        if state == CaseState.LEASED:
            queue.lease(session, minh, 1, NOW)
        case.state = state
    before = traces(sqlite)
    refused: type[ReviewError] | None = None if state == CaseState.QUEUED else CaseTaken
    try:
        with sqlite.write() as session:
            assignment.assign(session, lan, 1, hoa.id, "", NOW)
    except ReviewError as error:
        assert type(error) is refused
        assert traces(sqlite) == before
    else:
        assert refused is None


def test_a_case_is_given_to_reviewers_alone(sqlite: Records, hoa: Person, minh: Person, lan: Person) -> None:
    auditor = person(sqlite, "kiem", Role.AUDITOR)
    before = traces(sqlite)
    with pytest.raises(NotAllowed), sqlite.write() as session:
        assignment.assign(session, hoa, 1, minh.id, "", NOW)
    for nobody in (auditor.id, 999):
        with pytest.raises(NotAReviewer), sqlite.write() as session:
            assignment.assign(session, lan, 1, nobody, "", NOW)
    assert traces(sqlite) == before
    held = next_of(sqlite, hoa)
    assert held is not None
    with pytest.raises(NotAReviewer), sqlite.write() as session:
        assignment.hand_over(session, hoa, held.case_id, held.token, hoa.id, "", NOW)
    with sqlite.read() as session:
        assert [user.name for user in assignment.people(session, hoa)] == ["Lan", "Minh"]
