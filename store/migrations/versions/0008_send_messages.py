"""Send messages: e-mail, and signed webhooks of events"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)

TASKS = "kind IN ('score', 'index', 'crawl', 'render', 'deliver')"
OLD_TASKS = "kind IN ('score', 'index', 'crawl', 'render')"


def upgrade() -> None:
    _task_kinds(OLD_TASKS, TASKS)
    op.create_table(
        "delivery",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body_text", sa.Text(), nullable=False),
        sa.Column("body_html", sa.Text(), nullable=False),
        sa.Column("attachments", JSON, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("owed_at", TIME, nullable=False),
        sa.Column("sent_at", TIME, nullable=True),
        sa.CheckConstraint("channel IN ('email', 'webhook')", name=op.f("ck_delivery_channel")),
        sa.CheckConstraint("state IN ('waiting', 'sent', 'dead')", name=op.f("ck_delivery_state")),
        sa.CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name=op.f("ck_delivery_sent")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("key", name=op.f("uq_delivery_key")),
    )
    op.create_index("ix_delivery_state", "delivery", ["state", "id"])
    op.create_table(
        "webhook",
        sa.Column("id", ID, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", JSON, nullable=False),
        sa.Column("added_at", TIME, nullable=False),
        sa.Column("added_by", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
        sa.UniqueConstraint("url", name=op.f("uq_webhook_url")),
    )


def downgrade() -> None:
    op.drop_table("webhook")
    op.drop_table("delivery")
    op.execute("DELETE FROM task WHERE kind = 'deliver'")
    _task_kinds(TASKS, OLD_TASKS)


def _task_kinds(before: str, after: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_task_kind"), "task")
        op.create_check_constraint(op.f("ck_task_kind"), "task", after)
        return
    # SQLite cannot change a constraint: the table is made again, its rows put back. Nothing refers to it.
    schema = "SELECT sql FROM sqlite_master WHERE tbl_name = 'task' AND type = '{}' AND sql IS NOT NULL"
    made = op.get_bind().exec_driver_sql(schema.format("table")).scalar_one()
    indexes = op.get_bind().exec_driver_sql(schema.format("index")).scalars().all()
    if before not in made:
        raise RuntimeError(f"table task is not as it was made: {made}")
    op.execute("CREATE TABLE task_kept AS SELECT * FROM task")
    op.execute("DROP TABLE task")
    op.execute(made.replace(before, after))
    op.execute("INSERT INTO task SELECT * FROM task_kept")
    op.execute("DROP TABLE task_kept")
    for index in indexes:
        op.execute(index)
