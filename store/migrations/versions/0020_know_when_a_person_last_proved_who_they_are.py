"""Know when a signed-in person last proved who they are; sessions that are open did when they signed in"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column("session", sa.Column("proved_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE session SET proved_at = created_at")


def downgrade() -> None:
    op.drop_column("session", "proved_at")
