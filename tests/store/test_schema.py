"""The migrations make the tables that the code declares, and the database refuses what must never be."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError, StatementError

from store import tables
from store.migrate import config, head, migrate, require_current
from store.records import Records, RecordsError
from tests.conftest import ROOT


def test_migrations_and_tables_agree(records: Records) -> None:
    with records.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.Source.metadata) == []


def test_whoever_opens_the_records_knows_every_table(sqlite: Records) -> None:
    known = subprocess.run(
        [sys.executable, "-c", "import store.records, store.base; print(*store.base.Base.metadata.tables)"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    ).stdout.split()  # fmt: skip
    assert set(known) == set(inspect(sqlite.engine).get_table_names()) - {"alembic_version"}


def test_migrating_twice_changes_nothing(records: Records) -> None:
    migrate(records)
    require_current(records)


def test_the_migrations_stand_in_a_row_and_the_last_is_their_head() -> None:
    from alembic.script import ScriptDirectory

    assert ScriptDirectory.from_config(config()).get_heads() == [head()]


def test_an_old_schema_is_a_clear_error(tmp_path: object) -> None:
    records = Records(f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(RecordsError, match="kiemtin migrate"):
        require_current(records)
    records.close()


def test_migrations_can_be_taken_back(records: Records) -> None:
    from alembic import command

    settings = config()
    with records.engine.execution_options(kiemtin_write=True).begin() as connection:
        settings.attributes["connection"] = connection
        command.downgrade(settings, "base")
    assert set(inspect(records.engine).get_table_names()) <= {"alembic_version"}


@pytest.mark.parametrize("url", ["mysql://x/y", "không phải địa chỉ", "sqlite:////proc/nowhere/x.db"])
def test_a_database_that_cannot_be_used_is_a_clear_error(url: str) -> None:
    with pytest.raises((RecordsError, OSError)):
        Records(url).check()


def test_a_time_without_a_zone_is_refused(sqlite: Records) -> None:
    naive = datetime.now(UTC).replace(tzinfo=None)
    with pytest.raises(StatementError, match="naive"), sqlite.write() as session:
        session.add(tables.Source(name="x", kind="feed", legal_basis="x", added_at=naive))


BASICS = """
INSERT INTO source (id, name, kind, language, legal_basis, rate, enabled, added_at)
    VALUES (1, 's', 'feed', 'vi', 'x', 1, true, '2026-01-01 00:00:00');
INSERT INTO capture (id, source_id, url, at, media_type, sha256, warc, "offset", length)
    VALUES (1, 1, 'u', '2026-01-01 00:00:00', 'x', 'x', 'w', 0, 1);
INSERT INTO cluster (id, size, created_at) VALUES (1, 1, '2026-01-01 00:00:00');
INSERT INTO post (id, key, source_id, capture_id, kind, language, title, text, quotes, content_hash, version,
    first_seen_at, last_seen_at, cluster_id) VALUES (1, 'k', 1, 1, 'social', 'vi', '', 't', '[]', 'h', 1,
    '2026-01-01 00:00:00', '2026-01-01 00:00:00', 1);
INSERT INTO assessment (post_id, post_version, model, policy, about, act, harmful, flagged, protected,
    uncertain, referable, priority, detail, at) VALUES (1, 1, 'm', 'p', 1, 'ad', 0.9, true, false,
    false, true, 1, '{"referable": ["r"]}', '2026-01-01 00:00:00');
UPDATE post SET assessment_id = (SELECT max(id) FROM assessment);
INSERT INTO "user" (id, login, name, role, password_hash, must_change, active, created_at)
    VALUES (1, 'a', 'A', 'reviewer', 'x', false, true, '2026-01-01 00:00:00');
INSERT INTO "case" (id, cluster_id, post_id, content_hash, state, version, priority, uncertain, opened_at)
    VALUES (1, 1, 1, 'h', 'queued', 1, 1, false, '2026-01-01 00:00:00')
"""
POLICY = (
    "INSERT INTO policy (id, version, sha256, text, reason, actor, at)"
    f" VALUES (1, 'p', '{'0' * 64}', 't', 'w', 'system', '2026-01-01 00:00:00')"
)
REFERRAL = (
    "INSERT INTO referral (case_id, state, rule, legal_basis, why_not_milder, milder, content_hash,"
    " evidence_sha256, policy, proposer_id, approver_id, proposed_at, changed_at)"
    " VALUES (1, '{state}', 'r', '{basis}', 'w', '[\"correction\"]', 'h', 'x', 'p', 1, {approver},"
    " '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
)
ASSESSMENT = (
    "INSERT INTO assessment (post_id, post_version, model, policy, about, act, harmful, flagged, protected,"
    " uncertain, referable, priority, detail, at)"
    " VALUES (1, 1, 'n', 'p', 1, 'opinion', {harmful}, true, {protected}, false,"
    " {referable}, 1, '{{}}', '2026-01-01 00:00:00')"
)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE \"case\" SET state = 'closed'",
        "UPDATE \"case\" SET state = 'leased'",
        "UPDATE \"case\" SET lease_token = 'x'",
        "UPDATE \"case\" SET state = 'leased', lease_token = 'x', lease_user_id = 1",
        "UPDATE source SET rate = 0",
        "UPDATE source SET kind = 'private group'",
        "UPDATE \"user\" SET role = 'root'",
        "UPDATE post SET kind = 'profile'",
        'INSERT INTO "case" (id, cluster_id, post_id, content_hash, state, version, priority, uncertain,'
        " opened_at) VALUES (2, 1, 1, 'h', 'queued', 1, 1, false, '2026-01-01 00:00:00')",
        REFERRAL.format(state="proposed", basis="điều", approver="1"),
        REFERRAL.format(state="proposed", basis="", approver="NULL"),
        REFERRAL.format(state="approved", basis="điều", approver="NULL"),
        REFERRAL.format(state="sent", basis="điều", approver="NULL"),
        ASSESSMENT.format(harmful="0.9", protected="true", referable="true"),
        ASSESSMENT.format(harmful="1.1", protected="false", referable="false"),
    ],
)
def test_the_database_itself_refuses_what_must_never_be(records: Records, statement: str) -> None:
    with records.write() as session:
        for basic in (*BASICS.split(";"), POLICY):
            session.connection().exec_driver_sql(basic)
    with pytest.raises(DBAPIError), records.write() as session:
        session.execute(text(statement))


def test_the_same_statements_pass_where_they_are_right(records: Records) -> None:
    with records.write() as session:
        for basic in (*BASICS.split(";"), POLICY):
            session.connection().exec_driver_sql(basic)
        session.execute(text(REFERRAL.format(state="proposed", basis="điều", approver="NULL")))
        session.execute(text(ASSESSMENT.format(harmful="0.9", protected="false", referable="true")))
