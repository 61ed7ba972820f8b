"""Keep what crawls learn: of hosts, and of how a page came"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

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
    op.add_column("capture", sa.Column("detail", JSON, nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("capture", "detail")
    op.drop_table("host")
