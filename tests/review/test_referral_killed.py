"""A process that dies between the change of a referral and its audit event leaves neither."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from store import audit
from store.records import Records
from store.tables import Referral
from store.vocabulary import Role
from tests.conftest import ROOT
from tests.factory import person
from tests.referable import look_blind, propose, referable_case

DIES = """
import os, signal, sys
from datetime import UTC, datetime
from sqlalchemy import event
from review import referral
from review.permissions import Person
from store.records import Records
from store.tables import Event, Referral
from store.vocabulary import Role

url, lead, when = sys.argv[1], int(sys.argv[2]), sys.argv[3]
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
if when == "before the audit":
    event.listen(Event, "before_insert", die)
with Records(url).write() as session:
    row = session.get_one(Referral, 1)
    at = datetime(2026, 11, 21, tzinfo=UTC)
    referral.approve(session, Person(lead, Role.LEAD), 1, row.evidence_sha256, row.policy, at)
    die()
"""


@pytest.mark.parametrize("when", ["before the audit", "before the end"])
def test_a_step_is_kept_whole_or_not_at_all(sqlite: Records, tmp_path: Path, when: str) -> None:
    hoa, minh = person(sqlite, "hoa"), person(sqlite, "minh")
    lan = person(sqlite, "lan", Role.LEAD)
    propose(sqlite, hoa, referable_case(sqlite))
    look_blind(sqlite, minh)
    with sqlite.read() as session:
        before = audit.verify(session)
    died = subprocess.run(
        [sys.executable, "-c", DIES, sqlite.url, str(lan.id), when],
        cwd=ROOT,
        check=False,
        capture_output=True,
    )
    assert died.returncode == -9, died.stderr.decode()
    with sqlite.read() as session:
        assert (session.get_one(Referral, 1).state, audit.verify(session)) == ("proposed", before)
