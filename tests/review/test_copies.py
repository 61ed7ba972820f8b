"""Near copies: nothing covers them until a person says so; cases alike are decided one by one, at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from review import alike, case_page, copies, decision, notes, queue
from review.alike import NotAlike, NothingToRepeat, Seen, UnderReferral
from review.case import get
from review.copies import CaseDecided, NoSuchCopy
from review.decision import Verdict
from review.errors import CaseChanged, CaseTaken, NotAllowed, ReviewError
from review.export import Wanted, export_decisions
from review.notes import EmptyNote
from review.permissions import Person
from store.case_tables import CopyMark, Note
from store.records import Records
from store.tables import Activity, Case, Cluster, Decision, Event, Post
from store.vocabulary import CaseState, CopyVerdict, Outcome, Role
from tests.factory import HARMFUL, NOW, Place, person
from tests.referable import allow, propose

SHOWN = HARMFUL[0]
NEAR = f"{SHOWN} Bà con nhớ nhé"
NEARER = f"{SHOWN} Nhớ nhé!"
SAME, DIFFERENT = CopyVerdict.SAME, CopyVerdict.DIFFERENT
DISMISS = Verdict(Outcome.DISMISS, "không gây hại")


@pytest.fixture
def place(sqlite: Records) -> Place:
    """One case: a text twice, a near copy of it three times, and another near copy; and a case apart."""
    made = Place(sqlite)
    made.take(SHOWN, HARMFUL[1], keys=["a", "d"])
    made.work()
    made.take(SHOWN, NEAR, NEAR, NEAR, NEARER, keys=["a2", "b", "b2", "b3", "c"])
    made.work()
    return made


@pytest.fixture
def hoa(place: Place) -> Person:
    return person(place.records, "hoa")


@pytest.fixture
def minh(place: Place) -> Person:
    return person(place.records, "minh")


@pytest.fixture
def case(place: Place) -> Case:
    """The case of the copies."""
    with place.records.read() as session:
        found = session.scalar(
            select(Case).join(Cluster, Cluster.id == Case.cluster_id).where(Cluster.size == 6)
        )
    assert found is not None
    return found


def hashes(records: Records, case: Case) -> dict[str, str]:
    """Return the content hash of each text of the case's cluster that is not shown."""
    with records.read() as session:
        return {variant.text: variant.content_hash for variant in copies.variants(session, case)}


def taken(records: Records, who: Person, case_id: int) -> queue.Lease:
    with records.write() as session:
        return queue.lease(session, who, case_id, NOW)


def decide(records: Records, who: Person, lease: queue.Lease, verdict: Verdict = DISMISS) -> Decision:
    with records.write() as session:
        seen = get(session, lease.case_id).content_hash
        return decision.decide(session, who, lease.case_id, lease.version, lease.token, seen, verdict, NOW)


def marked(records: Records, who: Person, case: Case, copy: str, verdict: CopyVerdict | None = SAME) -> None:
    with records.write() as session:
        copies.mark(session, who, case.id, copy, verdict, NOW)


def traces(records: Records) -> tuple[int, ...]:
    with records.read() as session:
        return tuple(
            session.scalar(select(func.count()).select_from(table)) or 0
            for table in (Activity, Event, CopyMark, Decision, Case, Cluster, Note)
        )


def refused(records: Records, kind: type[ReviewError], act: Callable[[], object]) -> None:
    """Expect a refusal that leaves no trace."""
    before = traces(records)
    with pytest.raises(kind):
        act()
    assert traces(records) == before


def test_a_decision_covers_exact_copies_and_leaves_near_ones_open(
    place: Place, case: Case, hoa: Person
) -> None:
    records = place.records
    made = decide(records, hoa, taken(records, hoa, case.id))
    with records.read() as session:
        ids = {post.key: post.id for post in session.scalars(select(Post))}
        waiting = copies.waiting(session, hoa)
    assert made.snapshot["copies"] == sorted(ids[key] for key in ("a", "a2"))
    assert made.snapshot["uncovered"] == sorted(ids[key] for key in ("b", "b2", "b3", "c"))
    assert [(found.id, posts) for found, posts in waiting] == [(case.id, 4)]


def test_confirmed_copies_are_covered_and_different_ones_are_not(
    place: Place, case: Case, hoa: Person
) -> None:
    records = place.records
    variants = hashes(records, case)
    assert len(variants) == 2
    first, second = variants.values()
    lease = taken(records, hoa, case.id)
    marked(records, hoa, case, first)
    marked(records, hoa, case, second, DIFFERENT)
    made = decide(records, hoa, lease)
    with records.read() as session:
        texts = dict(
            session.execute(
                select(Post.id, Post.content_hash).where(Post.cluster_id == case.cluster_id)
            ).all()
        )
        assert copies.waiting(session, hoa) == []
        shown = case_page.load(session, hoa, case.id)
    assert {texts[i] for i in made.snapshot["copies"]} == {case.content_hash, first}
    assert {texts[i] for i in made.snapshot["uncovered"]} == {second}
    assert {v.content_hash: v.standing for v in shown.variants} == {first: "same", second: "different"}
    assert shown.waiting == 0
    assert {"copy_same", "copy_different"} <= {line.what for line in shown.activity}


def test_a_mark_is_of_two_texts_and_falls_when_one_is_edited(place: Place, case: Case, hoa: Person) -> None:
    records = place.records
    marked(records, hoa, case, hashes(records, case)[NEARER])
    place.take(f"{NEARER} Gửi cả nhà", keys=["c"])
    place.work()
    with records.read() as session:
        page = case_page.load(session, hoa, case.id)
    assert all(variant.standing == "suggested" for variant in page.variants)


def test_who_may_sort_copies_and_when(place: Place, case: Case, hoa: Person, minh: Person) -> None:
    records = place.records
    copy = next(iter(hashes(records, case).values()))
    lead = person(records, "lan", Role.LEAD)
    auditor = person(records, "tú", Role.AUDITOR)
    marked(records, minh, case, copy)
    marked(records, minh, case, copy, None)
    lease = taken(records, hoa, case.id)
    for who, kind in ((minh, CaseTaken), (lead, CaseTaken), (auditor, NotAllowed)):
        refused(records, kind, lambda who=who: marked(records, who, case, copy))
        refused(records, kind, lambda who=who: parted(records, who, case, copy))
    refused(records, NoSuchCopy, lambda: marked(records, hoa, case, "0" * 64))
    refused(records, NoSuchCopy, lambda: marked(records, hoa, case, case.content_hash))
    decide(records, hoa, lease)
    refused(records, CaseDecided, lambda: marked(records, hoa, case, copy))
    marked(records, minh, case, copy, DIFFERENT)


def parted(records: Records, who: Person, case: Case, copy: str) -> int:
    with records.write() as session:
        return copies.split(session, who, case.id, copy, NOW)


def test_a_copy_gets_a_case_of_its_own_and_later_copies_follow_it(
    place: Place, case: Case, hoa: Person
) -> None:
    records = place.records
    copy = hashes(records, case)[NEAR]
    decide(records, hoa, taken(records, hoa, case.id))
    new = parted(records, hoa, case, copy)
    with records.read() as session:
        made = get(session, new)
        assert (made.state, made.content_hash) == (CaseState.QUEUED, copy)
        assert session.get_one(Cluster, made.cluster_id).size == 3
        assert session.get_one(Cluster, case.cluster_id).size == 3
        assert get(session, case.id).state == CaseState.DECIDED
    place.take(NEAR, SHOWN, keys=["later", "later too"])
    with records.read() as session:
        of = {p.key: p.cluster_id for p in session.scalars(select(Post).where(Post.key.startswith("later")))}
    assert of == {"later": made.cluster_id, "later too": case.cluster_id}


def test_cases_that_say_the_same_are_decided_as_one_was(place: Place, case: Case, hoa: Person) -> None:
    records = place.records
    other = next(one for one in place.cases() if one.id != case.id)
    new = parted(records, hoa, case, hashes(records, case)[NEAR])
    with records.read() as session:
        theirs = get(session, new)
        found = [one.id for one in alike.candidates(session, hoa, case.id, NOW)]
    assert new in found
    seen = Seen(new, theirs.version, theirs.content_hash)

    def repeat(*chosen: Seen, who: Person = hoa) -> list[Decision]:
        with records.write() as session:
            return alike.decide_like(session, who, case.id, chosen, NOW)

    refused(records, NothingToRepeat, lambda: repeat(seen))
    first = decide(records, hoa, taken(records, hoa, case.id))
    apart = Seen(other.id, other.version, other.content_hash)
    refused(records, NotAlike, lambda: repeat(seen, apart))
    refused(records, CaseChanged, lambda: repeat(Seen(new, theirs.version + 1, theirs.content_hash)))
    refused(records, CaseChanged, lambda: repeat(Seen(new, theirs.version, "0" * 64)))
    refused(records, NothingToRepeat, lambda: repeat(seen, who=person(records, "an")))
    refused(records, NotAllowed, lambda: repeat(seen, who=person(records, "tú", Role.AUDITOR)))
    minh = person(records, "minh")
    held = taken(records, minh, new)
    refused(records, CaseTaken, lambda: repeat(seen))
    with records.write() as session:
        queue.release(session, minh, new, held.token, NOW)
        seen = Seen(new, get(session, new).version, theirs.content_hash)
    (made,) = repeat(seen)
    assert (made.outcome, made.reason) == (first.outcome, f"{first.reason} (như ca {case.id})")
    assert made.snapshot["content_hash"] == theirs.content_hash
    with records.write() as session:
        assert decision.undo(session, hoa, made.id, NOW + timedelta(seconds=5)).case_id == new


def test_a_case_under_referral_is_never_decided_with_others(place: Place, hoa: Person) -> None:
    records = place.records
    first, second = place.cases()[:2]
    allow(records, second.id)
    propose(records, hoa, second)
    decide(records, hoa, taken(records, hoa, first.id))
    seen = Seen(second.id, second.version, second.content_hash)

    def repeat() -> None:
        with records.write() as session:
            alike.decide_like(session, hoa, first.id, [seen], NOW)

    refused(records, UnderReferral, repeat)


def test_notes_stay_among_reviewers(place: Place, case: Case, hoa: Person, tmp_path: Path) -> None:
    records = place.records
    words = "hỏi lại trạm y tế phường nhé"
    with records.write() as session:
        notes.add(session, hoa, case.id, f"  {words} ", NOW)
        notes.add(session, hoa, case.id, "đã hỏi", NOW)
    auditor = person(records, "tú", Role.AUDITOR)
    with records.read() as session:
        assert [note.text for note in notes.of_case(session, hoa, case.id)] == [words, "đã hỏi"]
        assert case_page.load(session, auditor, case.id).notes == ()
        with pytest.raises(NotAllowed):
            notes.of_case(session, auditor, case.id)
    for wrong in ("  ", "x" * (notes.LONGEST + 1)):
        refused(records, EmptyNote, lambda wrong=wrong: noted(records, hoa, case, wrong))
    refused(records, NotAllowed, lambda: noted(records, auditor, case, "x"))
    made = decide(records, hoa, taken(records, hoa, case.id), Verdict(Outcome.REPORT, "lừa đảo"))
    export_decisions(records, person(records, "lan", Role.LEAD), tmp_path / "d.jsonl", Wanted(single=True))
    with records.read() as session:
        told = [event.detail for event in session.scalars(select(Event))]
    assert words not in (tmp_path / "d.jsonl").read_text()
    assert words not in str(made.snapshot)
    assert not any(words in detail for detail in told)
    assert any(event for event in told if '"note"' in event)


def noted(records: Records, who: Person, case: Case, words: str) -> None:
    with records.write() as session:
        notes.add(session, who, case.id, words, NOW)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE note SET text = 'khác'",
        "DELETE FROM note",
        "INSERT INTO copy_mark SELECT case_id, shown, shown, verdict, user_id, at FROM copy_mark",
        "UPDATE copy_mark SET verdict = 'maybe'",
        "INSERT INTO decision (case_id, case_version, user_id, outcome, reason, correction, policy, snapshot,"
        " snapshot_sha256, at) SELECT id, 99, 1, 'dismiss', ' ', '', 'p', '{}', 'x', opened_at FROM \"case\"",
    ],
)
def test_the_database_keeps_notes_marks_and_reasons(records: Records, statement: str) -> None:
    place = Place(records)
    place.take(SHOWN, keys=["a"])
    place.work()
    place.take(NEARER, keys=["b"])
    hoa = person(records, "hoa")
    (case,) = place.cases()
    noted(records, hoa, case, "ghi")
    marked(records, hoa, case, next(iter(hashes(records, case).values())))
    with pytest.raises(DBAPIError), records.write() as session:
        session.execute(text(statement))
