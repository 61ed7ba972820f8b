"""A case and its referral under any sequence of steps, some cut off: what is kept is a whole legal step or nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from review import decision, proposal, queue, referral, second_review
from review.decision import Verdict
from review.errors import ReviewError
from review.lanes import ALL
from store import audit
from store.tables import Activity, Case, Decision, Event, Referral
from store.vocabulary import Outcome, Role
from tests.databases import sqlite_at
from tests.factory import NOW, person
from tests.referable import SAID, look_blind, referable_case
from tests.review.test_machines import CASE, REFERRAL

Act = Callable[[Session], object]
CRASHES = st.sampled_from((None, None, "before the audit event", "after the step", "at the commit"))


class Cut(Exception):
    """The process ends here."""


@contextmanager
def cut(when: str | None) -> Iterator[None]:
    """Let what writes end at a point, as a process that is killed there."""

    def end(*_: Any) -> None:
        raise Cut

    targets = {
        "before the audit event": (Event, "before_insert"),
        "at the commit": (Session, "before_commit"),
    }
    if when not in targets:
        yield
        return
    target, name = targets[when]
    event.listen(target, name, end)
    try:
        yield
    finally:
        event.remove(target, name, end)


class Desk(RuleBasedStateMachine):
    """One case that may be referred; people do whatever they like, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="kiemtin-crash-"))
        self.records = sqlite_at(self.folder / "kiemtin.db")
        self.case_id = referable_case(self.records).id
        self.people = {
            role: person(self.records, role.value, role) for role in (Role.REVIEWER, Role.LEAD, Role.LIAISON)
        }
        self.second = person(self.records, "second")
        self.at = NOW + timedelta(minutes=1)
        self.token = ""

    def teardown(self) -> None:
        self.records.close()
        shutil.rmtree(self.folder)

    def step(self, act: Act, crash: str | None) -> object:
        """Do a step whole, or leave everything as it was; return what it gave, None where it was not done."""
        before = self.seen()
        try:
            with cut(crash), self.records.write() as session:
                done = act(session)
                if crash == "after the step":
                    raise Cut
        except (Cut, ReviewError):
            assert self.seen() == before
            return None
        after = self.seen()
        assert (before["case"], after["case"]) in CASE | {(after["case"], after["case"])}
        for number, state in before["referrals"].items():
            assert (state, after["referrals"][number]) in REFERRAL | {(state, state)}
        changed = (before["case"], before["referrals"]) != (after["case"], after["referrals"])
        assert after["events"] > before["events"] if changed else True
        return done

    def seen(self) -> dict[str, Any]:
        """Return all that a step may change."""
        with self.records.read() as session:
            case = session.get_one(Case, self.case_id)
            return {
                "case": case.state,
                "version": case.version,
                "lease": (case.lease_user_id, case.lease_token),
                "referrals": {row.id: row.state for row in session.scalars(select(Referral))},
                "decisions": session.scalar(select(func.count()).select_from(Decision)),
                "activity": session.scalar(select(func.count()).select_from(Activity)),
                "events": session.scalar(select(func.count()).select_from(Event)),
            }

    @property
    def newest(self) -> int:
        with self.records.read() as session:
            return session.scalar(select(func.max(Referral.id))) or 0

    @invariant()
    def the_chain_holds_and_the_case_is_whole(self) -> None:
        with self.records.read() as session:
            assert audit.verify(session).ok
            case = session.get_one(Case, self.case_id)
            assert (case.state == "leased") == (case.lease_token is not None)
            assert (case.state == "decided") == (case.decided_at is not None)

    @rule(crash=CRASHES)
    def lease(self, crash: str | None) -> None:
        lease = self.step(lambda s: queue.lease_next(s, self.people[Role.REVIEWER], ALL, self.at), crash)
        self.token = getattr(lease, "token", self.token)

    @rule(crash=CRASHES)
    def release(self, crash: str | None) -> None:
        who = self.people[Role.REVIEWER]
        self.step(lambda s: queue.release(s, who, self.case_id, self.token, self.at), crash)

    @rule(crash=CRASHES)
    def escalate(self, crash: str | None) -> None:
        def act(session: Session) -> object:
            case = session.get_one(Case, self.case_id)
            who, seen = self.people[Role.REVIEWER], (case.version, self.token, case.content_hash)
            return decision.escalate(session, who, case.id, *seen, "khó", self.at)

        self.step(act, crash)

    @rule(crash=CRASHES, role=st.sampled_from((Role.REVIEWER, Role.LEAD)))
    def decide(self, crash: str | None, role: Role) -> None:
        def act(session: Session) -> object:
            case = session.get_one(Case, self.case_id)
            return decision.decide(
                session, self.people[role], case.id, case.version, self.token, case.content_hash,
                Verdict(Outcome.DISMISS, "không sao"), self.at,
            )  # fmt: skip

        self.step(act, crash)

    @rule(crash=CRASHES)
    def reopen(self, crash: str | None) -> None:
        who = self.people[Role.LEAD]
        self.step(lambda s: decision.reopen(s, who, self.case_id, "xem lại", self.at), crash)

    @rule(crash=CRASHES)
    def propose(self, crash: str | None) -> None:
        def act(session: Session) -> object:
            case = session.get_one(Case, self.case_id)
            who = self.people[Role.REVIEWER]
            return proposal.propose(session, who, case.id, case.version, case.content_hash, SAID, self.at)

        if self.step(act, crash) is not None:
            with self.records.read() as session:
                waits = second_review.waiting(session, self.second)  # nobody reads the same twice
            if waits:
                look_blind(self.records, self.second)

    @rule(crash=CRASHES)
    def approve(self, crash: str | None) -> None:
        def act(session: Session) -> object:
            row = session.get(Referral, self.newest)
            seen = (row.evidence_sha256, row.policy) if row else ("", "")
            return referral.approve(session, self.people[Role.LEAD], self.newest, *seen, self.at)

        self.step(act, crash)

    @rule(crash=CRASHES, which=st.sampled_from(("reject", "withdraw", "recalled")))
    def end(self, crash: str | None, which: str) -> None:
        act = getattr(referral, which)
        self.step(lambda s: act(s, self.people[Role.LEAD], self.newest, "lý do", self.at), crash)

    @rule(crash=CRASHES)
    def export(self, crash: str | None) -> None:
        who = self.people[Role.LIAISON]
        self.step(lambda s: referral.exported(s, who, self.newest, "a" * 64, self.at), crash)

    @rule(crash=CRASHES)
    def acknowledge(self, crash: str | None) -> None:
        who = self.people[Role.LIAISON]
        self.step(lambda s: referral.acknowledged(s, who, self.newest, "số 1", self.at), crash)

    @rule(crash=CRASHES, hours=st.sampled_from((1, 80)))
    def later(self, crash: str | None, hours: int) -> None:
        self.at += timedelta(hours=hours)

        def act(session: Session) -> object:
            queue.expire(session, self.at)
            return referral.expire(session, self.at)

        self.step(act, crash)


TestDesk = Desk.TestCase
TestDesk.settings = settings(
    max_examples=12, stateful_step_count=25, derandomize=True, database=None,
    phases=(Phase.explicit, Phase.generate),  # to shrink a failure would take minutes
)  # fmt: skip
