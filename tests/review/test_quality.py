"""Random second reviews, known cases and adjudication, end to end in the records."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from review import adjudication, blind, case_page, decision, golden, quality
from review.errors import (
    AlreadyAnswered,
    CaseChanged,
    CorrectionNeeded,
    NotAllowed,
    NotBlind,
    NothingToRead,
    NotSettled,
    ReasonNeeded,
    ReviewError,
)
from review.permissions import Person
from review.quality import Period
from review.reading import Reading
from store import audit
from store.quality_tables import Adjudication, Draw, Golden, GoldenAnswer
from store.tables import Activity, Decision, Event
from store.vocabulary import Outcome
from tests.factory import NOW
from tests.review.reading_again import ALL, GOLDEN, LATER, VERDICTS, Reread, desk, made

__all__ = ["desk", "made"]

EVER = Period(NOW - timedelta(days=1), NOW + timedelta(days=1))


def test_each_standing_decision_draws_one_lot_and_what_is_drawn_waits_for_others(desk: Reread) -> None:
    case = desk.decide(Outcome.DISMISS)
    assert desk.draw(at=NOW + timedelta(seconds=29)) == 0  # it can still be undone
    assert (desk.draw(), desk.draw()) == (1, 0)
    assert (desk.waits(desk.hoa), desk.waits(desk.minh), desk.waits(desk.lead)) == ([], [case], [case])
    with desk.records.read() as session:
        (lot,) = session.scalars(select(Draw)).all()
        assert (lot.share, 0 <= lot.lot < 1, lot.review_id is not None) == (1, True, True)


def test_the_share_of_the_sample_is_kept_and_lots_do_not_change_by_deciding_again(desk: Reread) -> None:
    lots = [ALL.lot(f"second:{number}:x") for number in range(4000)]
    assert sum(lot < 0.05 for lot in lots) / 4000 == pytest.approx(0.05, abs=0.01)
    case = desk.decide(Outcome.DISMISS)
    with desk.records.write() as session:
        made = session.scalars(select(Decision)).one()
        lease = decision.undo(session, desk.hoa, made.id, NOW)
        decision.decide(
            session,
            desk.hoa,
            case,
            lease.version,
            lease.token,
            desk.seen(case),
            VERDICTS[Outcome.PROTECTED],
            NOW,
        )
    desk.draw(GOLDEN)
    with desk.records.read() as session:
        (lot,) = session.scalars(select(Draw)).all()
        assert (lot.lot, lot.review_id) == (ALL.lot(f"second:{case}:{desk.seen(case)}"), None)


def test_who_is_to_read_blind_is_shown_nothing_of_what_others_said(desk: Reread) -> None:
    case = desk.decide(Outcome.REPORT)
    desk.draw()
    with desk.records.read() as session:
        unread, decided = (case_page.load(session, who, case) for who in (desk.minh, desk.hoa))
    assert (unread.decisions, unread.activity, unread.notes, len(decided.decisions)) == ((), (), (), 1)
    desk.read(desk.minh, case, Outcome.REPORT)
    with desk.records.read() as session:
        assert len(case_page.load(session, desk.minh, case).decisions) == 1
        assert session.scalar(select(func.count()).select_from(Adjudication)) == 0


def disputed(
    desk: Reread, first: Outcome = Outcome.REPORT, second: Outcome = Outcome.PROTECTED
) -> tuple[int, int]:
    """Let hoa and minh read a case differently; return its id and that of the adjudication."""
    case = desk.decide(first)
    desk.draw()
    desk.read(desk.minh, case, second)
    with desk.records.read() as session:
        return case, session.scalars(select(Adjudication.id).order_by(Adjudication.id.desc())).first() or 0


def test_readings_that_differ_go_to_a_lead_side_by_side_without_names(desk: Reread) -> None:
    case, number = disputed(desk)
    with desk.records.read() as session:
        (row,) = adjudication.listing(session, desk.lead)
        shown = adjudication.load(session, desk.lead, row.id)
    assert {side.reading["outcome"] for side in shown.sides} == {"report", "protected"}
    assert ([side.name for side in shown.sides], bool(shown.text)) == (["", ""], True)
    settle(desk, desk.lead, number, Outcome.PROTECTED)
    with desk.records.read() as session:
        shown = adjudication.load(session, desk.lead, number)
        assert {side.name for side in shown.sides} == {"Hoa", "Minh"}
        assert adjudication.listing(session, desk.lead) == []
        assert [one.id for one in adjudication.listing(session, desk.lead, settled=True)] == [number]
        assert audit.verify(session).ok
    assert desk.outcomes(case) == ["report", "protected"]


def settle(desk: Reread, who: Person, number: int, outcome: Outcome, reason: str = "đã cân nhắc") -> None:
    verdict = VERDICTS[outcome]
    with desk.records.write() as session:
        adjudication.settle(
            session, who, number, decision.Verdict(outcome, reason, verdict.correction, verdict.act), LATER
        )


def test_a_lead_who_agrees_with_the_decision_leaves_it(desk: Reread) -> None:
    case, number = disputed(desk)
    settle(desk, desk.lead, number, Outcome.REPORT)
    assert desk.outcomes(case) == ["report"]
    with pytest.raises(AlreadyAnswered):
        settle(desk, desk.chief, number, Outcome.DISMISS)


def test_what_is_refused_in_adjudication_leaves_no_trace(desk: Reread) -> None:
    case = desk.decide(Outcome.DISMISS, by=desk.lead)
    desk.draw()
    desk.read(desk.minh, case, Outcome.CORRECT)
    with desk.records.read() as session:
        before = session.scalar(select(func.count()).select_from(Event))
        assert adjudication.listing(session, desk.lead) == []  # he gave one of the readings
        with pytest.raises(NotBlind):
            adjudication.load(session, desk.lead, 1)
    for who, outcome, reason, error in (
        (desk.lead, Outcome.DISMISS, "x", NotBlind),
        (desk.hoa, Outcome.DISMISS, "x", NotAllowed),
        (desk.chief, Outcome.DISMISS, " ", ReasonNeeded),
    ):
        with pytest.raises(error):
            settle(desk, who, 1, outcome, reason)
    with pytest.raises(CorrectionNeeded), desk.records.write() as session:
        adjudication.settle(session, desk.chief, 1, decision.Verdict(Outcome.CORRECT, "x"), LATER)
    with desk.records.read() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == before


def test_a_case_that_moved_on_is_settled_and_left_as_it_is(desk: Reread) -> None:
    case, number = disputed(desk)
    with desk.records.write() as session:
        decision.reopen(session, desk.chief, case, "xem lại", LATER)
    settle(desk, desk.lead, number, Outcome.DISMISS)
    assert desk.outcomes(case) == ["report"]


@pytest.fixture
def known(desk: Reread) -> int:
    """A case settled as protected by the lead, and marked as known."""
    case, number = disputed(desk)
    settle(desk, desk.lead, number, Outcome.PROTECTED)
    with desk.records.write() as session:
        golden.mark(session, desk.lead, number, LATER)
        golden.mark(session, desk.lead, number, LATER)
    return case


def test_a_known_case_is_shown_unmarked_to_those_it_is_new_to(desk: Reread, known: int) -> None:
    for who in (desk.hoa, desk.minh, desk.lead, desk.tam):
        desk.decide(Outcome.DISMISS, by=who)
    desk.draw(GOLDEN, LATER)
    assert [desk.waits(who) for who in (desk.hoa, desk.minh, desk.lead, desk.tam)] == [[], [], [], [known]]
    with desk.records.read() as session:
        before = session.scalar(select(func.count()).select_from(Activity))
    desk.read(desk.tam, known, Outcome.PROTECTED)
    with pytest.raises(NothingToRead):
        desk.read(desk.tam, known, Outcome.PROTECTED)
    with desk.records.read() as session:
        assert session.scalar(select(func.count()).select_from(Activity)) == before
        assert session.scalar(select(func.count()).select_from(Adjudication)) == 1
        assert golden.listing(session, desk.lead)[0][1:] == (1, 1)
    assert desk.outcomes(known) == ["report", "protected"]


def answered_otherwise(desk: Reread, known: int) -> int:
    desk.decide(Outcome.DISMISS, by=desk.tam)
    desk.draw(GOLDEN)
    desk.read(desk.tam, known, Outcome.CORRECT)
    with desk.records.read() as session:
        (row,) = adjudication.listing(session, desk.chief)
        shown = adjudication.load(session, desk.chief, row.id)
    assert (row.why, {side.name for side in shown.sides}) == ("golden", {""})
    return row.id


@pytest.mark.parametrize(("outcome", "stays"), [(Outcome.PROTECTED, True), (Outcome.CORRECT, False)])
def test_a_known_answer_that_proves_wrong_is_used_no_more(
    desk: Reread, known: int, outcome: Outcome, stays: bool
) -> None:
    number = answered_otherwise(desk, known)
    settle(desk, desk.chief, number, outcome)
    with desk.records.write() as session:
        assert (session.scalars(select(Golden)).one().retired_at is None) is stays
        with pytest.raises(NotSettled):
            golden.mark(session, desk.chief, number, LATER)
    assert desk.outcomes(known) == ["report", "protected"]


def test_only_a_lead_marks_and_only_what_is_settled(desk: Reread) -> None:
    _, number = disputed(desk)
    for who, error in ((desk.hoa, NotAllowed), (desk.lead, NotSettled)):
        with pytest.raises(error), desk.records.write() as session:
            golden.mark(session, who, number, LATER)
    with desk.records.read() as session:
        assert session.scalar(select(func.count()).select_from(Golden)) == 0


def test_a_retired_case_waits_for_nobody(desk: Reread, known: int) -> None:
    desk.decide(Outcome.DISMISS, by=desk.tam)
    desk.draw(GOLDEN)
    with desk.records.write() as session:
        number = session.scalars(select(Golden.id)).one()
        with pytest.raises(ReasonNeeded):
            golden.retire(session, desk.lead, number, " ", LATER)
        golden.retire(session, desk.lead, number, "lời đã cũ", LATER)
    assert desk.waits(desk.tam) == []
    with desk.records.read() as session:
        assert session.scalars(select(GoldenAnswer)).one().answered_at is None


def test_what_is_refused_in_a_reading_leaves_no_trace(desk: Reread) -> None:
    case = desk.decide(Outcome.DISMISS)
    desk.draw()
    bad = Reading(Outcome.DISMISS, "lạ", (), "x"), Reading(Outcome.DISMISS, "claim", (), " ")
    for given in bad:
        with pytest.raises(ReviewError):
            desk.read(desk.minh, case, given)
    with pytest.raises(CaseChanged), desk.records.write() as session:
        blind.answer(session, desk.minh, case, Reading(Outcome.DISMISS, "claim", (), "x"), "khác", LATER)
    for who, error in ((desk.hoa, NothingToRead), (desk.liaison, NotAllowed)):
        with pytest.raises(error):
            desk.read(who, case, Outcome.DISMISS)
    assert desk.waits(desk.minh) == [case]


def test_numbers_are_of_all_readings_and_seen_by_their_owner_and_a_lead(desk: Reread, known: int) -> None:
    answered_otherwise(desk, known)
    with desk.records.read() as session:
        found = {one.name: one for one in quality.everybody(session, desk.lead, EVER)}
        assert quality.own(session, desk.hoa, desk.hoa.id, EVER) == found["Hoa"]
        for who, of in ((desk.minh, desk.hoa), (desk.auditor, desk.hoa), (desk.liaison, desk.liaison)):
            with pytest.raises(NotAllowed):
                quality.own(session, who, of.id, EVER)
        with pytest.raises(NotAllowed):
            quality.everybody(session, desk.hoa, EVER)
        whole = quality.desk(session, desk.auditor, EVER)
    hoa, minh, tam = (found[name] for name in ("Hoa", "Minh", "Tam"))
    assert (hoa.decisions, hoa.second.pairs, hoa.second.same, hoa.settled, hoa.right) == (1, 1, 0, 1, 0)
    assert (minh.decisions, minh.second.pairs, minh.settled, minh.right) == (0, 1, 1, 1)
    assert (tam.decisions, tam.known.pairs, tam.known.same) == (1, 1, 0)
    assert (whole.all.pairs, whole.known.pairs, whole.lots, whole.drawn, whole.waiting) == (1, 1, 2, 1, 0)
    assert {harm: one.pairs for harm, one in whole.harms.items()} == {next(iter(whole.harms)): 1}


def test_numbers_end_with_the_last_full_week(desk: Reread) -> None:
    period = quality.full_weeks(NOW)
    assert (period.until - period.since, period.until <= NOW) == (timedelta(weeks=12), True)
    assert NOW - period.until < timedelta(days=7)
