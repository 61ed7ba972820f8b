"""Keep the places that posts name"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "post_place",
        sa.Column("post_id", ID, nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("province", sa.String(length=2), nullable=False),
        sa.Column("cluster_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_post_place_post_id")),
        sa.ForeignKeyConstraint(["cluster_id"], ["cluster.id"], name=op.f("fk_post_place_cluster_id")),
        sa.PrimaryKeyConstraint("post_id", "code", name=op.f("pk_post_place")),
    )
    op.create_index("ix_post_place_cluster_id_province", "post_place", ["cluster_id", "province"])


def downgrade() -> None:
    op.drop_table("post_place")
