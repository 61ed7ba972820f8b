"""Decide with a reason, over copies that somebody confirmed; keep notes of reviewers"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
AT = sa.DateTime(timezone=True)

REASONLESS = "a decision needs a reason"
WANTING = "trim(NEW.reason) = ''"
KEPT = "a note is never changed or removed"


def upgrade() -> None:
    op.add_column("decision", sa.Column("act", sa.String(length=32), nullable=True))
    op.add_column("decision", sa.Column("claim_id", sa.String(length=64), nullable=True))
    # Of some decisions from before nobody said the reason.
    op.execute("UPDATE decision SET reason = 'không ghi' WHERE trim(reason) = ''")
    op.create_table(
        "copy_mark",
        sa.Column("case_id", ID, nullable=False),
        sa.Column("shown", sa.String(length=64), nullable=False),
        sa.Column("copy", sa.String(length=64), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.CheckConstraint("verdict IN ('same', 'different')", name=op.f("ck_copy_mark_verdict")),
        sa.CheckConstraint("shown <> copy", name=op.f("ck_copy_mark_two_texts")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_copy_mark_case_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_copy_mark_user_id")),
        sa.PrimaryKeyConstraint("case_id", "shown", "copy", name=op.f("pk_copy_mark")),
    )
    op.create_table(
        "note",
        sa.Column("id", ID, nullable=False),
        sa.Column("case_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.CheckConstraint("text <> ''", name=op.f("ck_note_text")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_note_case_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_note_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note")),
    )
    op.create_index(op.f("ix_note_case_id"), "note", ["case_id"])
    if op.get_bind().dialect.name == "sqlite":
        for name, event, when, said in (
            ("decision_reason", "INSERT ON decision", WANTING, REASONLESS),
            ("note_no_update", "UPDATE ON note", "true", KEPT),
            ("note_no_delete", "DELETE ON note", "true", KEPT),
            # SQLite fires no trigger for what INSERT OR REPLACE takes away.
            ("note_no_replace", "INSERT ON note", "EXISTS (SELECT 1 FROM note WHERE id = NEW.id)", KEPT),
        ):
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {event} WHEN {when} BEGIN SELECT RAISE(ABORT, '{said}'); END"
            )
        return
    for name, body in (
        ("decision_reason", f"IF {WANTING} THEN RAISE EXCEPTION '{REASONLESS}'; END IF; RETURN NEW;"),
        ("note_kept", f"RAISE EXCEPTION '{KEPT}';"),
    ):
        op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$")
    for name, event, each, function in (
        ("decision_reason", "INSERT ON decision", "ROW", "decision_reason"),
        ("note_no_change", "UPDATE OR DELETE ON note", "ROW", "note_kept"),
        ("note_no_truncate", "TRUNCATE ON note", "STATEMENT", "note_kept"),
    ):
        op.execute(f"CREATE TRIGGER {name} BEFORE {event} FOR EACH {each} EXECUTE FUNCTION {function}()")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER decision_reason")
    else:
        op.execute("DROP TRIGGER decision_reason ON decision")
        op.execute("DROP FUNCTION decision_reason()")
    op.drop_table("note")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION note_kept()")
    op.drop_table("copy_mark")
    op.drop_column("decision", "claim_id")
    op.drop_column("decision", "act")
