"""What is settled, drawn, answered or closed is not changed in raw SQL either, on either database."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.records import Records
from store.transfer import transfer
from tests.store.test_gate import DAY, case, count, refused, run
from tests.store.test_schema import BASICS

READING = """'{"outcome": "report"}'"""
KEPT = "never changed or removed"


def adjudication(number: int, *, settled: bool = False, lead: int = 3) -> str:
    end = f"{lead}, 'dismiss', 'vì', {DAY}" if settled else "NULL, NULL, '', NULL"
    return (
        "INSERT INTO adjudication (id, about, why, case_id, content_hash, first_id, first, second_id, second, opened_at,"
        f" lead_id, outcome, reason, settled_at) VALUES ({number}, 'second_review:{number}', 'sample', 11, 'h11', 1,"
        f" {READING}, 2, {READING}, {DAY}, {end})"
    )


def complaint(number: int, state: str, *, assigned: str = "NULL", review: str = "NULL") -> str:
    closed = DAY if state in {"upheld", "changed", "withdrawn"} else "NULL"
    return (
        "INSERT INTO complaint (id, kind, state, reference, received_on, said, case_id, decision_id, decider_id, typed_by,"
        f" typed_at, assigned_id, review_id, answer, closed_at) VALUES ({number}, 'complaint', '{state}', '{number}/Đ',"
        f" '2026-01-01', 'x', 11, 1, 1, 2, {DAY}, {assigned}, {review}, 'vì', {closed})"
    )


@pytest.fixture
def kept(records: Records) -> Records:
    """A decided case with a lot, a settled and an open adjudication, a known case with answers, a closed complaint."""
    people = ", ".join(f"({number}, 'u{number}', 'U', 'lead', 'x', false, true, {DAY})" for number in (2, 3))
    run(
        records,
        *BASICS.split(";"),
        'INSERT INTO "user" (id, login, name, role, password_hash, must_change, active, created_at)'
        f" VALUES {people}",
        *case(11),
        "INSERT INTO decision (id, case_id, case_version, user_id, outcome, reason, correction, policy, snapshot,"
        f" snapshot_sha256, at) VALUES (1, 11, 1, 1, 'report', 'x', '', 'p', '{{}}', 'x', {DAY})",
        "INSERT INTO second_review (id, case_id, content_hash, why, asked_at, harms, grounds, reason)"
        f" VALUES (1, 11, 'h11', 'sample', {DAY}, '[]', '[]', '')",
        f"INSERT INTO draw (decision_id, lot, share, review_id, at) VALUES (1, 0.01, 0.05, 1, {DAY})",
        adjudication(1, settled=True),
        adjudication(2),
        "INSERT INTO golden (id, adjudication_id, case_id, content_hash, outcome, marked_by, marked_at, retired_why)"
        f" VALUES (1, 1, 11, 'h11', 'dismiss', 3, {DAY}, '')",
        "INSERT INTO golden_answer (id, golden_id, user_id, asked_at, outcome, act, harms, reason, answered_at)"
        f" VALUES (1, 1, 2, {DAY}, 'dismiss', 'claim', '[]', 'x', {DAY})",
        complaint(1, "withdrawn"),
        complaint(2, "assigned", assigned="2", review="1"),
    )
    return records


def test_what_is_done_is_kept_as_it_was(kept: Records, tmp_path: Path) -> None:
    for statement in (
        "UPDATE draw SET share = 1", "DELETE FROM draw",
        "UPDATE adjudication SET outcome = 'report'", "DELETE FROM adjudication WHERE id = 1",
        "UPDATE golden_answer SET outcome = 'report'", "DELETE FROM golden_answer",
        "UPDATE complaint SET answer = 'khác' WHERE id = 1", "DELETE FROM complaint WHERE id = 1",
    ):  # fmt: skip
        refused(kept, statement, saying=KEPT)
    if kept.is_sqlite:
        for statement in (
            adjudication(1, settled=True, lead=3),
            complaint(1, "withdrawn"),
            f"INSERT INTO draw (decision_id, lot, share, at) VALUES (1, 0.5, 0, {DAY})",
        ):
            refused(kept, statement.replace("INSERT", "INSERT OR REPLACE", 1), saying=KEPT)
    copy = Records(f"sqlite:///{tmp_path / 'copy.db'}")
    transfer(kept, copy)
    assert [count(copy, table) for table in ("draw", "adjudication", "golden", "golden_answer", "complaint")] == [
        1, 2, 1, 1, 2,
    ]  # fmt: skip
    copy.close()


def test_nobody_settles_or_judges_what_they_decided(kept: Records) -> None:
    for reader in (1, 2):
        end = f"lead_id = {reader}, outcome = 'dismiss', reason = 'x', settled_at = {DAY}"
        refused(kept, f"UPDATE adjudication SET {end} WHERE id = 2", saying="third_person")
    for wrong, saying in (
        ("lead_id = 3", "settled"),
        (f"lead_id = 3, outcome = 'dismiss', settled_at = {DAY}", "reason"),
        (f"lead_id = 3, outcome = 'lạ', reason = 'x', settled_at = {DAY}", "outcome"),
    ):
        refused(kept, f"UPDATE adjudication SET {wrong} WHERE id = 2", saying=saying)
    for wrong, saying in (
        ("assigned_id = 1", "somebody_else"),
        ("state = 'upheld'", "closed"),
        ("assigned_id = NULL", "reviewed"),
        ("state = 'lạ'", "state"),
        ("said = ''", "whole"),
    ):
        refused(kept, f"UPDATE complaint SET {wrong} WHERE id = 2", saying=saying)
    refused(kept, "UPDATE golden SET retired_by = 3", saying="retired")
