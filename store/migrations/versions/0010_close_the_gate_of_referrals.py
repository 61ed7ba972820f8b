"""Close the gate of referrals: a blind second review, two persons, one policy, one evidence"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

ANSWERED = "an answered second review is never changed or removed"
BARRED = "a second review is not answered by who is barred from it"
BARS = "the bars of a second review are never lifted"
BEGINS = "a referral begins as a proposal that names the milder means considered"
ILLEGAL = "a referral does not go from one of these states to the other"
PROTECTED = "no referral: the case stands as protected speech"
CHANGED = "no referral: the text or the policy is no longer that of the proposal"
ALONE = "no referral: no other person who looked blind at this text found its grounds by the policy in force"
SAID = "a referral keeps what was said of it"
STAYS = "a referral is never removed"

MOVES = (
    ("proposed", "approved"), ("proposed", "rejected"), ("proposed", "withdrawn"),
    ("approved", "exported"), ("approved", "expired"), ("approved", "withdrawn"),
    ("exported", "acknowledged"), ("exported", "recalled"), ("acknowledged", "recalled"),
)  # fmt: skip
LEGAL = " OR ".join(f"(OLD.state = '{one}' AND NEW.state = '{other}')" for one, other in MOVES)
# What a referral said from the start, and what it never says again once it was said.
KEPT = ("legal_basis", "why_not_milder", "milder", "content_hash", "proposed_at")
ONCE = ("approver_id", "review_id", "approved_at", "expires_at", "exported_at", "bundle_sha256", "receipt")
# Whoever found protected speech in a case is answered only by two persons who found harm in it since.
FOUND = """
    SELECT user_id AS person, outcome = 'protected' AS protected, outcome IN ('correct', 'report') AS harm, at
    FROM decision WHERE case_id = NEW.case_id AND undone_at IS NULL
    UNION ALL
    SELECT reviewer_id, protected, outcome IN ('correct', 'report') AND NOT protected, answered_at
    FROM second_review WHERE case_id = NEW.case_id AND answered_at IS NOT NULL
"""
STANDS = f"""
    SELECT 1 FROM ({FOUND}) f WHERE f.protected
    AND (SELECT count(DISTINCT g.person) FROM ({FOUND}) g WHERE g.harm AND g.at > f.at) < 2
"""
# The policy in force is that of the proposal, and so is the text that the case shows.
SAME = """
    SELECT 1 FROM "case" c WHERE c.id = NEW.case_id AND c.content_hash = NEW.content_hash
    AND NEW.policy = (SELECT version FROM policy ORDER BY id DESC LIMIT 1)
"""
# The last blind review of the text is by somebody else than the proposer, by this policy, and finds the rule.
AGREED = """
    SELECT 1 FROM second_review s WHERE s.id = NEW.review_id AND s.case_id = NEW.case_id
    AND s.content_hash = NEW.content_hash AND s.reviewer_id <> NEW.proposer_id AND NOT s.protected
    AND s.policy = NEW.policy AND {named}
    AND NOT EXISTS (
        SELECT 1 FROM second_review n WHERE n.case_id = s.case_id AND n.content_hash = s.content_hash
        AND n.answered_at > s.answered_at
    )
"""
FORWARD = "NEW.state IN ('proposed', 'approved', 'exported')"
TAKES = "NEW.state IN ('approved', 'exported')"
UNDER_WAY = "state IN ('proposed', 'approved', 'exported', 'acknowledged')"
# SQLite needs a trigger for each of INSERT and UPDATE.
SECOND = ("gate_protected_again", "gate_same_again")
REFERRAL = ("begins", "gate_protected", "gate_same", "gate_agreed", "moves", "said", "stays")


def upgrade() -> None:
    op.create_table(
        "second_review",
        sa.Column("id", ID, nullable=False),
        sa.Column("case_id", ID, nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("why", sa.String(length=16), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reviewer_id", ID, nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("act", sa.String(length=32), nullable=True),
        sa.Column("harms", JSON, nullable=False),
        sa.Column("protected", sa.Boolean(), nullable=True),
        sa.Column("policy", sa.String(length=100), nullable=True),
        sa.Column("grounds", JSON, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("why IN ('sample', 'referral', 'complaint')", name=op.f("ck_second_review_why")),
        sa.CheckConstraint(
            "outcome IS NULL OR outcome IN ('dismiss', 'protected', 'correct', 'report')",
            name=op.f("ck_second_review_outcome"),
        ),
        sa.CheckConstraint(
            "(answered_at IS NULL) = (reviewer_id IS NULL) AND (answered_at IS NULL) = (outcome IS NULL)"
            " AND (answered_at IS NULL) = (act IS NULL) AND (answered_at IS NULL) = (protected IS NULL)",
            name=op.f("ck_second_review_answer"),
        ),
        sa.CheckConstraint("outcome <> 'protected' OR protected", name=op.f("ck_second_review_protected")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_second_review_case_id")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["user.id"], name=op.f("fk_second_review_reviewer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_second_review")),
    )
    op.create_index("ix_second_review_case_id", "second_review", ["case_id"])
    op.create_index("ix_second_review_reviewer_id", "second_review", ["reviewer_id"])
    op.create_index(
        "uq_second_review_waiting",
        "second_review",
        ["case_id", "content_hash", "why"],
        unique=True,
        sqlite_where=sa.text("answered_at IS NULL"),
        postgresql_where=sa.text("answered_at IS NULL"),
    )
    op.create_table(
        "second_review_bar",
        sa.Column("review_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["review_id"], ["second_review.id"], name=op.f("fk_second_review_bar_review_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_second_review_bar_user_id")),
        sa.PrimaryKeyConstraint("review_id", "user_id", name=op.f("pk_second_review_bar")),
    )
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for column in (
        _columns("INTEGER", "DATETIME", "JSON")
        if on_sqlite
        else _columns("BIGINT", "TIMESTAMP WITH TIME ZONE", "JSONB")
    ):
        op.execute(f"ALTER TABLE referral ADD COLUMN {column}")
    for name, key, where in (
        ("open", "case_id", "state IN ('proposed', 'approved')"),
        ("evidence", "evidence_sha256", UNDER_WAY),
    ):
        op.create_index(
            f"uq_referral_{name}", "referral", [key], unique=True,
            sqlite_where=sa.text(where), postgresql_where=sa.text(where),
        )  # fmt: skip
    for statement in _sqlite() if on_sqlite else _postgresql():
        op.execute(statement)


def _columns(number: str, moment: str, listed: str) -> list[str]:
    """Return the new columns of a referral; each constraint stands with the last of those it names."""
    return [
        f"milder {listed} DEFAULT '[]' NOT NULL",
        "content_hash VARCHAR(64) DEFAULT '' NOT NULL",
        f"approved_at {moment}",
        f"review_id {number} CONSTRAINT ck_referral_reviewed CHECK (state IN ('proposed', 'rejected',"
        " 'withdrawn') OR (review_id IS NOT NULL AND approved_at IS NOT NULL AND approved_at < expires_at))",
        f"exported_at {moment}",
        "bundle_sha256 VARCHAR(64) CONSTRAINT ck_referral_sent CHECK (state NOT IN ('exported', 'acknowledged',"
        " 'recalled') OR (bundle_sha256 IS NOT NULL AND exported_at IS NOT NULL AND exported_at >= approved_at"
        " AND exported_at < expires_at))",
        "receipt TEXT",
        "end_reason TEXT DEFAULT '' NOT NULL",
    ]


NEW_COLUMNS = (
    "end_reason", "receipt", "bundle_sha256", "exported_at", "review_id", "approved_at", "content_hash", "milder",
)  # fmt: skip


def downgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for name in (*REFERRAL, *(SECOND if on_sqlite else ("no_truncate",))):
        op.execute(f"DROP TRIGGER referral_{name}" + ("" if on_sqlite else " ON referral"))
    for name in () if on_sqlite else REFERRAL:
        op.execute(f"DROP FUNCTION referral_{name}()")
    for name in ("open", "evidence"):
        op.drop_index(f"uq_referral_{name}", "referral")
    for column in NEW_COLUMNS:
        op.execute(f"ALTER TABLE referral DROP COLUMN {column}")
    op.drop_table("second_review_bar")
    op.drop_table("second_review")
    if not on_sqlite:
        for name in ("second_review_kept", "second_review_barred", "second_review_bar_kept"):
            op.execute(f"DROP FUNCTION {name}()")


IS_BARRED = "SELECT 1 FROM second_review_bar b WHERE b.review_id = NEW.id AND b.user_id = NEW.reviewer_id"


def _begins(length: str) -> str:
    return f"NEW.state <> 'proposed' OR {length}(NEW.milder) = 0"


def _changed(other: str) -> str:
    kept = [f"NEW.{column} {other} OLD.{column}" for column in KEPT]
    once = [f"(OLD.{column} IS NOT NULL AND NEW.{column} {other} OLD.{column})" for column in ONCE]
    return " OR ".join([*kept, *once])


def _sqlite() -> list[str]:
    agreed = AGREED.format(named="EXISTS (SELECT 1 FROM json_each(s.grounds) r WHERE r.value = NEW.rule)")
    gates = {
        "gate_protected": (f"{FORWARD} AND EXISTS ({STANDS})", PROTECTED),
        "gate_same": (f"{FORWARD} AND NOT EXISTS ({SAME})", CHANGED),
    }
    return [
        *(_trigger(f"referral_{name}", "INSERT ON referral", *gate) for name, gate in gates.items()),
        *(_trigger(f"referral_{name}_again", "UPDATE ON referral", *gate) for name, gate in gates.items()),
        _trigger("referral_gate_agreed", "UPDATE ON referral", f"{TAKES} AND NOT EXISTS ({agreed})", ALONE),
        _trigger("referral_begins", "INSERT ON referral", _begins("json_array_length"), BEGINS),
        _trigger("referral_moves", "UPDATE ON referral", f"NEW.state <> OLD.state AND NOT ({LEGAL})", ILLEGAL),
        _trigger("referral_said", "UPDATE ON referral", _changed("IS NOT"), SAID),
        _trigger("referral_stays", "DELETE ON referral", "true", STAYS),
        _trigger(
            "second_review_no_update", "UPDATE ON second_review", "OLD.answered_at IS NOT NULL", ANSWERED
        ),
        _trigger(
            "second_review_no_delete", "DELETE ON second_review", "OLD.answered_at IS NOT NULL", ANSWERED
        ),
        # SQLite fires no trigger for what INSERT OR REPLACE takes away.
        _trigger(
            "second_review_no_replace", "INSERT ON second_review",
            "EXISTS (SELECT 1 FROM second_review WHERE id = NEW.id)", ANSWERED,
        ),
        _trigger("second_review_barred", "UPDATE ON second_review", f"EXISTS ({IS_BARRED})", BARRED),
        _trigger("second_review_bar_no_update", "UPDATE ON second_review_bar", "true", BARS),
        _trigger("second_review_bar_no_delete", "DELETE ON second_review_bar", "true", BARS),
    ]  # fmt: skip


def _trigger(name: str, event: str, when: str, said: str) -> str:
    return f"CREATE TRIGGER {name} BEFORE {event} WHEN {when} BEGIN SELECT RAISE(ABORT, '{said}'); END"


def _postgresql() -> list[str]:
    agreed = AGREED.format(named="jsonb_exists(s.grounds, NEW.rule)")
    functions = {
        "referral_gate_protected": _unless(f"{FORWARD} AND EXISTS ({STANDS})", PROTECTED),
        "referral_gate_same": _unless(f"{FORWARD} AND NOT EXISTS ({SAME})", CHANGED),
        "referral_gate_agreed": _unless(f"{TAKES} AND NOT EXISTS ({agreed})", ALONE),
        "referral_begins": _unless(_begins("jsonb_array_length"), BEGINS),
        "referral_moves": _unless(f"NEW.state <> OLD.state AND NOT ({LEGAL})", ILLEGAL),
        "referral_said": _unless(_changed("IS DISTINCT FROM"), SAID),
        "referral_stays": f"RAISE EXCEPTION '{STAYS}';",
        "second_review_kept": f"IF OLD.answered_at IS NOT NULL THEN RAISE EXCEPTION '{ANSWERED}'; END IF;"
        " IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW;",
        "second_review_barred": _unless(f"EXISTS ({IS_BARRED})", BARRED),
        "second_review_bar_kept": f"RAISE EXCEPTION '{BARS}';",
    }
    triggers = (
        ("referral_gate_protected", "INSERT OR UPDATE ON referral", "ROW", "referral_gate_protected"),
        ("referral_gate_same", "INSERT OR UPDATE ON referral", "ROW", "referral_gate_same"),
        ("referral_gate_agreed", "UPDATE ON referral", "ROW", "referral_gate_agreed"),
        ("referral_begins", "INSERT ON referral", "ROW", "referral_begins"),
        ("referral_moves", "UPDATE ON referral", "ROW", "referral_moves"),
        ("referral_said", "UPDATE ON referral", "ROW", "referral_said"),
        ("referral_stays", "DELETE ON referral", "ROW", "referral_stays"),
        ("referral_no_truncate", "TRUNCATE ON referral", "STATEMENT", "referral_stays"),
        ("second_review_no_change", "UPDATE OR DELETE ON second_review", "ROW", "second_review_kept"),
        ("second_review_barred", "UPDATE ON second_review", "ROW", "second_review_barred"),
        ("second_review_bar_no_change", "UPDATE OR DELETE ON second_review_bar", "ROW", "second_review_bar_kept"),
        ("second_review_bar_no_truncate", "TRUNCATE ON second_review_bar", "STATEMENT", "second_review_bar_kept"),
    )  # fmt: skip
    return [
        *(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"
            for name, body in functions.items()
        ),
        *(
            f"CREATE TRIGGER {name} BEFORE {event} FOR EACH {each} EXECUTE FUNCTION {function}()"
            for name, event, each, function in triggers
        ),
    ]


def _unless(wrong: str, said: str) -> str:
    return f"IF {wrong} THEN RAISE EXCEPTION '{said}'; END IF; RETURN NEW;"
