"""Each thing that keeps a case past any term does so by itself, and lets it go when it ends."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from review import adjudication, blind, decision, drawing, golden, legal_hold, queue, redress, referral
from review.decision import Verdict
from review.drawing import Sampling
from review.permissions import Person
from review.reading import Reading
from review.redress import Letter
from store.complaint_tables import Complaint
from store.quality_tables import Adjudication
from store.retention import UNDER_REFERRAL, Keeper, held
from store.tables import Case, Post
from store.vocabulary import ComplaintKind, Outcome, ReferralState, Role
from tests.factory import person
from tests.kept import SCAM, Kept
from tests.referable import look_blind, propose

T = TypeVar("T")
# Longer than every term of `Terms` together.
AGES = timedelta(days=4000)
ALL = Sampling(lambda _: 0.0, 1, 0)


class Desk:
    """One flagged case, the people around it, and the purge that comes for it."""

    def __init__(self, kept: Kept) -> None:
        self.kept, self.records = kept, kept.records
        (self.post,) = kept.page("http://a.example/scam", SCAM, flagged=True)
        self.hoa, self.minh = person(self.records, "hoa"), person(self.records, "minh")
        self.lan = person(self.records, "lan", Role.LEAD)
        self.an = person(self.records, "an", Role.LIAISON)
        self.case = self.read(lambda session: session.scalars(select(Case)).one())

    def read(self, ask: Callable[[Session], T]) -> T:
        with self.records.read() as session:
            return ask(session)

    def write(self, do: Callable[[Session], T]) -> T:
        with self.records.write() as session:
            return do(session)

    def decide(self, outcome: Outcome = Outcome.DISMISS, by: Person | None = None) -> None:
        self.kept.decide(by or self.hoa, outcome)

    def reading(self, outcome: Outcome) -> Reading:
        harmful = outcome == Outcome.REPORT
        return Reading(outcome, "ad" if harmful else "claim", ("scam",) if harmful else (), "đọc kỹ")

    def reread(self, outcome: Outcome) -> None:
        """Let another person read the case again that was drawn."""
        self.write(
            lambda session: blind.answer(
                session, self.minh, self.case.id, self.reading(outcome), self.case.content_hash, self.kept.now
            )
        )

    def settle(self) -> int:
        """Let the lead settle what two readings differ in as it was decided; return the adjudication."""
        row = self.read(lambda session: session.scalars(select(Adjudication)).one())
        verdict = Verdict(Outcome.DISMISS, "bài vô hại")
        self.write(lambda session: adjudication.settle(session, self.lan, row.id, verdict, self.kept.now))
        return row.id

    def keepers(self) -> set[Keeper]:
        with self.records.read() as session:
            return {one for one in Keeper if session.scalar(select(Case.id).where(held(one))) is not None}

    def purges(self) -> int:
        """Let more than every term pass; return how many cases the purge then takes."""
        self.kept.now += AGES
        cases: int = self.kept.retention.purge().counts["cases"]
        gone = self.read(lambda session: session.get_one(Post, self.post).text == "")
        assert gone == bool(cases)
        return cases

    def require_kept_by(self, *keepers: Keeper) -> None:
        assert self.keepers() == set(keepers)
        assert self.purges() == 0

    def require_let_go(self) -> None:
        assert self.keepers() == set()
        assert self.purges() == 1


@pytest.fixture
def desk(kept: Kept) -> Desk:
    return Desk(kept)


@pytest.mark.parametrize("subject", ["case", "post"])
def test_a_legal_hold_keeps_until_it_is_lifted(desk: Desk, subject: legal_hold.Subject) -> None:
    desk.decide()
    number = desk.case.id if subject == "case" else desk.post
    made = desk.write(
        lambda session: legal_hold.place(session, desk.lan, subject, number, "tòa hỏi", desk.kept.now)
    )
    desk.require_kept_by(Keeper.LEGAL_HOLD)
    desk.write(lambda session: legal_hold.lift(session, desk.lan, made.id, "tòa đã xong", desk.kept.now))
    desk.require_let_go()


@pytest.mark.parametrize("state", ["queued", "leased", "escalated", "reopened"])
def test_an_open_case_keeps_until_it_is_decided(desk: Desk, state: str) -> None:
    if state == "reopened":
        desk.decide()
        desk.write(lambda session: decision.reopen(session, desk.lan, desk.case.id, "xem lại", desk.kept.now))
    if state in {"leased", "escalated"}:
        lease = desk.write(lambda session: queue.lease(session, desk.hoa, desk.case.id, desk.kept.now))
    if state == "escalated":
        desk.write(
            lambda session: decision.escalate(
                session, desk.hoa, desk.case.id, lease.version, lease.token, desk.case.content_hash, "khó",
                desk.kept.now,
            )
        )  # fmt: skip
    desk.require_kept_by(Keeper.OPEN_CASE)
    if state == "escalated":
        version = desk.read(lambda session: session.get_one(Case, desk.case.id).version)
        verdict = Verdict(Outcome.DISMISS, "đã xem")
        desk.write(
            lambda session: decision.decide(
                session, desk.lan, desk.case.id, version, "", desk.case.content_hash, verdict, desk.kept.now
            )
        )
    else:
        desk.decide(by=desk.minh)
    desk.require_let_go()


@pytest.mark.parametrize(
    ("state", "end"),
    [
        (ReferralState.PROPOSED, ReferralState.REJECTED), (ReferralState.PROPOSED, ReferralState.WITHDRAWN),
        (ReferralState.APPROVED, ReferralState.EXPIRED), (ReferralState.APPROVED, ReferralState.WITHDRAWN),
        (ReferralState.EXPORTED, ReferralState.ACKNOWLEDGED), (ReferralState.EXPORTED, ReferralState.RECALLED),
    ],
)  # fmt: skip
def test_a_referral_keeps_until_it_is_over(desk: Desk, state: ReferralState, end: ReferralState) -> None:
    def step(do: Callable[..., object], who: Person, *said: str) -> None:
        desk.write(lambda session: do(session, who, made.id, *said, desk.kept.now))

    made = propose(desk.records, desk.hoa, desk.case, at=desk.kept.now)
    look_blind(desk.records, desk.minh, at=desk.kept.now)
    desk.decide(Outcome.REPORT)
    if state != ReferralState.PROPOSED:
        step(referral.approve, desk.lan, made.evidence_sha256, made.policy)
    if state == ReferralState.EXPORTED:
        step(referral.exported, desk.an, "ab" * 32)
    desk.require_kept_by(Keeper.REFERRAL)
    if end == ReferralState.EXPIRED:
        assert desk.write(lambda session: referral.expire(session, desk.kept.now)) == [made.id]
    else:
        does: dict[ReferralState, tuple[Callable[..., object], Person]] = {
            ReferralState.REJECTED: (referral.reject, desk.lan),
            ReferralState.WITHDRAWN: (referral.withdraw, desk.hoa),
            ReferralState.ACKNOWLEDGED: (referral.acknowledged, desk.an),
            ReferralState.RECALLED: (referral.recalled, desk.lan),
        }
        step(*does[end], "xong")
    assert end not in UNDER_REFERRAL
    desk.require_let_go()


def complained(desk: Desk) -> Complaint:
    desk.decide()
    letter = Letter(ComplaintKind.COMPLAINT, "12/KN", desk.kept.now.date(), "oan")
    return desk.write(lambda session: redress.receive(session, desk.hoa, desk.case.id, letter, desk.kept.now))


def assigned(desk: Desk) -> Complaint:
    made = complained(desk)
    desk.write(lambda session: redress.assign(session, desk.lan, made.id, desk.minh.id, desk.kept.now))
    return made


def answered(desk: Desk, made: Complaint, outcome: Outcome) -> None:
    desk.write(
        lambda session: redress.answer(
            session, desk.minh, made.id, desk.reading(outcome), desk.case.content_hash, desk.kept.now
        )
    )


@pytest.mark.parametrize("before", [complained, assigned])
def test_a_complaint_keeps_until_it_is_taken_back(desk: Desk, before: Callable[[Desk], Complaint]) -> None:
    made = before(desk)
    desk.require_kept_by(Keeper.COMPLAINT)
    # Nobody can answer the reading any more that was asked for it.
    desk.write(lambda session: redress.withdraw(session, desk.lan, made.id, "người gửi rút", desk.kept.now))
    desk.require_let_go()


def test_a_complaint_keeps_until_it_is_upheld(desk: Desk) -> None:
    made = assigned(desk)
    desk.require_kept_by(Keeper.COMPLAINT)
    answered(desk, made, Outcome.DISMISS)
    desk.require_let_go()


def test_a_complaint_that_two_read_differently_keeps_until_it_is_settled(desk: Desk) -> None:
    made = assigned(desk)
    answered(desk, made, Outcome.REPORT)
    desk.require_kept_by(Keeper.COMPLAINT, Keeper.READING)
    desk.settle()
    desk.require_let_go()


def drawn(desk: Desk) -> None:
    desk.decide()
    desk.kept.now += timedelta(minutes=1)
    assert desk.write(lambda session: drawing.draw(session, ALL, desk.kept.now)) == 1


def test_a_second_reading_keeps_until_it_is_given(desk: Desk) -> None:
    drawn(desk)
    desk.require_kept_by(Keeper.READING)
    desk.reread(Outcome.DISMISS)
    desk.require_let_go()


def test_two_readings_that_differ_keep_until_a_lead_settles_them(desk: Desk) -> None:
    drawn(desk)
    desk.reread(Outcome.REPORT)
    desk.require_kept_by(Keeper.READING)
    desk.settle()
    desk.require_let_go()


def test_a_reading_of_words_that_were_edited_since_waits_for_nobody_and_keeps_nothing(desk: Desk) -> None:
    drawn(desk)
    body = (SCAM + " nhé bà con").encode()
    with desk.kept.archive() as archive:
        stored = archive.resource("http://a.example/scam", desk.kept.now, "text/html", io.BytesIO(body))
    desk.kept.take("http://a.example/scam", stored, [body.decode()], True, "nguyễn_văn_a")
    assert desk.keepers() == {Keeper.OPEN_CASE}
    desk.decide(by=desk.minh)
    desk.require_let_go()


def test_a_case_with_a_known_answer_keeps_until_it_is_used_no_more(desk: Desk) -> None:
    drawn(desk)
    desk.reread(Outcome.REPORT)
    number = desk.settle()
    made = desk.write(lambda session: golden.mark(session, desk.lan, number, desk.kept.now))
    desk.require_kept_by(Keeper.GOLDEN)
    desk.write(lambda session: golden.retire(session, desk.lan, made.id, "đã cũ", desk.kept.now))
    desk.require_let_go()
