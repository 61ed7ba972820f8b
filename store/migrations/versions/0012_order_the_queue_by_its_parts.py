"""Order the queue by its parts; keep what people tell it"""

from __future__ import annotations

import math
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
LONG_AGO = "1970-01-01 00:00:00"
# As `review.priority` had them when this was written.
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
HALF_LIFE = 3 * 24 * 3600
LEAST = 0.01
# As the policy that shipped had it; a case that is judged again gets what its policy says.
SEVERITY = {
    "scam": 1.0, "cure": 0.9, "hate": 0.9, "impersonation": 0.8, "vaccine": 0.7, "evade": 0.7, "privacy": 0.7,
    "situation": 0.6, "conspiracy": 0.4,
}  # fmt: skip
_PAGE = 5000


def upgrade() -> None:
    for column in (
        sa.Column("rank", sa.Double(), nullable=False, server_default="0"),
        sa.Column("severity", sa.Double(), nullable=False, server_default="0"),
        sa.Column("copies", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("recent", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("fresh_from", TIME, nullable=False, server_default=LONG_AGO),
        sa.Column("waits_from", TIME, nullable=False, server_default=LONG_AGO),
    ):
        op.add_column("case", column)
    _rank()
    op.drop_index("ix_case_queue", "case")
    op.create_index("ix_case_queue", "case", ["state", "rank", "id"])
    op.create_index("ix_case_lane", "case", ["state", "harm", "rank", "id"])
    op.create_index("ix_activity_user_id_id", "activity", ["user_id", "id"])
    op.create_table(
        "assignment",
        sa.Column("case_id", ID, nullable=False, autoincrement=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("by_id", ID, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_assignment_case_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_assignment_user_id")),
        sa.ForeignKeyConstraint(["by_id"], ["user.id"], name=op.f("fk_assignment_by_id")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_assignment")),
    )
    op.create_index(op.f("ix_assignment_user_id"), "assignment", ["user_id"])
    op.create_table(
        "put_aside",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("case_id", ID, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_put_aside_user_id")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_put_aside_case_id")),
        sa.PrimaryKeyConstraint("user_id", "case_id", name=op.f("pk_put_aside")),
    )
    op.create_index("ix_put_aside_case_id", "put_aside", ["case_id"])
    op.create_table(
        "saved_filter",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=True),
        sa.Column("alert_to", sa.Text(), nullable=False),
        sa.Column("mark", ID, nullable=False),
        sa.Column("checked_at", TIME, nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.CheckConstraint("kind IN ('queue', 'search')", name=op.f("ck_saved_filter_kind")),
        sa.CheckConstraint("channel IN ('email', 'webhook')", name=op.f("ck_saved_filter_channel")),
        sa.CheckConstraint("name <> ''", name=op.f("ck_saved_filter_name")),
        sa.CheckConstraint("(channel IS NULL) = (alert_to = '')", name=op.f("ck_saved_filter_alert")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_saved_filter_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_filter")),
        sa.UniqueConstraint("user_id", "name", name=op.f("uq_saved_filter_user_id_name")),
    )
    op.create_table(
        "preference",
        sa.Column("user_id", ID, nullable=False, autoincrement=False),
        sa.Column("break_minutes", sa.Integer(), nullable=False),
        sa.CheckConstraint("break_minutes BETWEEN 0 AND 480", name=op.f("ck_preference_break_minutes")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_preference_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_preference")),
    )


def downgrade() -> None:
    for table in ("preference", "saved_filter", "put_aside", "assignment"):
        op.drop_table(table)
    op.drop_index("ix_activity_user_id_id", "activity")
    op.drop_index("ix_case_lane", "case")
    op.drop_index("ix_case_queue", "case")
    op.create_index("ix_case_queue", "case", ["state", "priority", "id"])
    for column in ("waits_from", "fresh_from", "recent", "copies", "severity", "rank"):
        op.drop_column("case", column)


def _rank() -> None:
    """Place the cases there are by their priority, their copies, and when they were opened."""
    case = sa.table(
        "case",
        *(sa.column(name) for name in ("id", "priority", "rank", "copies", "harm", "severity")),
        *(sa.column(name, TIME) for name in ("opened_at", "fresh_from", "waits_from")),
        sa.column("cluster_id"),
    )
    cluster = sa.table("cluster", sa.column("id"), sa.column("size"))
    size = sa.select(cluster.c.size).where(cluster.c.id == case.c.cluster_id).scalar_subquery()
    connection = op.get_bind()
    connection.execute(
        sa.update(case).values(copies=size, fresh_from=case.c.opened_at, waits_from=case.c.opened_at)
    )
    for harm, severity in SEVERITY.items():
        connection.execute(sa.update(case).where(case.c.harm == harm).values(severity=severity))
    rows = connection.execute(sa.select(case.c.id, case.c.priority, case.c.copies, case.c.opened_at)).all()
    placed = sa.update(case).where(case.c.id == sa.bindparam("key")).values(
        rank=sa.bindparam("to"), priority=sa.bindparam("now")
    )  # fmt: skip
    for start in range(0, len(rows), _PAGE):
        connection.execute(placed, [_placed(*row) for row in rows[start : start + _PAGE]])


def _placed(key: int, priority: float, copies: int, opened_at: datetime) -> dict[str, float]:
    since = opened_at if opened_at.tzinfo else opened_at.replace(tzinfo=UTC)
    spread = 1 + 0.5 * math.log10(max(1, copies))
    rank = math.log2(max(LEAST, priority * spread)) + (since - EPOCH).total_seconds() / HALF_LIFE
    return {"key": key, "to": rank, "now": priority * spread}
