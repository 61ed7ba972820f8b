"""Count the cases of each lane that are late by an index alone"""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_index("ix_case_late", "case", ["state", "harm", "waits_from"])


def downgrade() -> None:
    op.drop_index("ix_case_late", "case")
