"""The desk on both databases: leases, decisions, undo; each change leaves its activity and audit rows."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from review import case_page, decision, queue
from review.case import get
from review.decision import ActNeeded, ClaimNotShown, Verdict
from review.errors import (
    CaseChanged,
    CaseTaken,
    CorrectionNeeded,
    IllegalMove,
    LeaseLost,
    NoSuchCase,
    NotAllowed,
    ReasonNeeded,
    ReviewError,
    UndoTooLate,
)
from review.permissions import Person
from store import audit
from store.records import Records
from store.tables import Activity, Case, Decision, Event, Post
from store.vocabulary import CaseState, Outcome, Role
from tests.factory import HARMFUL, HARMLESS, NOW, Place, person

DISMISS = Verdict(Outcome.DISMISS, "không gây hại")


@pytest.fixture
def place(records: Records) -> Place:
    made = Place(records)
    made.take(*HARMFUL[:3], HARMLESS)
    made.work()
    return made


@pytest.fixture
def hoa(records: Records) -> Person:
    return person(records, "hoa")


@pytest.fixture
def minh(records: Records) -> Person:
    return person(records, "minh")


@pytest.fixture
def lead(records: Records) -> Person:
    return person(records, "lan", Role.LEAD)


def lease(records: Records, who: Person, at: object = NOW, lane: str = queue.ALL) -> queue.Lease | None:
    with records.write() as session:
        return queue.lease_next(session, who, lane, at)  # type: ignore[arg-type]


def must_lease(records: Records, who: Person, at: object = NOW) -> queue.Lease:
    found = lease(records, who, at)
    assert found is not None
    return found


def decide(
    records: Records,
    who: Person,
    held: queue.Lease,
    verdict: Verdict = DISMISS,
    at: object = NOW,
    **changes: object,
) -> Decision:
    with records.write() as session:
        given = {
            "version": held.version,
            "token": held.token,
            "seen": get(session, held.case_id).content_hash,
        } | changes
        return decision.decide(session, who, held.case_id, verdict=verdict, at=at, **given)  # type: ignore[arg-type]


def count(records: Records, table: type, *where: object) -> int:
    with records.read() as session:
        return session.scalar(select(func.count()).select_from(table).where(*where)) or 0  # type: ignore[arg-type]


def traces(records: Records) -> tuple[int, int]:
    return count(records, Activity), count(records, Event)


def test_only_what_is_flagged_or_uncertain_becomes_a_case(place: Place) -> None:
    assert len(place.cases()) == 3
    assert all(case.state == CaseState.QUEUED for case in place.cases())


def test_the_queue_gives_the_highest_priority_first(place: Place, hoa: Person) -> None:
    assert must_lease(place.records, hoa).case_id == place.cases()[0].id


def test_a_second_reviewer_cannot_take_a_leased_case(place: Place, hoa: Person, minh: Person) -> None:
    first, second = must_lease(place.records, hoa), must_lease(place.records, minh)
    assert first.case_id != second.case_id
    with pytest.raises(CaseTaken), place.records.write() as session:
        queue.lease(session, minh, first.case_id, NOW)
    with place.records.write() as session:
        queue.release(session, hoa, first.case_id, first.token, NOW)
        queue.release(session, minh, second.case_id, second.token, NOW)
    assert must_lease(place.records, minh).case_id == first.case_id


def test_reviewers_who_ask_at_once_never_get_the_same_case(place: Place) -> None:
    people = [person(place.records, f"r{i}") for i in range(6)]
    got: list[queue.Lease | None] = []
    threads = [
        threading.Thread(target=lambda who=who: got.append(lease(place.records, who))) for who in people
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [one.case_id for one in got if one is not None]
    assert len(taken) == len(set(taken)) == 3


def test_asking_again_gives_the_case_one_holds(place: Place, hoa: Person) -> None:
    assert must_lease(place.records, hoa) == must_lease(place.records, hoa)


def test_an_expired_lease_goes_to_the_next_who_asks(place: Place, hoa: Person, minh: Person) -> None:
    first = must_lease(place.records, hoa)
    later = NOW + queue.LEASE + timedelta(seconds=1)
    assert must_lease(place.records, minh, later).case_id == first.case_id
    with pytest.raises(LeaseLost):
        decide(place.records, hoa, first, at=later)
    assert count(place.records, Activity, Activity.what == "expired") == 1


def test_the_worker_queues_expired_leases_again(place: Place, hoa: Person) -> None:
    must_lease(place.records, hoa)
    with place.records.write() as session:
        assert queue.expire(session, NOW) == 0
        assert queue.expire(session, NOW + queue.LEASE) == 1
    assert place.cases()[0].state == CaseState.QUEUED


def test_renewing_holds_a_case_longer(place: Place, hoa: Person) -> None:
    held = must_lease(place.records, hoa)
    with place.records.write() as session:
        renewed = queue.renew(session, hoa, held.case_id, held.token, NOW + timedelta(minutes=9))
    assert renewed.until == NOW + timedelta(minutes=9) + queue.LEASE
    decide(place.records, hoa, renewed, at=NOW + timedelta(minutes=15))


def test_a_decision_keeps_what_was_seen_and_leaves_its_traces(place: Place, hoa: Person) -> None:
    held = must_lease(place.records, hoa)
    activities, events = traces(place.records)
    made = decide(
        place.records, hoa, held, Verdict(Outcome.CORRECT, "chữa trị sai", "Tỏi không diệt được vi rút.")
    )
    assert traces(place.records) == (activities + 1, events + 1)
    assert made.snapshot["text"] in HARMFUL
    assert made.snapshot["assessment"]["why"]["children"]
    assert decision.snapshot_hash(made.snapshot) == made.snapshot_sha256
    with place.records.read() as session:
        assert session.scalars(select(Event).order_by(Event.id.desc())).first().action == "case.decided"  # type: ignore[union-attr]
        assert audit.verify(session).ok


def test_a_doubled_key_press_decides_once(place: Place, hoa: Person) -> None:
    held = must_lease(place.records, hoa)
    decide(place.records, hoa, held)
    before = traces(place.records)
    with pytest.raises(IllegalMove):
        decide(place.records, hoa, held)
    assert traces(place.records) == before
    assert count(place.records, Decision) == 1


@pytest.mark.parametrize("wrong", [{"token": "x"}, {"version": 99}, {"seen": "0" * 64}])
def test_a_decision_on_something_else_than_was_shown_records_nothing(
    place: Place, hoa: Person, wrong: dict[str, object]
) -> None:
    held = must_lease(place.records, hoa)
    before = traces(place.records)
    with pytest.raises((LeaseLost, CaseChanged)):
        decide(place.records, hoa, held, **wrong)
    assert traces(place.records) == before
    assert count(place.records, Decision) == 0


def test_an_edit_that_scoring_has_not_reached_yet_stops_the_decision(place: Place, hoa: Person) -> None:
    held = must_lease(place.records, hoa)
    with place.records.read() as session:
        key = session.get_one(Post, get(session, held.case_id).post_id).key
    place.take("Bài này tôi đã sửa lại hoàn toàn, xin lỗi mọi người vì tin sai hôm qua.", keys=[key])
    with pytest.raises(CaseChanged):
        decide(place.records, hoa, held)


def test_an_edited_post_comes_back_if_its_new_text_is_flagged(place: Place, hoa: Person) -> None:
    held = must_lease(place.records, hoa)
    with place.records.read() as session:
        key = session.get_one(Post, get(session, held.case_id).post_id).key
    decide(place.records, hoa, held)
    place.take(HARMFUL[5], keys=[key])
    place.work()
    with place.records.read() as session:
        case = get(session, held.case_id)
        assert case.state == CaseState.QUEUED
        assert session.get_one(Post, case.post_id).content_hash == case.content_hash
    assert count(place.records, Activity, Activity.what == "reopened") == 1


def test_a_new_copy_of_a_decided_case_changes_nothing(place: Place, hoa: Person) -> None:
    held = must_lease(place.records, hoa)
    with place.records.read() as session:
        text = session.get_one(Post, get(session, held.case_id).post_id).text
    decide(place.records, hoa, held)
    place.take(text, keys=["copy"])
    place.work()
    with place.records.read() as session:
        assert get(session, held.case_id).state == CaseState.DECIDED
    assert len(place.cases()) == 3


def test_undo_gives_the_case_back_to_its_reviewer(place: Place, hoa: Person) -> None:
    held = must_lease(place.records, hoa)
    made = decide(place.records, hoa, held)
    with place.records.write() as session:
        again = decision.undo(session, hoa, made.id, NOW + timedelta(seconds=29))
    assert again.case_id == held.case_id
    protected = Verdict(Outcome.PROTECTED, "lời kể", act="testimony")
    decide(place.records, hoa, again, protected, NOW + timedelta(seconds=29))
    assert count(place.records, Decision, Decision.undone_at.is_not(None)) == 1


def test_undo_comes_too_late_after_thirty_seconds_and_once_only(
    place: Place, hoa: Person, minh: Person
) -> None:
    made = decide(place.records, hoa, must_lease(place.records, hoa))
    with pytest.raises(UndoTooLate), place.records.write() as session:
        decision.undo(session, hoa, made.id, NOW + timedelta(seconds=31))
    with pytest.raises(NotAllowed), place.records.write() as session:
        decision.undo(session, minh, made.id, NOW)
    with place.records.write() as session:
        decision.undo(session, hoa, made.id, NOW)
    with pytest.raises(UndoTooLate), place.records.write() as session:
        decision.undo(session, hoa, made.id, NOW)


def test_an_escalated_case_is_for_the_lead(place: Place, hoa: Person, minh: Person, lead: Person) -> None:
    held = must_lease(place.records, hoa)
    with place.records.write() as session:
        seen = get(session, held.case_id).content_hash
        decision.escalate(session, hoa, held.case_id, held.version, held.token, seen, "cần bác sĩ xem", NOW)
    escalated = queue.Lease(held.case_id, held.version + 1, "", NOW)
    with pytest.raises(NotAllowed):
        decide(place.records, minh, escalated)
    decide(place.records, lead, escalated)
    with pytest.raises(NotAllowed), place.records.write() as session:
        decision.reopen(session, minh, held.case_id, "xem lại", NOW)
    with place.records.write() as session:
        decision.reopen(session, lead, held.case_id, "xem lại", NOW)
    assert {case.state for case in place.cases()} == {CaseState.QUEUED}


def test_a_skipped_case_does_not_come_back_in_the_shift(place: Place, hoa: Person, minh: Person) -> None:
    held = must_lease(place.records, hoa)
    with pytest.raises(ReasonNeeded), place.records.write() as session:
        queue.skip(session, hoa, held.case_id, held.token, "  ", NOW)
    with place.records.write() as session:
        queue.skip(session, hoa, held.case_id, held.token, "cần đọc thêm", NOW)
    assert must_lease(place.records, hoa).case_id != held.case_id
    assert must_lease(place.records, minh).case_id == held.case_id
    later = NOW + queue.SKIPPED_FOR + timedelta(hours=1)
    assert must_lease(place.records, person(place.records, "x"), later) is not None


def test_looking_on_walks_the_lane_and_wraps_at_its_end(place: Place, hoa: Person) -> None:
    held: queue.Lease | None = must_lease(place.records, hoa)
    walked = []
    for _ in range(4):
        assert held is not None
        walked.append(held.case_id)
        with place.records.write() as session:
            queue.release(session, hoa, held.case_id, held.token, NOW)
            held = queue.lease_after(session, hoa, queue.ALL, NOW, held.case_id)
    assert walked == [case.id for case in place.cases()] + [place.cases()[0].id]


def test_outcomes_that_need_words_ask_for_them(place: Place, hoa: Person) -> None:
    held = must_lease(place.records, hoa)
    for outcome in Outcome:
        with pytest.raises(ReasonNeeded):
            decide(place.records, hoa, held, Verdict(outcome, " ", "không đúng", "opinion"))
    with pytest.raises(CorrectionNeeded):
        decide(place.records, hoa, held, Verdict(Outcome.CORRECT, "chữa trị sai"))
    for act in ("", "claim", "ad", "nothing"):
        with pytest.raises(ActNeeded):
            decide(place.records, hoa, held, Verdict(Outcome.PROTECTED, "vì thế", act=act))
    with pytest.raises(ClaimNotShown):
        decide(place.records, hoa, held, Verdict(Outcome.CORRECT, "vì thế", "không đúng", claim_id="no-such"))
    decide(place.records, hoa, held, Verdict(Outcome.REPORT, "bán thuốc giả"))


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.LIAISON])
def test_who_may_only_read_changes_nothing(place: Place, role: Role) -> None:
    who = person(place.records, "khách", role)
    before = traces(place.records)
    with pytest.raises(NotAllowed):
        lease(place.records, who)
    with pytest.raises(NotAllowed), place.records.write() as session:
        queue.lease(session, who, place.cases()[0].id, NOW)
    assert traces(place.records) == before


def test_lanes_count_what_waits(place: Place, hoa: Person) -> None:
    with place.records.read() as session:
        before = queue.lanes(session, hoa, NOW)
    assert before[queue.ALL] == 3
    assert sum(n for lane, n in before.items() if lane not in {queue.ALL, queue.MINE, queue.ESCALATED}) == 3
    must_lease(place.records, hoa)
    with place.records.read() as session:
        after = queue.lanes(session, hoa, NOW)
    assert (after[queue.ALL], after[queue.MINE]) == (2, 1)


def test_a_case_page_takes_the_same_number_of_queries_however_many_copies(place: Place, hoa: Person) -> None:
    from sqlalchemy import event

    place.take(*[HARMFUL[0]] * 40, keys=[f"c{i}" for i in range(40)])
    place.work()
    case_id = next(case.id for case in place.cases())
    with place.records.read() as session:
        big = session.scalar(
            select(Case.id)
            .join(Post, Post.cluster_id == Case.cluster_id)
            .group_by(Case.id)
            .order_by(func.count().desc())
        )
    seen: list[str] = []
    event.listen(place.records.engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
    with place.records.read() as session:
        case_page.load(session, hoa, case_id)
    small_count = len(seen)
    seen.clear()
    with place.records.read() as session:
        page = case_page.load(session, hoa, big or 0)
    assert page.copies_total == 40
    assert len(seen) == small_count


def test_there_is_no_page_of_a_case_that_is_not_there(place: Place, hoa: Person) -> None:
    with pytest.raises(NoSuchCase), place.records.read() as session:
        case_page.load(session, hoa, 99)


def test_every_refusal_says_something() -> None:
    def kinds(kind: type[ReviewError]) -> list[type[ReviewError]]:
        return [kind, *(k for sub in kind.__subclasses__() for k in kinds(sub))]

    for kind in kinds(ReviewError)[1:]:
        assert kind.template.strip()
