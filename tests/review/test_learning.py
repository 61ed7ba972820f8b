"""What decisions teach: every pair of decisions by the rule, then real cases exported on both databases."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations, product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

import models
from review import decision, export, queue
from review.decision import Verdict
from review.errors import FileNotWritten, NotAllowed, ReasonNeeded
from review.export import Wanted, export_decisions
from review.learning import TEACHES, Opinion, Standing, consensus, row
from review.permissions import Person
from store.records import Records
from store.tables import Case, Decision, Event, Post
from store.vocabulary import CaseState, Outcome, Role
from tests.factory import HARMFUL, NOW, Place, person

VERDICTS = {
    Outcome.DISMISS: Verdict(Outcome.DISMISS, "không gây hại"),
    Outcome.PROTECTED: Verdict(Outcome.PROTECTED, "ý kiến riêng", act="opinion"),
    Outcome.CORRECT: Verdict(Outcome.CORRECT, "chữa trị sai", correction="Không đúng như vậy."),
    Outcome.REPORT: Verdict(Outcome.REPORT, reason="lừa tiền"),
}
HARMFUL_OUTCOMES = {Outcome.CORRECT, Outcome.REPORT}


def made(who: int, outcome: Outcome, harm: str = "cure", **more: object) -> Opinion:
    given_harm = harm if outcome in HARMFUL_OUTCOMES else None
    return replace(Opinion(who, outcome, "text", harm=given_harm), **more)  # type: ignore[arg-type]


def test_every_outcome_teaches_something_known() -> None:
    assert set(TEACHES) == set(Outcome)


@pytest.mark.parametrize(
    ("first", "second", "undone", "same_person", "same_harm"),
    list(product(Outcome, Outcome, (None, 0, 1), (True, False), (True, False))),
)
def test_every_pair_of_decisions(
    first: Outcome, second: Outcome, undone: int | None, same_person: bool, same_harm: bool
) -> None:
    pair = [made(1, first), made(1 if same_person else 2, second, "cure" if same_harm else "vaccine")]
    if undone is not None:
        pair[undone] = replace(pair[undone], undone=True)
        assert consensus(pair).standing is Standing.SINGLE
        stands = pair[1 - undone].outcome
        alone = consensus(pair, single=True)
        assert alone.standing is Standing.AGREED
        assert alone.people == 1
        assert alone.lesson is not None
        assert alone.lesson.harmful is (stands in HARMFUL_OUTCOMES)
        return
    found = consensus(pair)
    harmful = [outcome in HARMFUL_OUTCOMES for outcome in (first, second)]
    if harmful[0] != harmful[1] or (all(harmful) and not same_harm):
        assert found.standing is Standing.DISAGREEING
        assert consensus(pair, single=True).lesson is None
        return
    assert found.standing is (Standing.SINGLE if same_person else Standing.AGREED)
    if same_person:
        assert found.lesson is None
        return
    assert found.lesson is not None
    assert found.lesson.harmful is harmful[0]
    assert found.lesson.harm == ("cure" if harmful[0] else None)
    # Protection is in the lesson only where both told of it.
    both = Outcome.DISMISS not in {first, second}
    assert found.lesson.protected is ((not harmful[0]) if both else None)


def test_nothing_decided_and_all_taken_back_teach_nothing() -> None:
    assert consensus([], single=True).standing is Standing.EMPTY
    taken_back = [made(1, Outcome.DISMISS, undone=True), made(2, Outcome.DISMISS, undone=True)]
    assert consensus(taken_back, single=True).standing is Standing.UNDONE


def test_a_second_review_may_name_the_act_and_one_that_names_another_disagrees() -> None:
    first = made(1, Outcome.PROTECTED, act="satire")
    agreed = consensus([first, made(2, Outcome.PROTECTED, act="satire")])
    assert agreed.lesson is not None
    assert agreed.lesson.act == "satire"
    assert consensus([first, made(2, Outcome.PROTECTED, act="news")]).standing is Standing.DISAGREEING
    silent = consensus([first, made(2, Outcome.PROTECTED)])
    assert silent.lesson is not None
    assert silent.lesson.act is None


opinions = st.lists(
    st.builds(
        made,
        st.integers(1, 3),
        st.sampled_from(Outcome),
        st.sampled_from(["cure", "scam"]),
        undone=st.booleans(),
        act=st.sampled_from([None, "news", "claim"]),
    ),
    max_size=4,
)


@given(opinions)
def test_the_order_of_decisions_does_not_matter_and_single_only_adds(several: list[Opinion]) -> None:
    for single in (False, True):
        assert len({consensus(order, single=single) for order in permutations(several)}) == 1
    strict, lenient = consensus(several), consensus(several, single=True)
    assert strict == lenient or (strict.standing, lenient.standing) == (Standing.SINGLE, Standing.AGREED)
    if strict.lesson is not None:
        standing = [one for one in several if not one.undone]
        assert len({one.person for one in standing}) >= 2
        assert {one.outcome in HARMFUL_OUTCOMES for one in standing} == {strict.lesson.harmful}


def test_opinions_on_different_texts_are_never_put_together() -> None:
    with pytest.raises(ValueError, match="different texts"):
        consensus([made(1, Outcome.DISMISS), replace(made(2, Outcome.DISMISS), text="other")])


def test_a_row_says_what_people_judged_and_what_is_the_models_guess() -> None:
    scheme = models.labels()
    seen = {
        "about": 0.9,
        "acts": {act: 0.5 if act == "claim" else 0.3 if act == "satire" else 0.01 for act in scheme.acts},
        "harms": {harm: 0.4 if harm == "scam" else 0.1 for harm in scheme.harms},
    }

    def of(*outcomes: Outcome) -> dict[str, object]:
        agreed = consensus([made(i, outcome, "scam") for i, outcome in enumerate(outcomes)])
        return row(
            case=7, cluster=3, text="x", content_hash="ab" * 32, agreed=agreed, assessment=seen,
            decided="2026-11-20T00:00:00+00:00", policy="p1",
        )  # fmt: skip

    protected = of(Outcome.PROTECTED, Outcome.PROTECTED)
    assert (protected["act"], protected["protected"], protected["harm"]) == ("satire", True, [])
    assert protected["judged"] == ["harmful", "protected", "harm"]
    dismissed = of(Outcome.DISMISS, Outcome.PROTECTED)
    assert (dismissed["act"], dismissed["harmful"], dismissed["judged"]) == (
        "claim",
        False,
        ["harmful", "harm"],
    )
    harmful = of(Outcome.CORRECT, Outcome.REPORT)
    assert (harmful["harm"], harmful["harmful"], harmful["protected"]) == (["scam"], True, False)
    assert harmful["judged"] == ["harmful", "protected", "harm"]
    assert harmful["id"] == "d7-abababab"
    assert harmful["group"] == "cluster-3"


# ── real cases ──────────────────────────────────────────────────────────────


@pytest.fixture
def place(records: Records) -> Place:
    place = Place(records)
    place.take(*HARMFUL[:6])
    place.work()
    return place


@pytest.fixture
def lead(records: Records) -> Person:
    return person(records, "lan", Role.LEAD)


# What does not hang on how the database reads needs one of the two.
on_sqlite = pytest.mark.parametrize("records", ["sqlite"], indirect=True)


def decide(records: Records, who: Person, case_id: int, outcome: Outcome, at: datetime = NOW) -> int:
    with records.write() as session:
        held = queue.lease(session, who, case_id, at)
        case = session.get_one(Case, case_id)
        return decision.decide(
            session, who, case_id, held.version, held.token, case.content_hash, VERDICTS[outcome], at
        ).id


def again(records: Records, lead: Person, who: Person, case_id: int, outcome: Outcome) -> None:
    with records.write() as session:
        decision.reopen(session, lead, case_id, "xem lại", NOW)
    decide(records, who, case_id, outcome)


def exported(
    records: Records, lead: Person, target: Path, **how: object
) -> tuple[dict[str, int], list[dict]]:  # type: ignore[type-arg]
    raw = {name: how.pop(name) for name in ("raw", "reason") if name in how}
    counters = export_decisions(records, lead, target, Wanted(**how), **raw)  # type: ignore[arg-type]
    return counters, [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]


def test_only_what_two_people_agree_on_is_exported(
    records: Records, place: Place, lead: Person, tmp_path: Path
) -> None:
    hoa, minh = person(records, "hoa"), person(records, "minh")
    cases = [case.id for case in place.cases()]
    decide(records, hoa, cases[0], Outcome.CORRECT)
    again(records, lead, minh, cases[0], Outcome.REPORT)  # both say harmful
    decide(records, hoa, cases[1], Outcome.DISMISS)
    again(records, lead, minh, cases[1], Outcome.CORRECT)  # they disagree
    decide(records, hoa, cases[2], Outcome.PROTECTED)  # one alone
    made_id = decide(records, hoa, cases[3], Outcome.DISMISS)
    with records.write() as session:
        decision.undo(session, hoa, made_id, NOW)  # taken back
    decide(records, hoa, cases[4], Outcome.DISMISS)
    again(records, lead, hoa, cases[4], Outcome.DISMISS)  # the same person twice is one
    decide(records, hoa, cases[5], Outcome.DISMISS)
    with records.write() as session:
        decision.reopen(session, lead, cases[5], "xem lại", NOW)  # waits again

    counters, rows = exported(records, lead, tmp_path / "out.jsonl")
    assert counters == {
        "cases": 6, "exported": 1, "disagreeing": 1, "single": 2, "undone": 1, "open": 1, "edited": 0,
        "earlier": 0,
        "empty": 0, "privacy": 0,
    }  # fmt: skip
    (one,) = rows
    with records.read() as session:
        case = session.get_one(Case, cases[0])
        text = session.get_one(Post, case.post_id).text
        assert one["group"] == f"cluster-{case.cluster_id}"
    assert one["harmful"] is True
    assert one["harm"] == [case.harm]
    assert one["text"] == text
    assert one["people"] == 2
    assert one["source"] == "decisions"
    assert one["policy"]

    counters, rows = exported(records, lead, tmp_path / "out.jsonl", single=True)
    assert counters["exported"] == len(rows) == 3
    assert counters["single"] == 0
    assert {row["id"].split("-")[0] for row in rows} == {f"d{cases[0]}", f"d{cases[2]}", f"d{cases[4]}"}


@on_sqlite
def test_the_rows_can_be_trained_on(records: Records, place: Place, lead: Person, tmp_path: Path) -> None:
    from classifier.training.data import labelled

    for case in place.cases():
        decide(records, lead, case.id, Outcome.CORRECT)
    exported(records, lead, tmp_path / "out.jsonl", single=True)
    data = labelled(tmp_path / "out.jsonl", written=False)
    assert len(data.texts) == 6
    assert data.targets[:, -1].all()


def test_what_is_exported_reaches_nobody_and_leaves_its_trace(
    records: Records, lead: Person, tmp_path: Path
) -> None:
    place = Place(records)
    told = "Thuốc nam đặc trị F0 khỏi hẳn, gọi 0912 345 678, stk 0000 1234 5678, nhắn @co_ba_thuoc giá 900k"
    place.take(told)
    place.work()
    (case,) = place.cases()
    decide(records, lead, case.id, Outcome.REPORT)
    target = tmp_path / "out.jsonl"

    _, (row,) = exported(records, lead, target, single=True)
    assert row["text"] == "Thuốc nam đặc trị F0 khỏi hẳn, gọi <PHONE>, stk <ACCOUNT>, nhắn <USER> giá 900k"
    assert target.stat().st_mode & 0o777 == 0o600
    with records.read() as session:
        post = session.scalars(select(Post)).one()
        assert post.author
        assert post.author not in target.read_text()
    assert "tên_người_viết" not in target.read_text()
    with pytest.raises(ReasonNeeded):
        exported(records, lead, target, single=True, raw=True, reason="  ")
    _, (row,) = exported(records, lead, target, single=True, raw=True, reason="huấn luyện dấu hiệu lừa đảo")
    assert row["text"] == told

    with records.read() as session:
        events = session.scalars(
            select(Event).where(Event.subject == "export:texts").order_by(Event.id)
        ).all()
        details = [json.loads(event.detail) for event in events]
    assert [event.action for event in events] == ["decisions.started", "decisions.exported"] * 2
    assert {event.actor for event in events} == {lead.actor}
    assert details[3]["reason"] == "huấn luyện dấu hiệu lừa đảo"
    assert details[3]["raw"] is True
    assert details[1]["raw"] is False
    assert details[1]["counters"]["exported"] == 1
    assert len(details[1]["sha256"]) == 64


@on_sqlite
def test_others_than_leads_export_nothing(records: Records, place: Place, tmp_path: Path) -> None:
    for role in (Role.REVIEWER, Role.AUDITOR, Role.LIAISON):
        with pytest.raises(NotAllowed):
            exported(records, person(records, role.value, role), tmp_path / "out.jsonl")
    assert not list(tmp_path.glob("out*"))
    with records.read() as session:
        assert not session.scalars(select(Event).where(Event.subject == "export:texts")).all()


@on_sqlite
def test_a_file_that_cannot_be_written_is_a_clear_error_and_leaves_none(
    records: Records, place: Place, lead: Person, tmp_path: Path
) -> None:
    with pytest.raises(FileNotWritten, match="nowhere"):
        exported(records, lead, tmp_path / "nowhere" / "out.jsonl")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileNotWritten):
        exported(records, lead, tmp_path / "folder")
    assert list(tmp_path.glob("*.part")) == []
    with records.read() as session:
        # The second event of a file that did not come to be is not there either.
        actions = session.scalars(select(Event.action).where(Event.subject == "export:texts")).all()
    assert actions == ["decisions.started"]


def test_an_edited_text_is_another_text(records: Records, place: Place, lead: Person, tmp_path: Path) -> None:
    from classifier.policy import load_policy
    from kiemtin.work.crew import Crew
    from tests.factory import scoring

    case = place.cases()[0]
    decide(records, lead, case.id, Outcome.CORRECT)
    with records.read() as session:
        post = session.get_one(Post, case.post_id)
        before, key = post.text, post.key
    place.take("Lịch tiêm của phường vào sáng thứ hai, mang theo giấy tờ tùy thân nhé bà con.", keys=[key])
    Crew(records, [scoring(records, load_policy())]).until_idle()

    counters, rows = exported(records, lead, tmp_path / "out.jsonl", single=True)
    assert (counters["edited"], rows) == (1, [])
    counters, rows = exported(records, lead, tmp_path / "out.jsonl", single=True, all_versions=True)
    assert [row["text"] for row in rows] == [before]


def test_since_counts_the_moment_of_the_decision(
    records: Records, place: Place, lead: Person, tmp_path: Path
) -> None:
    first, second = [case.id for case in place.cases()][:2]
    decide(records, lead, first, Outcome.DISMISS, NOW - timedelta(days=10))
    decide(records, lead, second, Outcome.DISMISS, NOW)
    counters, rows = exported(
        records, lead, tmp_path / "out.jsonl", single=True, since=NOW - timedelta(days=1)
    )
    assert [row["id"].split("-")[0] for row in rows] == [f"d{second}"]
    assert counters["earlier"] == 1


@on_sqlite
def test_a_text_that_is_gone_is_counted_and_the_run_goes_on(
    records: Records, place: Place, lead: Person, tmp_path: Path
) -> None:
    first, second = [case.id for case in place.cases()][:2]
    decide(records, lead, first, Outcome.DISMISS)
    decide(records, lead, second, Outcome.DISMISS)
    with records.write() as session:
        gone = session.scalars(select(Decision).where(Decision.case_id == first)).one()
        session.execute(
            update(Decision).where(Decision.id == gone.id).values(snapshot={**gone.snapshot, "text": ""})
        )
    counters, rows = exported(records, lead, tmp_path / "out.jsonl", single=True)
    assert counters["empty"] == 1
    assert [row["id"].split("-")[0] for row in rows] == [f"d{second}"]


def test_pages_of_cases_join_without_a_gap(
    records: Records, place: Place, lead: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_PAGE", 2)
    ids = sorted(case.id for case in place.cases())
    for case_id in ids:
        decide(records, lead, case_id, Outcome.DISMISS)
    with records.read() as session:
        assert [case_id for case_id, _ in export.decided(session, Wanted())] == ids
        assert [case_id for case_id, _ in export.decided(session, Wanted(), newest_first=True)] == ids[::-1]
        assert export.count(session) == len(ids)
        states = set(session.scalars(select(Case.state)))
    assert states == {CaseState.DECIDED}
