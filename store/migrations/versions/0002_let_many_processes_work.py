"""Let many processes work: any subject for a task, versions for the index, workers, a leader"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.drop_index("ix_task_take", "task")
    op.drop_index(op.f("ix_task_post_id"), "task")
    # SQLite cannot change a constraint: the table is made again and its rows carried over.
    op.rename_table("task", "task_before")
    if _is_postgresql():
        op.execute("ALTER TABLE task_before RENAME CONSTRAINT pk_task TO pk_task_before")
        op.execute("ALTER SEQUENCE task_id_seq RENAME TO task_before_id_seq")
    op.create_table(
        "task",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", ID, nullable=False),
        sa.Column("owed_at", TIME, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_token", sa.String(length=64), nullable=True),
        sa.Column("worker_id", sa.String(length=64), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('score', 'index', 'crawl')", name=op.f("ck_task_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
    )
    op.execute(
        "INSERT INTO task (kind, subject_id, owed_at, due_at, attempts, error)"
        " SELECT kind, post_id, due_at, due_at, attempts, error FROM task_before ORDER BY id"
    )
    op.drop_table("task_before")
    op.create_index("ix_task_take", "task", ["kind", "due_at", "id"])
    op.create_index("ix_task_lease_token", "task", ["lease_token"])
    op.create_index(op.f("ix_task_subject_id"), "task", ["subject_id"])
    only_crawl = sa.text("kind = 'crawl'")
    op.create_index(
        "uq_task_crawl",
        "task",
        ["subject_id"],
        unique=True,
        sqlite_where=only_crawl,
        postgresql_where=only_crawl,
    )
    op.create_table(
        "searchable",
        sa.Column("post_id", ID, autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("post_id", name=op.f("pk_searchable")),
    )
    op.create_index(op.f("ix_searchable_changed_at"), "searchable", ["changed_at"])
    op.execute("INSERT INTO searchable (post_id, version, changed_at) SELECT id, 1, last_seen_at FROM post")
    op.create_table(
        "worker",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=200), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("queues", JSON, nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("beat_at", TIME, nullable=False),
        sa.Column("counters", JSON, nullable=False),
        sa.Column("trouble", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker")),
    )
    op.create_table(
        "leader",
        sa.Column("duty", sa.String(length=32), nullable=False),
        sa.Column("worker_id", sa.String(length=64), nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.PrimaryKeyConstraint("duty", name=op.f("pk_leader")),
    )


def downgrade() -> None:
    op.drop_table("leader")
    op.drop_table("worker")
    op.drop_table("searchable")
    op.drop_table("task")
    op.create_table(
        "task",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("post_id", ID, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_token", sa.String(length=64), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('score', 'index')", name=op.f("ck_task_kind")),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_task_post_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
    )
    op.create_index(op.f("ix_task_post_id"), "task", ["post_id"])
    op.create_index("ix_task_take", "task", ["kind", "due_at", "id"])
    # What was owed is owed again for every post: scoring and indexing twice change nothing.
    op.execute(
        "INSERT INTO task (kind, post_id, due_at, attempts) SELECT 'score', id, last_seen_at, 0 FROM post ORDER BY id"
    )


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"
