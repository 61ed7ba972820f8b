"""A switch of policy reaches the stations at once: undecided posts are judged again without the model, decided ones never."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import delete, select, text

import models
from classifier.assess import Assessment, assess
from classifier.model import Model, Scores, Span
from classifier.policy import Policy, parse
from classifier.policy_edit import revised
from kiemtin import given_policy
from kiemtin.work.score import Scoring
from kiemtin.work.station import Resting
from review import decision, queue
from review.case import get
from review.decision import Verdict
from review.errors import CaseChanged
from review.permissions import Person
from store import audit, policies, recorded, tables, tasks
from store.recorded import Range
from store.records import Records
from store.tables import Activity, Case, Cluster, Post
from store.vocabulary import CaseState, Outcome, TaskKind
from store.work_tables import Task
from tests.factory import HARMFUL, HARMLESS, NOW, Place, model, person, scoring
from tests.kiemtin.program import wait_for

FIRST = models.read_text("policy.yaml")
STRICT = revised(FIRST, "thử-2", {"flag": 0.97, "uncertain": 0.3}, "ít cờ hơn")


class Spared:
    """The shipped model, which must not be asked for scores again."""

    name = model().name

    def score(self, texts: Sequence[str]) -> Scores:
        raise AssertionError("the model ran")

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise AssertionError("the model ran")

    def spans(self, text: str, limit: int = 8) -> tuple[Span, ...]:
        return model().spans(text, limit)


def switch(records: Records, said: str = STRICT) -> policies.Switched:
    with records.write() as session:
        return policies.switch(session, parse(said).version, said, actor="system", reason="thử", at=NOW)


def present(records: Records) -> dict[int, tables.Assessment]:
    """Return the assessment that each post shows."""
    with records.read() as session:
        rows = session.scalars(
            select(tables.Assessment).join(Post, Post.assessment_id == tables.Assessment.id)
        )
        return {row.post_id: row for row in rows}


def score(records: Records, scorer: Model | None = None) -> Scoring:
    """Do all scoring owed, and return the station."""
    station = scoring(records, scorer=scorer)
    while station.once():
        pass
    return station


def placed(records: Records) -> Place:
    made = Place(records)
    given_policy.begin(records, None)
    made.take(*HARMFUL[:8], HARMLESS)
    score(records)
    return made


@pytest.fixture
def place(records: Records) -> Place:
    """Nine posts, scored by the first policy, on both databases."""
    return placed(records)


@pytest.fixture
def here(sqlite: Records) -> Place:
    """The same on SQLite alone, where nothing depends on the database."""
    return placed(sqlite)


def decide(records: Records, who: Person, case_id: int, outcome: Outcome = Outcome.PROTECTED) -> None:
    with records.write() as session:
        held = queue.lease(session, who, case_id, NOW)
        seen = get(session, case_id).content_hash
        verdict = Verdict(outcome, "vì thế", "không đúng", "opinion")
        decision.decide(session, who, case_id, held.version, held.token, seen, verdict, NOW)


def test_undecided_posts_are_judged_again_without_the_model_as_if_it_had_run(place: Place) -> None:
    records = place.records
    before = present(records)
    assert switch(records).owed == len(before) == 9
    station = score(records, Spared())
    assert station.hand.counters["score/judged_again"] == 9
    assert station.hand.counters["score/failed"] == 0
    after = present(records)
    with records.read() as session:
        posts = session.scalars(select(Post)).all()
    anew = {one.id: one for one in assess(posts, model(), parse(STRICT))}
    for post_id, row in after.items():
        assert Assessment.from_dict(row.detail) == anew[post_id]
        assert (row.policy, row.flagged, row.uncertain, row.priority) == (
            "thử-2", anew[post_id].flagged, anew[post_id].uncertain, anew[post_id].priority,
        )  # fmt: skip
    assert any(before[i].flagged and not after[i].flagged for i in before)
    with records.read() as session:
        kept = session.scalars(select(tables.Assessment).where(tables.Assessment.policy != "thử-2")).all()
        assert {row.id for row in kept} == {row.id for row in before.values()}
        lanes = {case.post_id: case.uncertain for case in session.scalars(select(Case))}
    assert lanes == {post_id: not after[post_id].flagged for post_id in lanes}


def test_what_comes_before_a_person_for_the_first_time_gets_its_spans_and_its_case(here: Place) -> None:
    records = here.records
    switch(records)
    score(records)
    seeing = revised(FIRST, "thử-3", {"flag": 0.0, "uncertain": 0.0, "protected": 1.0}, "xem hết")
    seeing = seeing.replace(
        seeing[seeing.index("    acts:") : seeing.index("\n", seeing.index("    acts:")) + 1], ""
    )
    switch(records, seeing)
    score(records, Spared())
    with records.read() as session:
        harmless = session.scalars(select(Post).where(Post.text == HARMLESS)).one()
        assert (
            session.scalars(select(Case).where(Case.cluster_id == harmless.cluster_id)).one().harm is not None
        )
    row = present(records)[harmless.id]
    assert row.flagged
    assert row.detail["spans"] == [vars(span) for span in model().spans(harmless.text)]


def test_a_policy_that_shows_weaker_claims_has_them_looked_for(here: Place) -> None:
    weaker = parse(FIRST).thresholds.claim.suggest / 2
    said = FIRST.replace(f"suggest: {parse(FIRST).thresholds.claim.suggest:g}", f"suggest: {weaker:g}")
    switch(here.records, said.replace(parse(FIRST).version, "thử-2"))
    station = score(here.records)
    assert station.hand.counters["score/judged_again"] == 0
    assert station.hand.counters["score/done"] == 9
    assert {row.policy for row in present(here.records).values()} == {"thử-2"}


def test_a_decided_case_keeps_the_assessment_it_was_decided_on(place: Place) -> None:
    records = place.records
    hoa = person(records, "hoa")
    first, second = place.cases()[:2]
    decide(records, hoa, first.id)
    before = present(records)
    assert switch(records).owed == 8
    # The second is decided after it was owed a judgement, and before that is made.
    decide(records, hoa, second.id)
    score(records)
    after = present(records)
    for case in (first, second):
        assert after[case.post_id].id == before[case.post_id].id
    assert sum(row.policy == "thử-2" for row in after.values()) == 7
    with records.read() as session:
        states = {case.id: case.state for case in session.scalars(select(Case))}
        assert session.scalars(select(Task).where(Task.kind == TaskKind.SCORE)).all() == []
    assert states[first.id] == states[second.id] == CaseState.DECIDED


def test_a_decision_on_what_was_seen_before_the_switch_is_refused(place: Place) -> None:
    records = place.records
    hoa = person(records, "hoa")
    case = place.cases()[0]
    with records.write() as session:
        held = queue.lease(session, hoa, case.id, NOW)
        seen = get(session, case.id).content_hash
    switch(records)
    score(records)
    with pytest.raises(CaseChanged), records.write() as session:
        decision.decide(
            session,
            hoa,
            case.id,
            held.version,
            held.token,
            seen,
            Verdict(Outcome.DISMISS, "không gây hại"),
            NOW,
        )
    with records.write() as session:
        activity = session.scalars(select(Activity).where(Activity.case_id == case.id)).all()
        assert [line.what for line in activity].count("judged_again") == 1
        made = decision.decide(
            session,
            hoa,
            case.id,
            held.version + 1,
            held.token,
            seen,
            Verdict(Outcome.DISMISS, "không gây hại"),
            NOW,
        )
        assert made.policy == "thử-2"
        assert audit.verify(session).ok


def test_new_posts_are_scored_before_those_that_are_judged_again_and_make_no_queue_late(place: Place) -> None:
    records = place.records
    switch(records)
    (fresh,) = place.take(HARMFUL[9])
    with records.read() as session:
        waiting = tasks.queues(session)[TaskKind.SCORE]
        assert waiting.waiting == 10
        assert waiting.oldest is not None
        assert waiting.oldest > NOW
    station = scoring(records, batch=1)
    station.once()
    assert present(records)[fresh.post_id].policy == "thử-2"
    assert sum(row.policy == "thử-2" for row in present(records).values()) == 1
    with records.read() as session:
        assert tasks.queues(session)[TaskKind.SCORE].oldest is None


def test_the_index_is_owed_only_what_a_searcher_would_find_changed(here: Place) -> None:
    records = here.records
    with records.write() as session:
        session.execute(delete(Task))
    before = present(records)
    switch(records)
    score(records)
    after = present(records)
    changed = {
        i for i in after
        if (before[i].flagged, before[i].uncertain, before[i].detail["found"])
        != (after[i].flagged, after[i].uncertain, after[i].detail["found"])
    }  # fmt: skip
    with records.read() as session:
        owed = set(session.scalars(select(Task.subject_id).where(Task.kind == TaskKind.INDEX)))
    assert owed == changed
    assert 0 < len(changed) < len(after)


def test_scoring_twice_by_the_same_policy_moves_no_case_on(here: Place) -> None:
    records = here.records
    hoa, now = person(records, "hoa"), datetime.now(UTC)
    with records.write() as session:
        held = queue.lease(session, hoa, here.cases()[0].id, NOW)
        session.add_all(
            Task(kind=TaskKind.SCORE, subject_id=i, owed_at=now, due_at=now) for i in present(records)
        )
    score(records)
    with records.read() as session:
        assert get(session, held.case_id).version == held.version


def test_a_switch_while_a_batch_is_scored_leaves_nothing_of_the_policy_before(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = place.records
    place.take(*HARMFUL[8:12])
    station = scoring(records)
    plain = station._assess

    def switched_meanwhile(posts: Sequence[Post], policy: Policy) -> object:
        monkeypatch.setattr(station, "_assess", plain)
        found = plain(posts, policy)
        switch(records)
        return found

    monkeypatch.setattr(station, "_assess", switched_meanwhile)
    assert station.once() == 4
    assert len(present(records)) == 9
    while station.once():
        pass
    assert {row.policy for row in present(records).values()} == {"thử-2"}
    assert len(present(records)) == 13
    with records.read() as session:
        made = session.scalars(select(tables.Assessment).where(tables.Assessment.post_id > 9)).all()
    assert len(made) == 4


@pytest.mark.postgres
def test_a_switch_waits_for_what_is_being_written_and_owes_it_too(postgres: Records) -> None:
    place = Place(postgres)
    given_policy.begin(postgres, None)
    place.take(*HARMFUL[:3])
    made: list[policies.Switched] = []
    station = scoring(postgres)
    write = station._write
    thread = threading.Thread(target=lambda: made.append(switch(postgres)))

    def slowly(*arguments: object) -> None:
        write(*arguments)  # type: ignore[arg-type]
        thread.start()
        wait_for(lambda: _waiting(postgres))

    station._write = slowly  # type: ignore[method-assign, assignment]
    assert station.once() == 3
    thread.join()
    assert made[0].owed == 3
    score(postgres)
    assert {row.policy for row in present(postgres).values()} == {"thử-2"}


def _waiting(records: Records) -> bool:
    with records.read() as session:
        asked = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        return bool(session.execute(text(asked)).scalar_one())


@pytest.mark.parametrize(
    ("begin", "said"),
    [
        (lambda records: None, "chạy `kiemtin migrate`"),
        (lambda records: _force(records, "version: cũ\n"), "kiemtin policy switch"),
    ],
)
def test_a_policy_that_cannot_be_used_rests_the_station_and_costs_no_attempt(
    sqlite: Records, begin: Callable[[Records], None], said: str
) -> None:
    Place(sqlite).take(HARMFUL[0])
    begin(sqlite)
    station = scoring(sqlite)
    with pytest.raises(Resting, match=said):
        station.once()
    with sqlite.write() as session:
        (task,) = session.scalars(select(Task))
        assert (task.attempts, task.lease_token) == (0, None)
        policies.switch(session, "thử-2", STRICT, actor="system", reason="đọc được", at=NOW)
        task.due_at = task.owed_at
    assert station.once() == 1


def _force(records: Records, said: str) -> None:
    with records.write() as session:
        policies.begin(session, "cũ", said, NOW)


def test_the_first_policy_is_recorded_once_and_a_start_never_switches(records: Records) -> None:
    given_policy.begin(records, None)
    given_policy.begin(records, None)
    with records.read() as session:
        (row,) = policies.history(session)
        assert (row.text, row.sha256, row.actor) == (FIRST, policies.digest(FIRST), "system")
        assert [event.action for event in session.scalars(select(tables.Event))] == ["policy.switched"]
    assert given_policy.differs(records, None) is None
    switch(records)
    assert given_policy.differs(records, None) is None


def test_what_is_recorded_is_streamed_cluster_by_cluster_with_the_decision_that_stands(
    records: Records,
) -> None:
    place = Place(records)
    given_policy.begin(records, None)
    place.take(*HARMFUL[:6], *[HARMFUL[0]] * 2, keys=[f"k{i}" for i in range(8)])
    score(records)
    hoa = person(records, "hoa")
    shown = {case.post_id: case.id for case in place.cases()}
    outcomes = (Outcome.PROTECTED, Outcome.CORRECT, Outcome.DISMISS, Outcome.REPORT)
    for post_id, outcome in zip((1, 2, 3, 4), outcomes, strict=True):
        decide(records, hoa, shown[post_id], outcome)
    with records.write() as session:
        row = session.scalars(select(tables.Decision).where(tables.Decision.case_id == shown[3])).one()
        decision.undo(session, hoa, row.id, NOW)
    place.take(HARMLESS, keys=["k3"])  # an edit: what it says now was not decided
    score(records)
    with records.read() as session:
        rows = list(recorded.stream(session))
        assert recorded.count(session) == len(rows) == 8
        assert [(r.cluster_id, r.post_id) for r in rows] == sorted((r.cluster_id, r.post_id) for r in rows)
        found = {r.post_id: (r.case_id, r.outcome) for r in rows}
        assert found[1] == found[7] == found[8] == (shown[1], Outcome.PROTECTED)
        assert found[2] == (shown[2], Outcome.CORRECT)
        assert found[3] == (shown[3], None)
        assert found[4] == (shown[4], None)
        assert found[6] == (shown[6], None)
        newest = list(recorded.stream(session, Range(newest=3)))
        assert [r.post_id for r in newest] == [4, 5, 6]
        assert recorded.count(session, Range(newest=3)) == 3
        assert recorded.count(session, Range(newest=99)) == 8
    with records.write() as session:
        cluster = session.get_one(Cluster, rows[-1].cluster_id)
        cluster.created_at = NOW
        for other in session.scalars(select(Cluster).where(Cluster.id != cluster.id)):
            other.created_at = datetime(2020, 1, 1, tzinfo=UTC)
    with records.read() as session:
        assert {r.cluster_id for r in recorded.stream(session, Range(since=NOW))} == {cluster.id}


def test_a_post_that_waits_to_be_scored_again_after_an_edit_is_not_recorded(sqlite: Records) -> None:
    place = Place(sqlite)
    given_policy.begin(sqlite, None)
    place.take(HARMFUL[0], keys=["a"])
    score(sqlite)
    place.take(HARMFUL[1], keys=["a"])
    with sqlite.read() as session:
        assert list(recorded.stream(session)) == []
        assert tasks.queues(session)[TaskKind.SCORE].waiting == 1
