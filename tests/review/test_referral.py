"""The gate of referrals on both databases: two persons, a blind review, one evidence, one policy, one time."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.exc import DBAPIError

from review import decision, queue, referral, second_review
from review.decision import Verdict
from review.errors import (
    AlreadyAnswered,
    CaseChanged,
    CaseTaken,
    IllegalMove,
    NotAllowed,
    NotBlind,
    ReasonNeeded,
    ReviewError,
)
from review.permissions import Person
from review.proposal import Proposal, possible
from review.referral_errors import (
    AlreadyReferred,
    ApprovalExpired,
    EvidenceChanged,
    MilderNeeded,
    NecessityNeeded,
    NoBundle,
    NoSuchBasis,
    NoSuchReferral,
    NotAgreed,
    NotReferable,
    NotYetReviewed,
    PolicyChanged,
    ReceiptNeeded,
    SamePerson,
    StandsProtected,
)
from store import audit, policies
from store.records import Records
from store.second_review_tables import SecondReview
from store.tables import Activity, Case, Event, Post, Referral
from store.vocabulary import MilderMeans, Outcome, ReferralState, Role, TaskKind
from store.work_tables import Task
from tests.databases import sqlite_at
from tests.factory import NOW, Place, person
from tests.referable import BASIS, SAID, SCAM, judge, look_blind, propose, referable_case

LATER = NOW + timedelta(minutes=10)
BUNDLE = "ab" * 32


class Desk:
    """A case that may be referred, and the people around it."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.place = Place(records)
        self.case = referable_case(records, place=self.place)
        self.hoa = person(records, "hoa")
        self.minh = person(records, "minh")
        self.lan = person(records, "lan", Role.LEAD)
        self.an = person(records, "an", Role.LIAISON)

    def proposed(self) -> Referral:
        return propose(self.records, self.hoa, self.case)

    def approved(self) -> Referral:
        made = self.proposed()
        look_blind(self.records, self.minh)
        return self.approve(self.lan, made)

    def approve(self, who: Person, made: Referral, at: object = LATER) -> Referral:
        with self.records.write() as session:
            return referral.approve(
                session,
                who,
                made.id,
                made.evidence_sha256,
                made.policy,
                at,  # type: ignore[arg-type]
            )

    def do(self, step: Callable[..., object], *given: object) -> object:
        with self.records.write() as session:
            return step(session, *given)

    def state(self, made: Referral) -> str:
        with self.records.read() as session:
            return session.get_one(Referral, made.id).state

    def traces(self) -> tuple[int, int, int, int]:
        """Return how many rows there are of all that a step may leave."""
        with self.records.read() as session:
            return tuple(  # type: ignore[return-value]
                session.scalar(select(func.count()).select_from(table)) or 0
                for table in (Referral, Activity, Event, SecondReview)
            )

    def refuses(self, error: type[Exception], step: Callable[..., object], *given: object) -> None:
        """Say that a step is refused and leaves no trace."""
        before = self.traces()
        with pytest.raises(error):
            self.do(step, *given)
        assert self.traces() == before


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database that each test copies: migrating takes longer than most of them."""
    path = tmp_path_factory.mktemp("migrated") / "kiemtin.db"
    records = sqlite_at(path)
    records.close()
    return path


@pytest.fixture
def desk(migrated: Path, tmp_path: Path) -> Iterator[Desk]:
    records = Records(f"sqlite:///{shutil.copy(migrated, tmp_path / 'kiemtin.db')}")
    yield Desk(records)
    records.close()


def test_a_referral_goes_from_proposal_to_recall_by_two_persons_and_the_liaison(records: Records) -> None:
    desk = Desk(records)
    made = desk.approved()
    assert (made.state, made.approver_id, made.expires_at) == (
        "approved",
        desk.lan.id,
        LATER + timedelta(hours=72),
    )
    desk.do(referral.exported, desk.an, made.id, BUNDLE, LATER)
    desk.do(referral.acknowledged, desk.an, made.id, " CA-12/2026 ", LATER)
    desk.do(referral.recalled, desk.lan, made.id, "nơi nhận báo trùng", LATER)
    with records.read() as session:
        kept = session.get_one(Referral, made.id)
        assert (kept.state, kept.receipt, kept.end_reason) == ("recalled", "CA-12/2026", "nơi nhận báo trùng")
        actions = session.scalars(
            select(Event.action).where(Event.subject == f"referral:{made.id}").order_by(Event.id)
        )
        assert [one.removeprefix("referral.") for one in actions] == [
            "proposed", "approved", "exported", "acknowledged", "recalled",
        ]  # fmt: skip
        assert audit.verify(session).ok


def test_a_proposal_says_a_listed_basis_why_it_is_needed_and_what_is_milder(desk: Desk) -> None:
    for error, said in (
        (NoSuchBasis, Proposal("fraud", "Điều 331", "cần", [MilderMeans.CORRECTION])),
        (NoSuchBasis, Proposal("fraud", "", "cần", [MilderMeans.CORRECTION])),
        (NecessityNeeded, Proposal("fraud", BASIS, "  ", [MilderMeans.CORRECTION])),
        (MilderNeeded, Proposal("fraud", BASIS, "cần", [])),
        (NotReferable, Proposal("incitement", BASIS, "cần", [MilderMeans.CORRECTION])),
        (NotReferable, Proposal("falsehood", BASIS, "cần", [MilderMeans.CORRECTION])),
    ):
        before = desk.traces()
        with pytest.raises(error):
            propose(desk.records, desk.hoa, desk.case, said)
        assert desk.traces() == before


def test_who_only_watches_or_receives_proposes_nothing(desk: Desk) -> None:
    auditor = person(desk.records, "kim", Role.AUDITOR)
    for who in (desk.an, auditor):
        with pytest.raises(NotAllowed):
            propose(desk.records, who, desk.case)
    made = desk.proposed()
    look_blind(desk.records, desk.minh)
    for who in (desk.an, auditor, desk.minh):
        with pytest.raises(NotAllowed):
            desk.approve(who, made)
    for step in (referral.exported, referral.acknowledged):
        desk.refuses(NotAllowed, step, desk.lan, made.id, BUNDLE, LATER)


def test_only_what_was_seen_is_proposed_and_nothing_that_another_holds(desk: Desk) -> None:
    with pytest.raises(CaseChanged), desk.records.write() as session:
        from review import proposal

        proposal.propose(session, desk.hoa, desk.case.id, desk.case.version, "0" * 64, SAID, NOW)
    held = desk.do(queue.lease, desk.minh, desk.case.id, NOW)
    desk.case.version = held.version  # type: ignore[attr-defined]
    with pytest.raises(CaseTaken):
        desk.proposed()
    assert propose(desk.records, desk.minh, desk.case).proposer_id == desk.minh.id


def test_falsehood_alone_and_protected_speech_are_never_proposed(desk: Desk) -> None:
    judge(desk.records, desk.case.post_id, rules=(), model="n")
    with pytest.raises(NotReferable):
        desk.proposed()
    judge(desk.records, desk.case.post_id, protected=True, model="o")
    with pytest.raises(StandsProtected):
        desk.proposed()
    with desk.records.read() as session:
        found = possible(session, desk.hoa, desk.case.id)
        assert isinstance(found.refused, StandsProtected)
        assert not found.rules


def test_one_case_has_one_open_referral_and_no_evidence_is_sent_twice(desk: Desk) -> None:
    made = desk.approved()
    with pytest.raises(AlreadyReferred):
        desk.proposed()
    desk.do(referral.exported, desk.an, made.id, BUNDLE, LATER)
    with pytest.raises(AlreadyReferred):
        desk.proposed()
    desk.do(referral.recalled, desk.lan, made.id, "nhầm nơi nhận", LATER)
    assert desk.proposed().state == "proposed"


def test_the_proposer_never_approves_nor_rejects_under_whatever_session_or_role(desk: Desk) -> None:
    boss = person(desk.records, "chi", Role.LEAD)
    made = propose(desk.records, boss, desk.case)
    look_blind(desk.records, desk.minh)
    for role in (Role.LEAD, Role.ADMIN):
        with pytest.raises(SamePerson):
            desk.approve(Person(boss.id, role), made)
        desk.refuses(SamePerson, referral.reject, Person(boss.id, role), made.id, "không", LATER)
    assert desk.approve(desk.lan, made).state == "approved"


def test_an_approval_needs_a_blind_review_by_somebody_else_that_finds_the_same(desk: Desk) -> None:
    made = desk.proposed()
    with pytest.raises(NotYetReviewed):
        desk.approve(desk.lan, made)
    with desk.records.read() as session:
        assert list(second_review.waiting(session, desk.hoa)) == []
        (asked,) = second_review.waiting(session, desk.lan)
    desk.refuses(
        NotBlind, second_review.answer, desk.hoa, asked.id, Outcome.REPORT, "ad", ["scam"], "x", asked.content_hash,
        LATER,
    )  # fmt: skip
    look_blind(desk.records, desk.lan)
    assert desk.approve(desk.lan, made).state == "approved"


@pytest.mark.parametrize(
    ("outcome", "act", "harms", "error"),
    [
        (Outcome.DISMISS, "ad", ("scam",), NotAgreed),
        (Outcome.REPORT, "ad", ("cure",), NotAgreed),
        (Outcome.REPORT, "ad", (), NotAgreed),
        (Outcome.REPORT, "satire", ("scam",), StandsProtected),
        (Outcome.PROTECTED, "ad", ("scam",), StandsProtected),
    ],
)
def test_a_blind_review_that_finds_otherwise_closes_the_gate(
    desk: Desk, outcome: Outcome, act: str, harms: tuple[str, ...], error: type[Exception]
) -> None:
    made = desk.proposed()
    look_blind(desk.records, desk.minh, outcome, act, harms)
    with pytest.raises(error):
        desk.approve(desk.lan, made)
    assert desk.state(made) == "proposed"


def test_nobody_asks_for_blind_reviews_until_one_agrees(desk: Desk) -> None:
    made = desk.proposed()
    look_blind(desk.records, desk.minh, Outcome.DISMISS, "ad", ())
    desk.do(referral.withdraw, desk.hoa, made.id, "xem lại", LATER)
    again = propose(desk.records, desk.hoa, desk.case)
    with desk.records.read() as session:
        assert list(second_review.waiting(session, desk.lan)) == []
    with pytest.raises(NotAgreed):
        desk.approve(desk.lan, again)


def test_a_review_by_who_proposes_later_does_not_count(desk: Desk) -> None:
    made = desk.proposed()
    look_blind(desk.records, desk.minh)
    desk.do(referral.withdraw, desk.hoa, made.id, "minh đề nghị thay", LATER)
    again = propose(desk.records, desk.minh, desk.case)
    with pytest.raises(NotYetReviewed):
        desk.approve(desk.lan, again)
    look_blind(desk.records, desk.hoa, at=LATER)
    assert desk.approve(desk.lan, again, LATER + timedelta(minutes=1)).state == "approved"


def test_a_review_is_answered_once_with_a_reason_on_the_text_that_was_seen(desk: Desk) -> None:
    desk.proposed()
    with desk.records.read() as session:
        (asked,) = second_review.waiting(session, desk.minh)
    given = (desk.minh, asked.id, Outcome.REPORT, "ad", ["scam"])
    desk.refuses(CaseChanged, second_review.answer, *given, "x", "0" * 64, LATER)
    desk.refuses(ReasonNeeded, second_review.answer, *given, " ", asked.content_hash, LATER)
    desk.do(second_review.answer, *given, "x", asked.content_hash, LATER)
    desk.refuses(AlreadyAnswered, second_review.answer, *given, "x", asked.content_hash, LATER)


def test_a_case_that_one_found_protected_is_opened_by_two_who_find_harm_never_by_one(
    records: Records,
) -> None:
    desk = Desk(records)

    def decide(who: Person, outcome: Outcome, at: object) -> None:
        with records.write() as session:
            case = session.get_one(Case, desk.case.id)
            if case.state == "decided":
                decision.reopen(session, desk.lan, case.id, "xem lại", at)  # type: ignore[arg-type]
            held = queue.lease(session, who, case.id, at)  # type: ignore[arg-type]
            verdict = Verdict(outcome, "lừa tiền", "đính chính", "opinion")
            decision.decide(session, who, case.id, held.version, held.token, case.content_hash, verdict, at)  # type: ignore[arg-type]
            desk.case = session.get_one(Case, case.id)

    decide(desk.minh, Outcome.PROTECTED, NOW)
    for minute, (who, outcome) in enumerate(
        [(desk.hoa, Outcome.REPORT), (desk.hoa, Outcome.CORRECT), (desk.lan, Outcome.DISMISS)], 1
    ):
        decide(who, outcome, NOW + timedelta(minutes=minute))
        with pytest.raises(StandsProtected):
            desk.proposed()
    decide(desk.minh, Outcome.REPORT, NOW + timedelta(minutes=9))
    assert desk.proposed().state == "proposed"


def test_an_approval_is_of_the_evidence_and_the_policy_that_the_page_showed(desk: Desk) -> None:
    made = desk.proposed()
    look_blind(desk.records, desk.minh)
    for error, given in (
        (EvidenceChanged, ("0" * 64, made.policy)),
        (PolicyChanged, (made.evidence_sha256, "khác")),
    ):
        desk.refuses(error, referral.approve, desk.lan, made.id, *given, LATER)


def edit(desk: Desk) -> None:
    """Let the post be edited on its page, before anything has judged it again."""
    desk.place.take(SCAM + " và 999k nữa", keys=[SCAM[:80]])


def switch(desk: Desk) -> None:
    with desk.records.write() as session:
        text = policies.active(session).text.replace("2026.", "2027.")  # type: ignore[union-attr]
        version = text.split('version: "')[1].split('"')[0]
        policies.switch(session, version, text, actor="system", reason="thử", at=LATER)


def find_protected(desk: Desk) -> None:
    judge(desk.records, desk.case.post_id, protected=True, model="n")


CHANGES = [(edit, EvidenceChanged), (switch, PolicyChanged), (find_protected, EvidenceChanged)]


@pytest.mark.parametrize(("change", "error"), CHANGES)
def test_what_changed_after_the_proposal_is_not_approved(
    desk: Desk, change: Callable[[Desk], None], error: type[Exception]
) -> None:
    made = desk.proposed()
    look_blind(desk.records, desk.minh)
    change(desk)
    with pytest.raises(error):
        desk.approve(desk.lan, made)
    assert desk.state(made) == "proposed"


@pytest.mark.parametrize(("change", "error"), CHANGES)
def test_an_approval_lapses_when_what_it_stands_on_changes(
    desk: Desk, change: Callable[[Desk], None], error: type[Exception]
) -> None:
    made = desk.approved()
    assert desk.do(referral.expire, LATER) == []
    change(desk)
    desk.refuses(error, referral.exported, desk.an, made.id, BUNDLE, LATER)
    assert desk.do(referral.expire, LATER) == [made.id]
    assert desk.state(made) == "expired"


def test_a_case_decided_by_an_older_policy_is_judged_again_when_it_is_reopened(desk: Desk) -> None:
    held = desk.do(queue.lease, desk.minh, desk.case.id, NOW)
    given = (desk.minh, desk.case.id, held.version, held.token, desk.case.content_hash)  # type: ignore[attr-defined]
    desk.do(decision.decide, *given, Verdict(Outcome.REPORT, "lừa tiền"), NOW)
    with desk.records.write() as session:
        session.execute(delete(Task))
    switch(desk)
    desk.do(decision.reopen, desk.lan, desk.case.id, "xem lại", LATER)
    with desk.records.read() as session:
        desk.case = session.get_one(Case, desk.case.id)
        owed = session.scalars(select(Task.subject_id).where(Task.kind == TaskKind.SCORE)).all()
        assert owed == [desk.case.post_id]
    with pytest.raises(PolicyChanged):
        desk.proposed()


def test_an_approval_that_is_past_its_time_sends_nothing(desk: Desk) -> None:
    made = desk.approved()
    late = LATER + timedelta(hours=72)
    desk.refuses(ApprovalExpired, referral.exported, desk.an, made.id, BUNDLE, late)
    assert desk.do(referral.expire, late - timedelta(seconds=1)) == []
    assert desk.do(referral.expire, late) == [made.id]
    desk.refuses(IllegalMove, referral.exported, desk.an, made.id, BUNDLE, LATER)


def test_each_end_needs_a_reason_and_its_own_people(desk: Desk) -> None:
    made = desk.proposed()
    desk.refuses(ReasonNeeded, referral.withdraw, desk.hoa, made.id, " ", LATER)
    desk.refuses(ReasonNeeded, referral.reject, desk.lan, made.id, "", LATER)
    desk.refuses(NotAllowed, referral.withdraw, desk.minh, made.id, "x", LATER)
    desk.refuses(NotAllowed, referral.reject, desk.minh, made.id, "x", LATER)
    desk.refuses(NoSuchReferral, referral.withdraw, desk.hoa, 999, "x", LATER)
    desk.do(referral.withdraw, desk.lan, made.id, "trưởng nhóm rút", LATER)
    assert desk.state(made) == "withdrawn"


def test_what_is_sent_names_its_bundle_and_what_arrived_its_receipt(desk: Desk) -> None:
    made = desk.approved()
    desk.refuses(NoBundle, referral.exported, desk.an, made.id, "không phải mã", LATER)
    desk.do(referral.exported, desk.an, made.id, BUNDLE, LATER)
    desk.refuses(ReceiptNeeded, referral.acknowledged, desk.an, made.id, " ", LATER)
    desk.refuses(ReasonNeeded, referral.recalled, desk.lan, made.id, " ", LATER)
    desk.refuses(NotAllowed, referral.recalled, desk.an, made.id, "x", LATER)


PATHS: dict[ReferralState, tuple[ReferralState, ...]] = {
    ReferralState.PROPOSED: (),
    ReferralState.APPROVED: (ReferralState.APPROVED,),
    ReferralState.REJECTED: (ReferralState.REJECTED,),
    ReferralState.WITHDRAWN: (ReferralState.WITHDRAWN,),
    ReferralState.EXPIRED: (ReferralState.APPROVED, ReferralState.EXPIRED),
    ReferralState.EXPORTED: (ReferralState.APPROVED, ReferralState.EXPORTED),
    ReferralState.ACKNOWLEDGED: (
        ReferralState.APPROVED, ReferralState.EXPORTED, ReferralState.ACKNOWLEDGED,
    ),
    ReferralState.RECALLED: (ReferralState.APPROVED, ReferralState.EXPORTED, ReferralState.RECALLED),
}  # fmt: skip


def step_to(desk: Desk, made: Referral, target: ReferralState) -> None:
    """Take a step that leads to a state as its own people take it."""
    if target == ReferralState.EXPIRED:
        desk.do(referral.expire, LATER + timedelta(hours=73))
        return
    steps: dict[ReferralState, tuple[object, ...]] = {
        ReferralState.APPROVED: (
            referral.approve,
            desk.lan,
            made.id,
            made.evidence_sha256,
            made.policy,
            LATER,
        ),
        ReferralState.REJECTED: (referral.reject, desk.lan, made.id, "x", LATER),
        ReferralState.WITHDRAWN: (referral.withdraw, desk.hoa, made.id, "x", LATER),
        ReferralState.EXPORTED: (referral.exported, desk.an, made.id, BUNDLE, LATER),
        ReferralState.ACKNOWLEDGED: (referral.acknowledged, desk.an, made.id, "x", LATER),
        ReferralState.RECALLED: (referral.recalled, desk.lan, made.id, "x", LATER),
    }
    desk.do(*steps[target])  # type: ignore[arg-type]


def test_the_whole_square_of_moves_is_as_drawn_and_an_illegal_one_leaves_no_trace(desk: Desk) -> None:
    reachable = [target for target in ReferralState if target != ReferralState.PROPOSED]
    for number, (current, target) in enumerate(product(ReferralState, reachable)):
        # Words of its own, lest it be a copy of another.
        words = " ".join(sha256(f"{number} {i}".encode()).hexdigest()[:6] for i in range(20))
        desk.case = referable_case(desk.records, f"stk 0000 1234 {words}", desk.place)
        made = desk.proposed()
        look_blind(desk.records, desk.minh)
        for state in PATHS[current]:
            step_to(desk, made, state)
        assert desk.state(made) == current
        before = desk.traces()
        if target in referral.MOVES[current]:
            step_to(desk, made, target)
            assert (desk.state(made), desk.traces()[2]) == (target, before[2] + 1)
        else:
            try:
                step_to(desk, made, target)
            except ReviewError as error:
                assert isinstance(error, IllegalMove), (current, target)
            assert (desk.state(made), desk.traces()) == (current, before), (current, target)
        if desk.state(made) in {"proposed", "approved"}:
            # Or the next sweep would let it lapse too.
            step_to(desk, made, ReferralState.WITHDRAWN)


def test_of_two_who_approve_at_once_one_does(records: Records) -> None:
    desk = Desk(records)
    other = person(records, "chi", Role.LEAD)
    made = desk.proposed()
    look_blind(records, desk.minh)
    start = threading.Barrier(2)
    results: list[object] = []

    def go(who: Person) -> None:
        start.wait()
        try:
            results.append(desk.approve(who, made).approver_id)
        except (ReviewError, DBAPIError) as error:
            results.append(type(error))

    threads = [threading.Thread(target=go, args=(who,)) for who in (desk.lan, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [one for one in results if isinstance(one, int)]
    assert IllegalMove in results
    with records.read() as session:
        assert session.get_one(Referral, made.id).approver_id == winner
        assert (
            session.scalar(select(func.count()).select_from(Event).where(Event.action == "referral.approved"))
            == 1
        )


def test_an_edit_while_a_review_waits_leaves_it_to_nobody(desk: Desk) -> None:
    desk.proposed()
    edit(desk)
    with desk.records.read() as session:
        post = session.get_one(Post, desk.case.post_id)
    judge(desk.records, post.id)
    with desk.records.read() as session:
        assert list(second_review.waiting(session, desk.minh)) == []
