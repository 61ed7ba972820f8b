"""The database itself keeps the gate of referrals: two persons, a blind review, legal moves, in raw SQL."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pytest
from sqlalchemy.exc import DBAPIError

from review.referral import MOVES
from store.records import Records
from store.vocabulary import ReferralState
from tests.store.test_gate import DAY, POLICY, STEPS, assessed, case, count, referral, refused, reviewed, run
from tests.store.test_schema import BASICS

LATE = "'2026-01-02 00:00:00'"
REFUSALS = ("does not go from", "no referral:", "ck_referral", "keeps what was said")
ALONE = "no other person"
PROTECTED = "stands as protected"
ENDS = {
    end: f"UPDATE referral SET state = '{end}'" for end in ("rejected", "withdrawn", "expired", "recalled")
}
TO = {**STEPS, **ENDS, "proposed": "UPDATE referral SET state = 'proposed'"}
WAYS = {
    "proposed": (), "approved": ("approved",), "rejected": ("rejected",), "withdrawn": ("withdrawn",),
    "expired": ("approved", "expired"), "exported": ("approved", "exported"),
    "acknowledged": ("approved", "exported", "acknowledged"), "recalled": ("approved", "exported", "recalled"),
}  # fmt: skip


def decided(version: int, user: int, outcome: str, at: str) -> str:
    return (
        "INSERT INTO decision (case_id, case_version, user_id, outcome, reason, correction, policy, snapshot,"
        f" snapshot_sha256, at) VALUES (11, {version}, {user}, '{outcome}', 'w', '', 'p', '{{}}', 'x', {at})"
    )


@pytest.fixture
def gate(records: Records) -> Records:
    """Case 11, free and with grounds, and four persons."""
    people = [
        'INSERT INTO "user" (id, login, name, role, password_hash, must_change, active, created_at)'
        f" VALUES ({number}, 'u{number}', 'U', 'lead', 'x', false, true, {DAY})"
        for number in (2, 3, 4)
    ]
    run(records, *BASICS.split(";"), *people, POLICY, *case(11), *assessed(11))
    return records


def tried(records: Records, *statements: str) -> str:
    """Run statements and take them back; return what the database said against the last one, "" when nothing."""
    with records.engine.execution_options(kiemtin_write=True).connect() as connection:
        for statement in statements[:-1]:
            connection.exec_driver_sql(statement)
        try:
            connection.exec_driver_sql(statements[-1])
        except DBAPIError as error:
            return str(error.orig)
        finally:
            connection.rollback()
    return ""


def test_the_whole_square_of_moves_is_kept_by_the_database(gate: Records) -> None:
    ready = [referral(11), reviewed(11)]
    for current, target in product(ReferralState, ReferralState):
        steps: Sequence[str] = [*ready, *(TO[step] for step in WAYS[current]), TO[target]]
        said = tried(gate, *steps)
        if target in MOVES[current]:
            assert said == "", (current, target)
        elif current != target:
            assert any(words in said for words in REFUSALS), (current, target, said)
    assert count(gate, "referral") == 0


def test_a_referral_begins_as_a_proposal_that_considered_milder_means(gate: Records) -> None:
    assert tried(gate, reviewed(11), referral(11)) == ""
    for state in ("approved", "exported", "withdrawn", "rejected"):
        assert tried(gate, reviewed(11), referral(11, state=state)) != ""
    assert "begins as a proposal" in tried(gate, referral(11).replace('["correction"]', "[]"))


def test_two_persons_and_a_blind_review_by_another_are_behind_an_approval(gate: Records) -> None:
    approve = STEPS["approved"]
    assert ALONE in tried(gate, referral(11), approve.replace("(SELECT max(s.id)", "(SELECT 7 + count(*)"))
    for review in (
        reviewed(11, by=1),
        reviewed(11, protected=True),
        reviewed(11, policy="q"),
        reviewed(11).replace('["fraud"]', "[]"),
        reviewed(11).replace('["fraud"]', '["incitement"]'),
        reviewed(11).replace("'h11'", "'other'"),
    ):
        assert any(w in tried(gate, referral(11), review, approve) for w in (ALONE, PROTECTED)), review
    # A later review that does not agree counts, whatever an earlier one said.
    later = reviewed(11, by=3, at=LATE).replace('["fraud"]', "[]")
    first = approve.replace("max(s.id)", "min(s.id)")
    assert ALONE in tried(gate, referral(11), reviewed(11), later, first)
    assert "two_persons" in tried(
        gate, referral(11), reviewed(11), approve.replace("approver_id = 2", "approver_id = 1")
    )
    assert "ck_referral" in tried(gate, referral(11), reviewed(11), approve.replace("approver_id = 2,", ""))
    for missing in (f"approved_at = {DAY}, ", "expires_at = '2027-01-01', "):
        assert "ck_referral" in tried(gate, referral(11), reviewed(11), approve.replace(missing, "")), missing


def test_what_was_approved_is_not_approved_anew_nor_for_longer(gate: Records) -> None:
    ready = [referral(11), reviewed(11), STEPS["approved"]]
    for change in (
        "approver_id = 3", "expires_at = '2099-01-01'", "review_id = 9", f"approved_at = {LATE}", "expires_at = NULL",
        "legal_basis = 'khác'", "why_not_milder = 'khác'", "milder = '[]'", "content_hash = 'y'",
    ):  # fmt: skip
        assert tried(gate, *ready, f"UPDATE referral SET {change}") != "", change
    sent = [*ready, STEPS["exported"]]
    for change in ("bundle_sha256 = 'c'", "exported_at = '2026-03-01 00:00:00'", "bundle_sha256 = NULL"):
        assert tried(gate, *sent, f"UPDATE referral SET {change}") != "", change


def test_nothing_is_sent_without_its_bundle_or_after_its_time(gate: Records) -> None:
    ready = [referral(11), reviewed(11), STEPS["approved"]]
    assert "sent" in tried(gate, *ready, "UPDATE referral SET state = 'exported'")
    late = STEPS["exported"].replace("2026-02-01", "2027-01-01")
    assert "sent" in tried(gate, *ready, late)
    early = STEPS["exported"].replace("2026-02-01", "2025-02-01")
    assert "sent" in tried(gate, *ready, early)
    assert tried(gate, *ready, STEPS["exported"]) == ""


def test_another_text_or_another_policy_stops_what_was_proposed(gate: Records) -> None:
    switched = POLICY.replace("(1, 'p'", "(2, 'q'")
    edited = "UPDATE \"case\" SET content_hash = 'new' WHERE id = 11"
    for change in (switched, edited):
        assert tried(gate, change, referral(11)) != ""
        assert tried(gate, referral(11), reviewed(11), change, STEPS["approved"]) != ""
        assert tried(gate, referral(11), reviewed(11), STEPS["approved"], change, STEPS["exported"]) != ""
        assert tried(gate, referral(11), reviewed(11), STEPS["approved"], change, ENDS["expired"]) == ""


def test_one_person_alone_does_not_relabel_what_was_found_protected(gate: Records) -> None:
    found = decided(1, 2, "protected", DAY)
    times = [f"'2026-01-0{day} 00:00:00'" for day in (2, 3, 4)]
    alone = [decided(2, 3, "report", times[0]), decided(3, 3, "correct", times[1])]
    nobody = [*alone, decided(4, 4, "dismiss", times[2])]
    undone = [
        *alone,
        decided(4, 4, "report", times[2]),
        "UPDATE decision SET undone_at = at WHERE case_version = 4",
    ]
    for others in ([], alone, nobody, undone):
        assert PROTECTED in tried(gate, found, *others, referral(11)), others
    assert tried(gate, found, *alone, decided(4, 4, "report", times[2]), referral(11)) == ""
    # What somebody finds in a blind review stands as well, and closes what is open.
    assert PROTECTED in tried(gate, reviewed(11, protected=True), referral(11))
    assert PROTECTED in tried(gate, referral(11), reviewed(11), STEPS["approved"], found, STEPS["exported"])


def test_one_case_has_one_open_referral_and_one_evidence_is_sent_once(gate: Records) -> None:
    again = referral(11, id="99")
    assert "uq_referral_open" in tried(gate, referral(11), again) or "UNIQUE" in tried(
        gate, referral(11), again
    )
    sent = [referral(11), reviewed(11), STEPS["approved"], STEPS["exported"]]
    assert "evidence" in tried(gate, *sent, again)
    assert tried(gate, *sent, ENDS["recalled"], again) == ""


def test_a_referral_is_never_removed(gate: Records) -> None:
    assert "never removed" in tried(gate, referral(11), "DELETE FROM referral")
    if gate.is_sqlite:
        over = referral(11, id="5")
        assert tried(gate, over, over.replace("INSERT", "INSERT OR REPLACE")) != ""
    else:
        assert "never removed" in tried(gate, "TRUNCATE referral CASCADE")


def test_a_second_review_is_answered_once_by_who_may(gate: Records) -> None:
    waits = (
        "INSERT INTO second_review (id, case_id, content_hash, why, asked_at, harms, grounds, reason)"
        f" VALUES (50, 11, 'h11', 'sample', {DAY}, '[]', '[]', '')"
    )
    bar = "INSERT INTO second_review_bar (review_id, user_id) VALUES (50, 2)"
    given = f"UPDATE second_review SET reviewer_id = 2, outcome = 'report', act = 'ad', protected = false, answered_at = {DAY}"
    assert tried(gate, waits, given) == ""
    assert "barred" in tried(gate, waits, bar, given)
    for change in ("DELETE FROM second_review_bar", "UPDATE second_review_bar SET user_id = 3"):
        assert "never lifted" in tried(gate, waits, bar, change)
    for change in (
        "UPDATE second_review SET reason = 'y'",
        "UPDATE second_review SET answered_at = NULL",
        "DELETE FROM second_review",
    ):
        assert "never changed" in tried(gate, waits, given, change), change
    assert "ck_second_review" in tried(gate, waits, given.replace("'report'", "'protected'"))
    assert "ck_second_review" in tried(gate, waits, "UPDATE second_review SET outcome = 'report'")
    assert tried(gate, waits, waits.replace("(50", "(51")) != ""
    refused(gate, waits.replace("'sample'", "'curiosity'"), saying="ck_second_review_why")
