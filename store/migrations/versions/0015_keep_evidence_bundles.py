"""Keep what was masked in evidence bundles, which were built, and who is asked to date them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
KEPT = "a confirmed redaction is never changed or removed"


def upgrade() -> None:
    op.create_table(
        "redaction",
        sa.Column("id", ID, nullable=False),
        sa.Column("referral_id", ID, nullable=False),
        sa.Column("evidence_sha256", sa.String(length=64), nullable=False),
        sa.Column("marks", JSON, nullable=False),
        sa.Column("boxes", JSON, nullable=False),
        sa.Column("images", sa.Boolean(), nullable=False),
        sa.Column("original_reason", sa.Text(), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["referral_id"], ["referral.id"], name=op.f("fk_redaction_referral_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_redaction_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_redaction")),
    )
    op.create_index("ix_redaction_referral_id", "redaction", ["referral_id"])
    op.create_table(
        "bundle",
        sa.Column("id", ID, nullable=False),
        sa.Column("referral_id", ID, nullable=False),
        sa.Column("redaction_id", ID, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("upto", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("built_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("manifest_sha256", sa.String(length=64), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.CheckConstraint("state IN ('building', 'built')", name=op.f("ck_bundle_state")),
        sa.CheckConstraint(
            "(state = 'built') = (manifest_sha256 IS NOT NULL) AND (state = 'built') = (size IS NOT NULL)",
            name=op.f("ck_bundle_built"),
        ),
        sa.ForeignKeyConstraint(["referral_id"], ["referral.id"], name=op.f("fk_bundle_referral_id")),
        sa.ForeignKeyConstraint(["redaction_id"], ["redaction.id"], name=op.f("fk_bundle_redaction_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_bundle_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bundle")),
        sa.UniqueConstraint("referral_id", name=op.f("uq_bundle_referral_id")),
    )
    op.create_table(
        "bundle_stamp",
        sa.Column("bundle_id", ID, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("stamped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("token", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'stamped')", name=op.f("ck_bundle_stamp_state")),
        sa.CheckConstraint(
            "(state = 'stamped') = (stamped_at IS NOT NULL)", name=op.f("ck_bundle_stamp_stamped")
        ),
        sa.ForeignKeyConstraint(["bundle_id"], ["bundle.id"], name=op.f("fk_bundle_stamp_bundle_id")),
        sa.PrimaryKeyConstraint("bundle_id", "place", name=op.f("pk_bundle_stamp")),
    )
    _keep()


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP TRIGGER redaction_kept ON redaction")
        op.execute("DROP FUNCTION kiemtin_redaction_kept()")
    for name in ("bundle_stamp", "bundle", "redaction"):
        op.drop_table(name)


def _keep() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION kiemtin_redaction_kept() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION '{KEPT}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER redaction_kept BEFORE UPDATE OR DELETE ON redaction"
            " FOR EACH ROW EXECUTE FUNCTION kiemtin_redaction_kept()"
        )
        return
    for word in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER redaction_kept_{word.lower()} BEFORE {word} ON redaction"
            f" BEGIN SELECT RAISE(ABORT, '{KEPT}'); END"
        )
