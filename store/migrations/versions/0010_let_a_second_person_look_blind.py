"""Let a second person look, blind, before anything is referred"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0007"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

ANSWERED = "an answered second review is never changed or removed"
BARRED = "a second review is not answered by who is barred from it"
KEPT = "the bars of a second review are never lifted"


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
    for statement in _sqlite() if on_sqlite else _postgresql():
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("second_review_bar")
    op.drop_table("second_review")
    if op.get_bind().dialect.name == "postgresql":
        for name in ("second_review_kept", "second_review_barred", "second_review_bar_kept"):
            op.execute(f"DROP FUNCTION {name}()")


IS_BARRED = "SELECT 1 FROM second_review_bar b WHERE b.review_id = NEW.id AND b.user_id = NEW.reviewer_id"


def _sqlite() -> list[str]:
    return [
        _trigger("second_review_no_update", "UPDATE ON second_review", "OLD.answered_at IS NOT NULL", ANSWERED),
        _trigger("second_review_no_delete", "DELETE ON second_review", "OLD.answered_at IS NOT NULL", ANSWERED),
        # SQLite fires no trigger for what INSERT OR REPLACE takes away.
        _trigger(
            "second_review_no_replace", "INSERT ON second_review",
            "EXISTS (SELECT 1 FROM second_review WHERE id = NEW.id)", ANSWERED,
        ),
        _trigger("second_review_barred", "UPDATE ON second_review", f"EXISTS ({IS_BARRED})", BARRED),
        _trigger("second_review_bar_no_update", "UPDATE ON second_review_bar", "true", KEPT),
        _trigger("second_review_bar_no_delete", "DELETE ON second_review_bar", "true", KEPT),
    ]  # fmt: skip


def _trigger(name: str, event: str, when: str, said: str) -> str:
    return f"CREATE TRIGGER {name} BEFORE {event} WHEN {when} BEGIN SELECT RAISE(ABORT, '{said}'); END"


def _postgresql() -> list[str]:
    return [
        _function(
            "second_review_kept",
            f"IF OLD.answered_at IS NOT NULL THEN RAISE EXCEPTION '{ANSWERED}'; END IF;"
            " IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW;",
        ),
        _function(
            "second_review_barred",
            f"IF EXISTS ({IS_BARRED}) THEN RAISE EXCEPTION '{BARRED}'; END IF; RETURN NEW;",
        ),
        _function("second_review_bar_kept", f"RAISE EXCEPTION '{KEPT}';"),
        *(
            f"CREATE TRIGGER {name} BEFORE {event} FOR EACH {each} EXECUTE FUNCTION {function}()"
            for name, event, each, function in (
                ("second_review_no_change", "UPDATE OR DELETE ON second_review", "ROW", "second_review_kept"),
                ("second_review_barred", "UPDATE ON second_review", "ROW", "second_review_barred"),
                ("second_review_bar_no_change", "UPDATE OR DELETE ON second_review_bar", "ROW", "second_review_bar_kept"),
                ("second_review_bar_no_truncate", "TRUNCATE ON second_review_bar", "STATEMENT", "second_review_bar_kept"),
            )
        ),
    ]  # fmt: skip


def _function(name: str, body: str) -> str:
    return f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"
