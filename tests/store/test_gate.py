"""Protected speech cannot be referred, whatever is said in raw SQL, on either database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from store import audit
from store.records import Records
from store.transfer import transfer
from tests.store.test_schema import BASICS

DAY = "'2026-01-01 00:00:00'"


def run(records: Records, *statements: str) -> None:
    with records.write() as session:
        for statement in statements:
            session.connection().exec_driver_sql(statement)


def refused(records: Records, *statements: str, saying: str) -> None:
    with pytest.raises(DBAPIError, match=saying):
        run(records, *statements)


def count(records: Records, table: str, where: str = "true") -> int:
    with records.read() as session:
        return int(session.execute(text(f"SELECT count(*) FROM {table} WHERE {where}")).scalar_one())


def case(number: int) -> list[str]:
    """Return a post without an assessment, with the case that shows it."""
    return [
        f"INSERT INTO cluster (id, size, created_at) VALUES ({number}, 1, {DAY})",
        "INSERT INTO post (id, key, source_id, capture_id, kind, language, title, text, quotes, content_hash, version,"
        f" first_seen_at, last_seen_at, cluster_id) VALUES ({number}, 'k{number}', 1, 1, 'social', 'vi', '', 't', '[]',"
        f" 'h{number}', 1, {DAY}, {DAY}, {number})",
        'INSERT INTO "case" (id, cluster_id, post_id, content_hash, state, version, priority, uncertain, opened_at)'
        f" VALUES ({number}, {number}, {number}, 'h{number}', 'queued', 1, 1, false, {DAY})",
    ]


def assessed(
    post: int,
    kind: str = "free",
    *,
    model: str = "m",
    policy: str = "p",
    version: int = 1,
    shown: bool = True,
) -> list[str]:
    """Return an assessment of a post: free with grounds, protected, or free without grounds ("bare")."""
    grounds = json.dumps({"referable": ["fraud", "incitement"] if kind == "free" else []})
    made = (
        "INSERT INTO assessment (post_id, post_version, model, policy, about, act, harmful, flagged, protected, uncertain,"
        f" referable, priority, detail, at) VALUES ({post}, {version}, '{model}', '{policy}', 1, 'ad', 0.9, false,"
        f" {str(kind == 'protected').lower()}, false, {str(kind == 'free').lower()}, 1, '{grounds}', {DAY})"
    )
    show = f"UPDATE post SET assessment_id = (SELECT max(id) FROM assessment WHERE post_id = {post}) WHERE id = {post}"
    return [made, show] if shown else [made]


def reviewed(case: int, *, by: int = 2, policy: str = "p", protected: bool = False, at: str = DAY) -> str:
    """Return the answered blind review of a case, which finds fraud unless it finds protected speech."""
    grounds = "[]" if protected else '["fraud"]'
    return (
        "INSERT INTO second_review (case_id, content_hash, why, asked_at, reviewer_id, outcome, act, harms, protected,"
        f" policy, grounds, reason, answered_at) VALUES ({case}, 'h{case}', 'referral', {DAY}, {by}, 'report', 'ad', '[]',"
        f" {str(protected).lower()}, '{policy}', '{grounds}', 'w', {at})"
    )


def referral(
    case: int, rule: str = "fraud", *, state: str = "proposed", policy: str = "p", id: str = "NULL"
) -> str:
    approved = (
        f"2, '2027-01-01', 1, {DAY}"
        if state in {"approved", "exported", "acknowledged"}
        else ", ".join(["NULL"] * 4)
    )
    number, value = ("id, ", f"{id}, ") if id != "NULL" else ("", "")
    return (
        f"INSERT INTO referral ({number}case_id, state, rule, legal_basis, why_not_milder, milder, content_hash,"
        " evidence_sha256, policy, proposer_id, approver_id, expires_at, review_id, approved_at, proposed_at, changed_at)"
        f" VALUES ({value}{case}, '{state}', '{rule}', 'điều', 'w', '[\"correction\"]', 'h{case}', 'x{case}', '{policy}', 1,"
        f" {approved}, {DAY}, {DAY})"
    )


NO = "does not allow it"
ILLEGAL = "does not go from"
POLICY = (
    "INSERT INTO policy (id, version, sha256, text, reason, actor, at)"
    f" VALUES (1, 'p', '{'0' * 64}', 'text', 'why', 'system', {DAY})"
)


@pytest.fixture
def gate(records: Records) -> Records:
    """Cases 11 (free, with grounds), 12 (protected), 13 (free, no grounds) and 14 (never assessed)."""
    run(records, *BASICS.split(";"))
    run(
        records,
        'INSERT INTO "user" (id, login, name, role, password_hash, must_change, active, created_at)'
        f" VALUES (2, 'b', 'B', 'lead', 'x', false, true, {DAY})",
        POLICY,
        *(statement for number in (11, 12, 13, 14) for statement in case(number)),
        *assessed(11, "free"),
        *assessed(12, "protected"),
        *assessed(13, "bare"),
    )
    return records


def test_only_a_case_with_grounds_is_referred_and_only_under_them(gate: Records) -> None:
    run(gate, referral(11))
    for number in (12, 13, 14, 99):
        for state in ("proposed", "approved", "exported", "acknowledged", "withdrawn", "rejected"):
            refused(gate, referral(number, state=state), saying="no referral:|begins|reviewed|sent")
    refused(gate, referral(11, "medicine_for_sale"), saying=NO)
    refused(gate, referral(11, policy="q"), saying=f"{NO}|no longer")
    assert count(gate, "referral") == 1


def test_many_at_once_are_refused_whole(gate: Records) -> None:
    many = referral(11).replace(" VALUES (11", " SELECT c.id").replace(f"{DAY})", f'{DAY} FROM "case" c')
    many = many.replace("'h11'", "c.content_hash").replace("'x11'", "c.content_hash")
    refused(gate, f"{many} WHERE c.id IN (11, 12)", saying=NO)
    assert count(gate, "referral") == 0
    run(gate, f"{many} WHERE c.id IN (11)")
    refused(gate, "UPDATE referral SET case_id = 12", saying="keeps its case|no referral:")
    assert count(gate, "referral", "case_id = 11") == 1


def test_the_latest_assessment_of_the_text_shown_decides(gate: Records) -> None:
    run(gate, *assessed(12, "free", model="n"), referral(12))
    run(gate, *assessed(11, "protected", model="n"))
    refused(gate, referral(11), saying=NO)
    run(gate, *assessed(11, "free", model="o"), referral(11))


def test_an_assessment_that_the_page_does_not_show_allows_nothing(gate: Records) -> None:
    run(gate, *assessed(12, "free", model="n", shown=False))
    refused(gate, referral(12), saying=NO)
    # Nor does a page that shows an older one than the latest.
    run(gate, *assessed(11, "protected", model="n", shown=False))
    refused(gate, referral(11), saying=NO)
    refused(gate, "UPDATE post SET assessment_id = 1 WHERE id = 12", referral(12), saying=NO)


def test_an_edited_text_is_not_referred_by_the_assessment_of_the_text_before(gate: Records) -> None:
    refused(gate, "UPDATE post SET version = 2 WHERE id = 11", referral(11), saying=NO)
    refused(gate, "UPDATE post SET content_hash = 'new' WHERE id = 11", referral(11), saying=NO)
    refused(gate, *assessed(11, "free", model="n", version=2), referral(11), saying=NO)


STEPS = {
    "approved": f"UPDATE referral SET state = 'approved', approver_id = 2, approved_at = {DAY}, expires_at = '2027-01-01', "
    "review_id = (SELECT max(s.id) FROM second_review s WHERE s.case_id = referral.case_id)",
    "exported": "UPDATE referral SET state = 'exported', exported_at = '2026-02-01 00:00:00', bundle_sha256 = 'b'",
    "acknowledged": "UPDATE referral SET state = 'acknowledged'",
}


def test_each_step_towards_a_recipient_asks_again(gate: Records) -> None:
    run(gate, referral(11), reviewed(11))
    run(gate, *assessed(11, "protected", model="n"))
    refused(gate, STEPS["approved"], saying=NO)
    run(gate, *assessed(11, "free", model="o"), STEPS["approved"])
    run(gate, *assessed(11, "protected", model="p"))
    for step in ("exported", "acknowledged"):
        refused(gate, STEPS[step], saying=f"{NO}|{ILLEGAL}|sent")
    refused(gate, "UPDATE referral SET legal_basis = 'khác'", saying=f"{NO}|keeps what was said")
    assert count(gate, "referral", "state = 'approved'") == 1


def test_what_is_protected_now_can_still_be_taken_back(gate: Records) -> None:
    for number, end in enumerate(("withdrawn", "expired", "rejected"), 21):
        run(gate, *case(number), *assessed(number), referral(number), reviewed(number))
        if end != "rejected":
            run(gate, f"{STEPS['approved']} WHERE case_id = {number}")
        run(gate, *assessed(number, "protected", model="n"))
        run(gate, f"UPDATE referral SET state = '{end}' WHERE case_id = {number}")
        back = f"UPDATE referral SET state = 'proposed' WHERE case_id = {number}"
        refused(gate, back, saying=f"{NO}|{ILLEGAL}")


def test_a_bundle_that_was_sent_is_acknowledged_and_recalled_whatever_came_later(gate: Records) -> None:
    run(gate, referral(11), reviewed(11), STEPS["approved"], STEPS["exported"])
    run(gate, *assessed(11, "protected", model="n"))
    run(gate, STEPS["acknowledged"])
    run(gate, "UPDATE referral SET state = 'recalled'")
    refused(gate, "UPDATE referral SET state = 'exported'", saying=f"{NO}|{ILLEGAL}")


def test_a_referral_keeps_what_was_approved(gate: Records) -> None:
    run(gate, referral(11), reviewed(11), STEPS["approved"], "UPDATE referral SET state = 'withdrawn'")
    for change in (
        "case_id = 13",
        "rule = 'incitement'",
        "policy = 'q'",
        "evidence_sha256 = 'y'",
        "proposer_id = 3",
    ):
        refused(gate, f"UPDATE referral SET {change}", saying="keeps its case")
        refused(gate, f"UPDATE referral SET state = 'withdrawn', {change}", saying="keeps its case")


def test_an_assessment_is_never_changed(gate: Records) -> None:
    grounds = 'detail = \'{"referable": ["fraud"]}\''
    for change in (
        "protected = false", "referable = true", "protected = false, referable = true", "policy = 'q'", "model = 'x'",
        "flagged = true", grounds, "post_id = 11", "post_version = 2", "at = '2027-01-01'",
    ):  # fmt: skip
        refused(gate, f"UPDATE assessment SET {change} WHERE post_id = 12", saying="never changed")
        refused(gate, f"UPDATE assessment SET {change}", saying="never changed")
    refused(gate, referral(12), saying=NO)


def test_the_assessments_of_a_case_are_not_removed_and_those_of_other_posts_can_be(gate: Records) -> None:
    run(gate, *assessed(12, "free", model="n"), *assessed(12, "protected", model="o"))
    refused(gate, "DELETE FROM assessment WHERE model = 'o'", saying="never removed")
    refused(gate, "DELETE FROM assessment", saying="never removed")
    run(gate, *case(15)[:2], *assessed(15))
    run(gate, "DELETE FROM assessment WHERE post_id = 15")
    assert count(gate, "assessment", "post_id = 12") == 3


def test_a_protected_assessment_is_not_put_over_by_another(gate: Records) -> None:
    (over, _) = assessed(12, "free")
    if gate.is_sqlite:
        refused(gate, over.replace("INSERT", "INSERT OR REPLACE"), saying="never changed")
        number = over.replace("(post_id", "(id, post_id").replace("VALUES (12", "VALUES (3, 12")
        refused(gate, number.replace("INSERT", "INSERT OR REPLACE"), saying="never changed")
    else:
        put = "ON CONFLICT (post_id, post_version, model, policy) DO UPDATE SET protected = false, referable = true"
        refused(gate, f"{over} {put}", saying="never changed")
        refused(gate, "TRUNCATE assessment CASCADE", saying="never changed")
    assert count(gate, "assessment", "post_id = 12 AND protected") == 1


def test_a_protected_assessment_that_is_referable_cannot_be_written(gate: Records) -> None:
    (both, _) = assessed(14, "protected")
    refused(
        gate,
        both.replace("true, false, false, 1,", "true, false, true, 1,"),
        saying="protected_is_never_referable",
    )


def test_a_policy_that_was_in_force_is_kept_as_it_was(records: Records) -> None:
    run(records, POLICY)
    again = [
        POLICY.replace("(1, 'p'", "(2, 'p'"), POLICY.replace("(1, 'p'", "(1, 'v2'"),
        POLICY.replace("(1, 'p'", "(2, 'v2'").replace("'why'", "''"),
        POLICY.replace("(1, 'p'", "(2, 'v2'").replace("0" * 64, "0"),
    ]  # fmt: skip
    if records.is_sqlite:
        again += [statement.replace("INSERT", "INSERT OR REPLACE") for statement in again]
    for change in (
        "UPDATE policy SET text = 'other'",
        "UPDATE policy SET reason = 'other'",
        "DELETE FROM policy",
    ):
        refused(records, change, saying="never changed")
    for statement in again:
        refused(records, statement, saying="policy")
    assert count(records, "policy", "version = 'p' AND text = 'text' AND reason = 'why'") == 1
    run(records, POLICY.replace("(1, 'p'", "(2, 'v2'"))


@pytest.mark.postgres
def test_postgresql_refuses_to_truncate_the_policies(postgres: Records) -> None:
    run(postgres, POLICY)
    refused(postgres, "TRUNCATE policy", saying="never changed")


def test_an_event_of_the_audit_log_is_not_put_over_by_another(sqlite: Records) -> None:
    with sqlite.write() as session:
        audit.append(session, "system", "a", "b:1")
        audit.append(session, "system", "a", "b:2")
    for column in ("id", "previous"):
        (others,) = ([c for c in ("id", "previous") if c != column],)
        new = {"id": "id", "previous": "previous"} | {others[0]: "99" if others[0] == "id" else "'x'"}
        refused(
            sqlite,
            "INSERT OR REPLACE INTO event (id, at, actor, action, subject, detail, previous, hash)"
            f" SELECT {new['id']}, at, 'user:9', action, subject, detail, {new['previous']}, hash FROM event WHERE id = 2",
            saying="append-only",
        )
    with sqlite.read() as session:
        assert audit.verify(session).ok


def test_a_copy_of_the_records_keeps_a_referral_that_would_not_be_allowed_now(
    gate: Records, tmp_path: Path
) -> None:
    run(gate, referral(11), reviewed(11), STEPS["approved"], STEPS["exported"])
    run(gate, *assessed(11, "protected", model="n"), "UPDATE referral SET state = 'recalled'")
    copy = Records(f"sqlite:///{tmp_path / 'copy.db'}")
    transfer(gate, copy)
    assert count(copy, "referral", "state = 'recalled'") == 1
    refused(copy, referral(12), saying=NO)
    refused(copy, "UPDATE referral SET state = 'exported'", saying=f"{NO}|{ILLEGAL}")
    copy.close()


@pytest.mark.postgres
def test_the_gate_is_closed_again_on_postgresql_too(postgres: Records, sqlite: Records) -> None:
    run(sqlite, *BASICS.split(";"), *case(12), *assessed(12, "protected"))
    transfer(sqlite, postgres)
    refused(postgres, referral(12), saying=NO)
