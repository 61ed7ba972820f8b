"""Keep what crawls learn: of hosts, of how a page came, of where it leads"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "host",
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("rules_status", sa.Integer(), nullable=True),
        sa.Column("rules_at", TIME, nullable=True),
        sa.Column("asked_at", TIME, nullable=True),
        sa.Column("rests_until", TIME, nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_host")),
    )
    op.create_table(
        "page",
        sa.Column("id", ID, nullable=False),
        sa.Column("source_id", ID, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("thread", sa.Text(), nullable=True),
        sa.Column("due_at", TIME, nullable=True),
        sa.Column("every", sa.Integer(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column("content_hash", sa.String(length=64), nullable=True),
        sa.Column("found_at", TIME, nullable=False),
        sa.Column("asked_at", TIME, nullable=True),
        sa.CheckConstraint("role IN ('root', 'article', 'thread')", name=op.f("ck_page_role")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_page_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_page")),
        sa.UniqueConstraint("url", name=op.f("uq_page_url")),
    )
    op.create_index("ix_page_due", "page", ["source_id", "due_at"])
    op.create_index(op.f("ix_page_thread"), "page", ["thread"])
    op.add_column("source", sa.Column("pages_a_day", sa.Integer(), nullable=True))
    op.add_column("source", sa.Column("conditional", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("capture", sa.Column("detail", JSON, nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("capture", "detail")
    op.drop_column("source", "conditional")
    op.drop_column("source", "pages_a_day")
    op.drop_table("page")
    op.drop_table("host")
