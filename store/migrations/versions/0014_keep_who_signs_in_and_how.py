"""Keep lanes of people, second factors, known devices and outside identities; throttle without locking out"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
TABLES = (
    "sign_in_tries", "sign_in_step", "outside_identity", "known_device", "recovery_code", "second_factor",
    "lane_grant",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "lane_grant",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("lane", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_lane_grant_user_id")),
        sa.PrimaryKeyConstraint("user_id", "lane", name=op.f("pk_lane_grant")),
    )
    op.create_table(
        "second_factor",
        sa.Column("user_id", ID, nullable=False, autoincrement=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.Column("confirmed_at", MOMENT, nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_second_factor_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_second_factor")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_recovery_code_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
        sa.UniqueConstraint("user_id", "sha256", name=op.f("uq_recovery_code_user_id_sha256")),
    )
    op.create_table(
        "known_device",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_known_device_user_id")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_known_device")),
    )
    op.create_index("ix_known_device_user_id", "known_device", ["user_id"])
    op.create_table(
        "outside_identity",
        sa.Column("user_id", ID, nullable=False, autoincrement=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("bound_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_outside_identity_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_outside_identity")),
        sa.UniqueConstraint("issuer", "name", name=op.f("uq_outside_identity_issuer_name")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_outside_identity_issuer_subject")),
    )
    op.create_table(
        "sign_in_step",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("step", sa.String(length=8), nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("detail", JSON, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.CheckConstraint("step IN ('code', 'oidc')", name=op.f("ck_sign_in_step_step")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_sign_in_step_user_id")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_sign_in_step")),
    )
    op.create_table(
        "sign_in_tries",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("began_at", MOMENT, nullable=False),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_sign_in_tries_failures")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sign_in_tries")),
    )
    for name, length in (("address", 64), ("agent", 200)):
        op.add_column("session", sa.Column(name, sa.String(length), nullable=False, server_default=""))
    op.add_column("session", sa.Column("how", sa.String(8), nullable=False, server_default="password"))
    # Five wrong passwords no longer lock an account: whoever knew a login could keep its owner out.
    op.drop_column("user", "failures")
    op.drop_column("user", "locked_until")


def downgrade() -> None:
    op.add_column("user", sa.Column("failures", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column("user", sa.Column("locked_until", MOMENT, nullable=True))
    for column in ("how", "agent", "address"):
        op.drop_column("session", column)
    for table in TABLES:
        op.drop_table(table)
