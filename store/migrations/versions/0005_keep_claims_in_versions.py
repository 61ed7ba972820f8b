"""Keep claims in versions"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)

# Versions can only be added: the database itself refuses every other change.
SQLITE_GUARDS = tuple(
    f"CREATE TRIGGER claim_version_no_{verb.lower()} BEFORE {verb} ON claim_version"
    " BEGIN SELECT RAISE(ABORT, 'versions of claims are append-only'); END"
    for verb in ("UPDATE", "DELETE")
)
POSTGRESQL_GUARDS = (
    "CREATE FUNCTION claim_version_append_only() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION 'versions of claims are append-only'; END $$",
    "CREATE TRIGGER claim_version_no_change BEFORE UPDATE OR DELETE ON claim_version"
    " FOR EACH ROW EXECUTE FUNCTION claim_version_append_only()",
    "CREATE TRIGGER claim_version_no_truncate BEFORE TRUNCATE ON claim_version"
    " FOR EACH STATEMENT EXECUTE FUNCTION claim_version_append_only()",
)

MOVED = ("wording", "harm", "verdict", "correction", "source_name", "source_url")


def upgrade() -> None:
    versions = op.create_table(
        "claim_version",
        sa.Column("id", ID, nullable=False),
        sa.Column("claim_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("wording", sa.Text(), nullable=False),
        sa.Column("paraphrases", JSON, nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("english", sa.Text(), nullable=False),
        sa.Column("harm", sa.String(length=32), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("correction", sa.Text(), nullable=False),
        sa.Column("source_name", sa.Text(), nullable=False),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("source_date", sa.String(length=21), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('false', 'misleading', 'unproven', 'outdated')",
            name=op.f("ck_claim_version_verdict"),
        ),
        sa.CheckConstraint("origin IN ('shipped', 'local')", name=op.f("ck_claim_version_origin")),
        sa.CheckConstraint(
            "valid_from IS NULL OR valid_until IS NULL OR valid_from <= valid_until",
            name=op.f("ck_claim_version_dates"),
        ),
        sa.CheckConstraint(
            "wording <> '' AND correction <> '' AND source_name <> ''", name=op.f("ck_claim_version_whole")
        ),
        sa.ForeignKeyConstraint(["claim_id"], ["claim.id"], name=op.f("fk_claim_version_claim_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim_version")),
        sa.UniqueConstraint("claim_id", "version", name=op.f("uq_claim_version_claim_id_version")),
    )
    bind = op.get_bind()
    claims = sa.table("claim", sa.column("id"), *map(sa.column, MOVED))
    # All that there were had come with the program, which brings the rest of them at its next start.
    kept = [
        {
            **row, "claim_id": row["id"], "version": 1, "paraphrases": [], "language": "vi", "english": "",
            "source_date": "", "note": "", "retired": False, "origin": "shipped", "reason": "",
            "by": "system", "at": datetime.now(UTC), "folded": "", "id": number,
        }
        for number, row in enumerate(map(dict, bind.execute(sa.select(claims)).mappings()), 1)
    ]  # fmt: skip
    if kept:
        op.bulk_insert(versions, kept)
    if kept and bind.dialect.name == "postgresql":
        bind.execute(
            sa.text("SELECT setval(pg_get_serial_sequence('claim_version', 'id'), :n)"), {"n": len(kept)}
        )
    for guard in SQLITE_GUARDS if bind.dialect.name == "sqlite" else POSTGRESQL_GUARDS:
        op.execute(guard)
    op.add_column("claim", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    for name in MOVED:
        op.drop_column("claim", name)


def downgrade() -> None:
    bind = op.get_bind()
    newest = "(SELECT v.{0} FROM claim_version v WHERE v.claim_id = claim.id AND v.version = claim.version)"
    for name in MOVED:
        kind = sa.String(length=32) if name in {"harm", "verdict"} else sa.Text()
        op.add_column(
            "claim",
            sa.Column(
                name, kind, nullable=name == "source_url", server_default=None if name == "source_url" else ""
            ),
        )
        op.execute(f"UPDATE claim SET {name} = {newest.format(name)}")
    op.drop_column("claim", "version")
    op.drop_table("claim_version")
    if bind.dialect.name == "postgresql":
        op.execute("DROP FUNCTION claim_version_append_only()")
