"""Keep reports in versions, corrections for the public, and the claims that posts are about"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0016"
down_revision = "0015"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(JSONB, "postgresql")

FIXED = ("id", "kind", "period", "version", "data", "sha256", "made_by", "made_at")
SETTLED = ("note", "published_by", "published_at")
KEPT = "a report keeps its figures, and once published its note; it is published once and withdrawn once"
GONE = "a report that was published is never removed"
TOLD = "what the public was told is never changed or removed"


def upgrade() -> None:
    op.create_table(
        "report",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("data", JSON, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(length=100), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.String(length=100), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.String(length=100), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_reason", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('weekly', 'transparency')", name=op.f("ck_report_kind")),
        sa.CheckConstraint("state IN ('draft', 'published', 'withdrawn')", name=op.f("ck_report_state")),
        sa.CheckConstraint("(state = 'draft') = (published_at IS NULL)", name=op.f("ck_report_published")),
        sa.CheckConstraint(
            "(published_at IS NULL) = (published_by IS NULL)", name=op.f("ck_report_publisher")
        ),
        sa.CheckConstraint(
            "(state = 'withdrawn') = (withdrawn_at IS NOT NULL)", name=op.f("ck_report_withdrawn")
        ),
        sa.CheckConstraint("state <> 'withdrawn' OR withdrawn_reason <> ''", name=op.f("ck_report_reason")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
        sa.UniqueConstraint("kind", "period", "version", name=op.f("uq_report_kind_period_version")),
    )
    op.create_table(
        "correction",
        sa.Column("id", ID, nullable=False),
        sa.Column("claim_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("claim_version_id", ID, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("headline", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("short", sa.Text(), nullable=False),
        sa.Column("spoken", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('published', 'withdrawn')", name=op.f("ck_correction_state")),
        sa.CheckConstraint(
            "headline <> '' AND body <> '' AND short <> '' AND spoken <> ''",
            name=op.f("ck_correction_whole"),
        ),
        sa.CheckConstraint("version = 1 OR reason <> ''", name=op.f("ck_correction_reason")),
        sa.ForeignKeyConstraint(["claim_id"], ["claim.id"], name=op.f("fk_correction_claim_id")),
        sa.ForeignKeyConstraint(
            ["claim_version_id"], ["claim_version.id"], name=op.f("fk_correction_claim_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction")),
        sa.UniqueConstraint("claim_id", "version", name=op.f("uq_correction_claim_id_version")),
    )
    op.create_table(
        "claim_mention",
        sa.Column("post_id", ID, nullable=False),
        sa.Column("claim_id", sa.String(length=64), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_claim_mention_post_id")),
        sa.PrimaryKeyConstraint("post_id", "claim_id", name=op.f("pk_claim_mention")),
    )
    op.create_index(op.f("ix_claim_mention_claim_id"), "claim_mention", ["claim_id"])
    op.create_index(op.f("ix_post_first_seen_at"), "post", ["first_seen_at"])
    op.create_index(op.f("ix_decision_at"), "decision", ["at"])
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    op.execute(_mentions(on_sqlite=on_sqlite))
    for statement in _sqlite() if on_sqlite else _postgresql():
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name in (
            *("report_keeps", "report_no_delete", "report_no_replace"),
            *("correction_no_update", "correction_no_delete", "correction_no_replace"),
        ):
            op.execute(f"DROP TRIGGER {name}")
    op.drop_index(op.f("ix_decision_at"), "decision")
    op.drop_index(op.f("ix_post_first_seen_at"), "post")
    for table in ("claim_mention", "correction", "report"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for name in ("report_keeps", "report_gone", "correction_told"):
            op.execute(f"DROP FUNCTION {name}()")


def _mentions(*, on_sqlite: bool) -> str:
    """Fill the table of mentions from the assessments there are."""
    found, claim, firm = (
        ("json_each(a.detail, '$.claims') c", "json_extract(c.value, '$.claim_id')",
         "json_extract(c.value, '$.confirmed')")
        if on_sqlite
        else ("LATERAL jsonb_array_elements(coalesce(a.detail -> 'claims', '[]')) c", "c.value ->> 'claim_id'",
              "coalesce((c.value ->> 'confirmed')::boolean, false)::int")
    )  # fmt: skip
    return f"""
        INSERT INTO claim_mention (post_id, claim_id, confirmed)
        SELECT p.id, {claim}, {"coalesce(max(" + firm + "), 0)" if on_sqlite else "max(" + firm + ") = 1"}
        FROM post p JOIN assessment a ON a.id = p.assessment_id AND a.post_version = p.version
        CROSS JOIN {found}
        WHERE {claim} IS NOT NULL
        GROUP BY p.id, {claim}
    """


def _broken(differs: str) -> str:
    fixed = " OR ".join(f"NEW.{column} {differs} OLD.{column}" for column in FIXED)
    settled = " OR ".join(f"NEW.{column} {differs} OLD.{column}" for column in SETTLED)
    return (
        f"{fixed} OR (OLD.state <> 'draft' AND ({settled}))"
        " OR OLD.state = 'withdrawn' OR (OLD.state = 'published' AND NEW.state = 'draft')"
        " OR (OLD.state = 'draft' AND NEW.state = 'withdrawn')"
    )


def _sqlite() -> list[str]:
    return [
        _trigger("report_keeps", "UPDATE ON report", _broken("IS NOT"), KEPT),
        _trigger("report_no_delete", "DELETE ON report", "OLD.state <> 'draft'", GONE),
        _trigger(
            "report_no_replace", "INSERT ON report",
            "EXISTS (SELECT 1 FROM report WHERE id = NEW.id OR (kind = NEW.kind AND period = NEW.period"
            " AND version = NEW.version))", KEPT,
        ),
        _trigger("correction_no_update", "UPDATE ON correction", "true", TOLD),
        _trigger("correction_no_delete", "DELETE ON correction", "true", TOLD),
        _trigger(
            "correction_no_replace", "INSERT ON correction",
            "EXISTS (SELECT 1 FROM correction WHERE id = NEW.id OR (claim_id = NEW.claim_id"
            " AND version = NEW.version))", TOLD,
        ),
    ]  # fmt: skip


def _trigger(name: str, event: str, when: str, said: str) -> str:
    return f"CREATE TRIGGER {name} BEFORE {event} WHEN {when} BEGIN SELECT RAISE(ABORT, '{said}'); END"


def _postgresql() -> list[str]:
    return [
        _function(
            "report_keeps",
            f"IF {_broken('IS DISTINCT FROM')} THEN RAISE EXCEPTION '{KEPT}'; END IF; RETURN NEW;",
        ),
        _function(
            "report_gone", f"IF OLD.state <> 'draft' THEN RAISE EXCEPTION '{GONE}'; END IF; RETURN OLD;"
        ),
        _function("correction_told", f"RAISE EXCEPTION '{TOLD}';"),
        "CREATE TRIGGER report_keeps BEFORE UPDATE ON report FOR EACH ROW EXECUTE FUNCTION report_keeps()",
        "CREATE TRIGGER report_no_delete BEFORE DELETE ON report FOR EACH ROW EXECUTE FUNCTION report_gone()",
        "CREATE TRIGGER correction_told BEFORE UPDATE OR DELETE ON correction"
        " FOR EACH ROW EXECUTE FUNCTION correction_told()",
        "CREATE TRIGGER correction_no_truncate BEFORE TRUNCATE ON correction"
        " FOR EACH STATEMENT EXECUTE FUNCTION correction_told()",
    ]


def _function(name: str, body: str) -> str:
    return f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"
