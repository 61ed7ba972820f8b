"""A complaint is read by somebody who did not decide, and ends upheld, changed or withdrawn."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import product

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from review import adjudication, case_page, complaint, decision, redress
from review.errors import (
    CaseChanged,
    IllegalMove,
    MustBeSomebodyElse,
    NoSuchComplaint,
    NotAllowed,
    NotAssigned,
    NotStanding,
    ReasonNeeded,
    ReferenceTaken,
)
from review.permissions import Person
from review.redress import Letter
from store.complaint_tables import Complaint
from store.quality_tables import Adjudication
from store.tables import Activity, Case, Event
from store.vocabulary import ComplaintKind, ComplaintState, Outcome
from tests.review.reading_again import LATER, VERDICTS, Reread, desk, made, reading

__all__ = ["desk", "made"]

LETTER = Letter(ComplaintKind.COMPLAINT, "142/ĐT", date(2026, 11, 20), "Bài của tôi chỉ là câu hỏi.")
MOVES = {
    ("received", "assigned"), ("received", "withdrawn"), ("assigned", "assigned"), ("assigned", "disputed"),
    ("assigned", "upheld"), ("assigned", "withdrawn"), ("disputed", "upheld"), ("disputed", "changed"),
}  # fmt: skip


@pytest.mark.parametrize(("current", "target"), list(product(ComplaintState, ComplaintState)))
def test_a_complaint_moves_only_as_drawn(current: ComplaintState, target: ComplaintState) -> None:
    if (current, target) in MOVES:
        assert complaint.move(current, target) is target
    else:
        with pytest.raises(IllegalMove):
            complaint.move(current, target)


def received(desk: Reread, outcome: Outcome = Outcome.REPORT) -> tuple[int, int]:
    """Decide a case as hoa and type a letter about it in; return the ids of the case and the complaint."""
    case = desk.decide(outcome)
    with desk.records.write() as session:
        return case, redress.receive(session, desk.tam, case, LETTER, LATER).id


def assign(desk: Reread, number: int, to: Person, by: Person | None = None) -> None:
    with desk.records.write() as session:
        redress.assign(session, by or desk.lead, number, to.id, LATER)


def answer(desk: Reread, who: Person, number: int, outcome: Outcome, seen: str | None = None) -> str:
    with desk.records.write() as session:
        case = session.get_one(Complaint, number).case_id
        made = redress.answer(session, who, number, reading(outcome), seen or desk.seen(case), LATER)
        return made.state


def state(desk: Reread, number: int) -> tuple[str, str]:
    with desk.records.read() as session:
        found = session.get_one(Complaint, number)
        return found.state, found.answer


def test_the_same_outcome_by_somebody_else_upholds_the_decision(desk: Reread) -> None:
    case, number = received(desk)
    assign(desk, number, desk.minh)
    with desk.records.read() as session:
        shown = redress.load(session, desk.minh, number)
        assert (shown.blind, shown.case.decisions) == (True, ())
        assert case_page.load(session, desk.minh, case).activity == ()
        assert not redress.load(session, desk.lead, number).blind
        told = {row.what for row in session.scalars(select(Activity).where(Activity.case_id == case))}
    assert told == {"opened", "leased", "decided"}  # nobody can tell from its log that it was complained of
    assert answer(desk, desk.minh, number, Outcome.REPORT) == "upheld"
    assert state(desk, number) == ("upheld", "đọc kỹ")
    assert desk.outcomes(case) == ["report"]


@pytest.mark.parametrize(
    ("settled", "ends", "outcomes"),
    [
        (Outcome.PROTECTED, "changed", ["report", "protected"]),
        (Outcome.REPORT, "upheld", ["report"]),
        (Outcome.DISMISS, "changed", ["report", "dismiss"]),
    ],
)
def test_another_outcome_goes_to_a_lead_who_ends_it(
    desk: Reread, settled: Outcome, ends: str, outcomes: list[str]
) -> None:
    case, number = received(desk)
    assign(desk, number, desk.minh)
    assert answer(desk, desk.minh, number, Outcome.PROTECTED) == "disputed"
    with desk.records.write() as session:
        (row,) = adjudication.listing(session, desk.lead)
        assert adjudication.load(session, desk.lead, row.id).complaints == [LETTER.said]
        verdict = decision.Verdict(
            settled, "câu hỏi thật", VERDICTS[settled].correction, VERDICTS[settled].act
        )
        adjudication.settle(session, desk.lead, row.id, verdict, LATER)
    assert state(desk, number) == (ends, "câu hỏi thật")
    assert desk.outcomes(case) == outcomes


def test_two_letters_about_one_decision_are_answered_by_one_reading(desk: Reread) -> None:
    case, first = received(desk)
    with desk.records.write() as session:
        other = Letter(ComplaintKind.CORRECTION, "150/ĐT", date(2026, 11, 21), "Xin đính chính.")
        second = redress.receive(session, desk.tam, case, other, LATER).id
    assign(desk, first, desk.tam)
    assign(desk, second, desk.minh)  # the one reading is now minh's
    with pytest.raises(NotAssigned):
        answer(desk, desk.tam, first, Outcome.REPORT)
    assert answer(desk, desk.minh, second, Outcome.REPORT) == "upheld"
    assert state(desk, first)[0] == "upheld"


def count(session: Session) -> int | None:
    return session.scalar(select(func.count()).select_from(Event))


def test_what_is_refused_leaves_no_trace(desk: Reread) -> None:
    case, number = received(desk)
    again = Letter(ComplaintKind.COMPLAINT, " 142/ĐT ", date(2026, 11, 20), "x")
    empty = Letter(ComplaintKind.COMPLAINT, "9", date(2026, 11, 20), " ")
    with desk.records.read() as session:
        waiting = session.scalars(select(Case.id).where(Case.state == "queued")).first() or 0
    Try = Callable[[Session], object]
    tries: list[tuple[type[Exception], Try]] = [
        (ReferenceTaken, lambda s: redress.receive(s, desk.tam, case, again, LATER)),
        (ReasonNeeded, lambda s: redress.receive(s, desk.tam, case, empty, LATER)),
        (NotStanding, lambda s: redress.receive(s, desk.tam, waiting, Letter(LETTER.kind, "9", LETTER.received_on, "x"), LATER)),
        (NotAllowed, lambda s: redress.receive(s, desk.liaison, case, again, LATER)),
        (NotAllowed, lambda s: redress.listing(s, desk.liaison, closed=False)),
        (NotAllowed, lambda s: redress.load(s, desk.liaison, number)),
        (NotAllowed, lambda s: redress.assign(s, desk.tam, number, desk.tam.id, LATER)),
        (MustBeSomebodyElse, lambda s: redress.assign(s, desk.lead, number, desk.hoa.id, LATER)),
        (MustBeSomebodyElse, lambda s: redress.assign(s, desk.lead, number, desk.auditor.id, LATER)),
        (NoSuchComplaint, lambda s: redress.assign(s, desk.lead, 99, desk.tam.id, LATER)),
        (NotAssigned, lambda s: redress.answer(s, desk.tam, number, reading(Outcome.REPORT), "x", LATER)),
        (ReasonNeeded, lambda s: redress.withdraw(s, desk.lead, number, " ", LATER)),
        (NotAllowed, lambda s: redress.withdraw(s, desk.tam, number, "x", LATER)),
    ]  # fmt: skip
    with desk.records.read() as session:
        before = count(session)
    for error, attempt in tries:
        with pytest.raises(error), desk.records.write() as session:
            attempt(session)
    with desk.records.read() as session:
        assert (count(session), state(desk, number)) == (before, ("received", ""))


def test_an_answer_is_to_the_text_that_was_seen_and_is_given_once(desk: Reread) -> None:
    _, number = received(desk)
    assign(desk, number, desk.minh)
    with pytest.raises(CaseChanged):
        answer(desk, desk.minh, number, Outcome.REPORT, seen="khác")
    answer(desk, desk.minh, number, Outcome.DISMISS)
    for attempt in (
        lambda: answer(desk, desk.minh, number, Outcome.DISMISS),
        lambda: assign(desk, number, desk.tam),
    ):
        with pytest.raises(IllegalMove):
            attempt()
    with desk.records.read() as session:
        assert session.scalar(select(func.count()).select_from(Adjudication)) == 1


def test_a_letter_taken_back_ends(desk: Reread) -> None:
    _, number = received(desk)
    with desk.records.write() as session:
        redress.withdraw(session, desk.lead, number, "người gửi rút đơn", LATER)
        assert redress.listing(session, desk.auditor, closed=False) == []
        assert [one.id for one in redress.listing(session, desk.auditor, closed=True)] == [number]
    with pytest.raises(IllegalMove):
        assign(desk, number, desk.minh)
