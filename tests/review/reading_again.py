"""A desk on which cases were decided, and some are read again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copy

import pytest
from sqlalchemy import select

from kiemtin import given_policy
from review import blind, decision, drawing, queue
from review.decision import Verdict
from review.drawing import Sampling
from review.permissions import Person
from review.reading import Reading
from store.keys import Keys
from store.records import Records
from store.tables import Case, Decision
from store.vocabulary import Outcome, Role
from tests.databases import sqlite_at
from tests.factory import HARMFUL, NOW, Place, person

LATER = NOW + timedelta(minutes=1)
ALL = Sampling(Keys(bytes(range(32))).lot, 1, 0)
GOLDEN = Sampling(Keys(bytes(range(32))).lot, 0, 1)

VERDICTS = {
    Outcome.DISMISS: Verdict(Outcome.DISMISS, "vô hại"),
    Outcome.PROTECTED: Verdict(Outcome.PROTECTED, "lời kể", act="testimony"),
    Outcome.CORRECT: Verdict(Outcome.CORRECT, "sai", "Không đúng."),
    Outcome.REPORT: Verdict(Outcome.REPORT, "gây hại"),
}


def reading(outcome: Outcome, reason: str = "đọc kỹ") -> Reading:
    acts = {Outcome.DISMISS: "claim", Outcome.PROTECTED: "opinion"}
    harms = () if outcome in acts else ("cure",)
    return Reading(outcome, acts.get(outcome, "claim"), harms, reason)


@dataclass
class Reread:
    """Three reviewers, two leads, an auditor and a liaison at one desk."""

    records: Records
    hoa: Person
    minh: Person
    tam: Person
    lead: Person
    chief: Person
    auditor: Person
    liaison: Person

    def decide(self, outcome: Outcome, by: Person | None = None, at: datetime = NOW) -> int:
        """Decide the next case; return its id."""
        by = by or self.hoa
        with self.records.write() as session:
            lease = queue.lease_next(session, by, queue.ALL, at)
            assert lease is not None
            made = decision.decide(
                session, by, lease.case_id, lease.version, lease.token, self.seen(lease.case_id),
                VERDICTS[outcome], at,
            )  # fmt: skip
            return made.case_id

    def seen(self, case_id: int) -> str:
        with self.records.read() as session:
            return session.get_one(Case, case_id).content_hash

    def draw(self, sampling: Sampling = ALL, at: datetime = LATER) -> int:
        with self.records.write() as session:
            return drawing.draw(session, sampling, at)

    def waits(self, who: Person) -> list[int]:
        with self.records.read() as session:
            return [one.case.id for one in blind.waiting(session, who)]

    def read(self, who: Person, case_id: int, given: Reading | Outcome, at: datetime = LATER) -> None:
        found = given if isinstance(given, Reading) else reading(given)
        with self.records.write() as session:
            blind.answer(session, who, case_id, found, self.seen(case_id), at)

    def outcomes(self, case_id: int) -> list[str]:
        """Return the outcomes of the decisions on a case, oldest first."""
        with self.records.read() as session:
            return list(
                session.scalars(
                    select(Decision.outcome).where(Decision.case_id == case_id).order_by(Decision.id)
                )
            )


def reread(records: Records) -> Reread:
    place = Place(records)
    place.take(*HARMFUL[:6])
    place.work()
    given_policy.begin(records, None)
    leads = [person(records, name, Role.LEAD) for name in ("lan", "chief")]
    others = [person(records, name) for name in ("hoa", "minh", "tam")]
    return Reread(
        records,
        *others,
        *leads,
        person(records, "aud", Role.AUDITOR),
        person(records, "lia", Role.LIAISON),
    )


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Reread]:
    """The desk, made once: scoring takes longer than all that a test does with it."""
    path = tmp_path_factory.mktemp("reread") / "kiemtin.db"
    records = sqlite_at(path)
    desk = reread(records)
    records.close()
    return path, desk


@pytest.fixture
def desk(made: tuple[Path, Reread], tmp_path: Path) -> Iterator[Reread]:
    path, of_all = made
    records = Records(f"sqlite:///{copy(path, tmp_path / 'kiemtin.db')}")
    yield replace(of_all, records=records)
    records.close()
