"""Measure how well readings agree, settle those that differ, and hear complaints"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)

# What is refused of a row that is there, by table: a condition on OLD, and what is said.
KEPT = {
    "draw": ("true", "a lot is never changed or removed"),
    "adjudication": ("OLD.settled_at IS NOT NULL", "what was settled is never changed or removed"),
    "golden_answer": (
        "OLD.answered_at IS NOT NULL",
        "an answer to a known case is never changed or removed",
    ),
    "complaint": ("OLD.closed_at IS NOT NULL", "a closed complaint is never changed or removed"),
}
KEYS = {
    "draw": "decision_id = NEW.decision_id",
    "adjudication": "id = NEW.id OR about = NEW.about",
    "golden_answer": "id = NEW.id OR (golden_id = NEW.golden_id AND user_id = NEW.user_id)",
    "complaint": "id = NEW.id OR reference = NEW.reference",
}
OUTCOMES = "outcome IS NULL OR outcome IN ('dismiss', 'protected', 'correct', 'report')"


def upgrade() -> None:
    _draws()
    _adjudications()
    _golden()
    _complaints()
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _sqlite() if on_sqlite else _postgresql():
        op.execute(statement)


def downgrade() -> None:
    for table in ("complaint", "golden_answer", "golden", "adjudication", "draw"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for table in KEPT:
            op.execute(f"DROP FUNCTION {table}_kept()")


def _draws() -> None:
    op.create_table(
        "draw",
        sa.Column("decision_id", ID, nullable=False),
        sa.Column("lot", sa.Double(), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("review_id", ID, nullable=True),
        sa.Column("at", TIME, nullable=False),
        sa.CheckConstraint("lot >= 0 AND lot < 1", name=op.f("ck_draw_lot")),
        sa.CheckConstraint("share >= 0 AND share <= 1", name=op.f("ck_draw_share")),
        _to("draw", "decision_id", "decision"),
        _to("draw", "review_id", "second_review"),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_draw")),
    )
    op.create_index("ix_draw_review_id", "draw", ["review_id"])


def _adjudications() -> None:
    op.create_table(
        "adjudication",
        sa.Column("id", ID, nullable=False),
        sa.Column("about", sa.String(length=64), nullable=False),
        sa.Column("why", sa.String(length=16), nullable=False),
        sa.Column("case_id", ID, nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("first_id", ID, nullable=True),
        sa.Column("first", JSON, nullable=False),
        sa.Column("second_id", ID, nullable=False),
        sa.Column("second", JSON, nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("lead_id", ID, nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("settled_at", TIME, nullable=True),
        sa.CheckConstraint(
            "why IN ('sample', 'referral', 'complaint', 'golden')", name=op.f("ck_adjudication_why")
        ),
        sa.CheckConstraint(
            "(settled_at IS NULL) = (lead_id IS NULL) AND (settled_at IS NULL) = (outcome IS NULL)",
            name=op.f("ck_adjudication_settled"),
        ),
        sa.CheckConstraint(OUTCOMES, name=op.f("ck_adjudication_outcome")),
        sa.CheckConstraint("settled_at IS NULL OR reason <> ''", name=op.f("ck_adjudication_reason")),
        sa.CheckConstraint(
            "lead_id IS NULL OR (lead_id <> second_id AND (first_id IS NULL OR lead_id <> first_id))",
            name=op.f("ck_adjudication_third_person"),
        ),
        _to("adjudication", "case_id", "case"),
        *(_to("adjudication", column, "user") for column in ("first_id", "second_id", "lead_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adjudication")),
        sa.UniqueConstraint("about", name=op.f("uq_adjudication_about")),
    )
    op.create_index("ix_adjudication_case_id", "adjudication", ["case_id"])


def _golden() -> None:
    op.create_table(
        "golden",
        sa.Column("id", ID, nullable=False),
        sa.Column("adjudication_id", ID, nullable=False),
        sa.Column("case_id", ID, nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("marked_by", ID, nullable=False),
        sa.Column("marked_at", TIME, nullable=False),
        sa.Column("retired_by", ID, nullable=True),
        sa.Column("retired_at", TIME, nullable=True),
        sa.Column("retired_why", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(retired_at IS NULL) = (retired_by IS NULL) AND (retired_at IS NULL OR retired_why <> '')",
            name=op.f("ck_golden_retired"),
        ),
        _to("golden", "adjudication_id", "adjudication"),
        _to("golden", "case_id", "case"),
        *(_to("golden", column, "user") for column in ("marked_by", "retired_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_golden")),
        sa.UniqueConstraint("adjudication_id", name=op.f("uq_golden_adjudication_id")),
    )
    op.create_index("ix_golden_case_id", "golden", ["case_id"])
    op.create_table(
        "golden_answer",
        sa.Column("id", ID, nullable=False),
        sa.Column("golden_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("act", sa.String(length=32), nullable=True),
        sa.Column("harms", JSON, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("answered_at", TIME, nullable=True),
        sa.CheckConstraint(
            "(answered_at IS NULL) = (outcome IS NULL) AND (answered_at IS NULL) = (act IS NULL)",
            name=op.f("ck_golden_answer_answer"),
        ),
        sa.CheckConstraint(OUTCOMES, name=op.f("ck_golden_answer_outcome")),
        _to("golden_answer", "golden_id", "golden"),
        _to("golden_answer", "user_id", "user"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_golden_answer")),
        sa.UniqueConstraint("golden_id", "user_id", name="uq_golden_answer_golden_id_user_id"),
    )
    op.create_index("ix_golden_answer_user_id", "golden_answer", ["user_id"])


def _complaints() -> None:
    op.create_table(
        "complaint",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reference", sa.String(length=100), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("case_id", ID, nullable=False),
        sa.Column("decision_id", ID, nullable=False),
        sa.Column("decider_id", ID, nullable=False),
        sa.Column("typed_by", ID, nullable=False),
        sa.Column("typed_at", TIME, nullable=False),
        sa.Column("assigned_id", ID, nullable=True),
        sa.Column("review_id", ID, nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("closed_at", TIME, nullable=True),
        sa.CheckConstraint("kind IN ('complaint', 'correction')", name=op.f("ck_complaint_kind")),
        sa.CheckConstraint(
            "state IN ('received', 'assigned', 'disputed', 'upheld', 'changed', 'withdrawn')",
            name=op.f("ck_complaint_state"),
        ),
        sa.CheckConstraint("reference <> '' AND said <> ''", name=op.f("ck_complaint_whole")),
        sa.CheckConstraint(
            "assigned_id IS NULL OR assigned_id <> decider_id", name=op.f("ck_complaint_somebody_else")
        ),
        sa.CheckConstraint(
            "state IN ('received', 'withdrawn') OR (assigned_id IS NOT NULL AND review_id IS NOT NULL)",
            name=op.f("ck_complaint_reviewed"),
        ),
        sa.CheckConstraint(
            "(closed_at IS NOT NULL) = (state IN ('upheld', 'changed', 'withdrawn'))"
            " AND (closed_at IS NULL OR answer <> '')",
            name=op.f("ck_complaint_closed"),
        ),
        _to("complaint", "case_id", "case"),
        _to("complaint", "decision_id", "decision"),
        _to("complaint", "review_id", "second_review"),
        *(_to("complaint", column, "user") for column in ("decider_id", "typed_by", "assigned_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint")),
        sa.UniqueConstraint("reference", name=op.f("uq_complaint_reference")),
    )
    for column in ("case_id", "assigned_id", "review_id"):
        op.create_index(f"ix_complaint_{column}", "complaint", [column])


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"))


def _sqlite() -> list[str]:
    made = []
    for table, (kept, said) in KEPT.items():
        refuse = f"BEGIN SELECT RAISE(ABORT, '{said}'); END"
        made += [
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} WHEN {kept} {refuse}",
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} WHEN {kept} {refuse}",
            # SQLite fires no trigger for what INSERT OR REPLACE takes away.
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}"
            f" WHEN EXISTS (SELECT 1 FROM {table} WHERE {KEYS[table]}) {refuse}",
        ]
    return made


def _postgresql() -> list[str]:
    made = []
    for table, (kept, said) in KEPT.items():
        made += [
            f"CREATE FUNCTION {table}_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF {kept} THEN RAISE EXCEPTION '{said}'; END IF;"
            " IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$",
            f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION {table}_kept()",
        ]
    return made
