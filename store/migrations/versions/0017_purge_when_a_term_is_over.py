"""Purge what its term is over of, hold what the law wants kept, and write archive files anew"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)

BACK = "what was purged never comes back"
HELD = "a post under legal hold is never purged"
CHANGED = "an assessment is never changed"
NOTED = "a note is never changed or removed"
MASKED = "a confirmed redaction is never changed or removed"
STANDS = "lifted_at IS NULL"

WHOLE = (
    "NEW.text <> '' OR NEW.title <> '' OR NEW.url IS NOT NULL OR NEW.author IS NOT NULL"
    " OR NEW.author_sealed IS NOT NULL OR NEW.content_hash <> ''"
)
RETURNS = (
    f"(NEW.purged_at IS NOT NULL AND ({WHOLE})) OR (OLD.purged_at IS NOT NULL AND NEW.purged_at IS NULL)"
)
# A hold on a case or a post holds the cluster.
HOLDS = (
    "NEW.purged_at IS NOT NULL AND OLD.purged_at IS NULL AND EXISTS (SELECT 1 FROM legal_hold h"
    ' LEFT JOIN "case" c ON c.id = h.case_id LEFT JOIN post p ON p.id = h.post_id'
    " WHERE h.lifted_at IS NULL AND (c.cluster_id = OLD.cluster_id OR p.cluster_id = OLD.cluster_id))"
)
PURGED_POST = "EXISTS (SELECT 1 FROM post p WHERE p.id = OLD.post_id AND p.purged_at IS NOT NULL)"
PURGED_CASE = (
    'EXISTS (SELECT 1 FROM "case" c JOIN post p ON p.id = c.post_id'
    " WHERE c.id = OLD.case_id AND p.purged_at IS NOT NULL)"
)
PURGED_REFERRAL = (
    'EXISTS (SELECT 1 FROM referral r JOIN "case" c ON c.id = r.case_id JOIN post p ON p.id = c.post_id'
    " WHERE r.id = OLD.referral_id AND p.purged_at IS NOT NULL)"
)
# Of an assessment all but the detail stays as it is; of a redaction all but the words that were masked.
FIGURES = (
    "id", "post_id", "post_version", "model", "policy", "about", "act", "harmful", "flagged", "protected",
    "uncertain", "referable", "priority", "at",
)  # fmt: skip
CONFIRMED = ("id", "referral_id", "evidence_sha256", "images", "original_reason", "user_id", "at")


def upgrade() -> None:
    op.add_column("post", sa.Column("purged_at", TIME, nullable=True))
    for name, table, column, where in (
        ("ix_post_parent", "post", "parent", "parent IS NOT NULL"),
        ("ix_post_purged_at", "post", "purged_at", "purged_at IS NOT NULL"),
        ("ix_capture_same_as", "capture", "same_as", "same_as IS NOT NULL"),
    ):
        op.create_index(name, table, [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    op.create_index("ix_post_capture_id", "post", ["capture_id"])
    op.create_index("ix_revision_capture_id", "revision", ["capture_id"])
    _tables()
    for statement in _sqlite() if op.get_bind().dialect.name == "sqlite" else _postgresql():
        op.execute(statement)


def downgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _sqlite_back() if on_sqlite else _postgresql_back():
        op.execute(statement)
    for table in ("archive_rewrite", "loose_capture", "purge", "legal_hold"):
        op.drop_table(table)
    for name, table in (
        ("ix_revision_capture_id", "revision"), ("ix_post_capture_id", "post"),
        ("ix_capture_same_as", "capture"), ("ix_post_purged_at", "post"), ("ix_post_parent", "post"),
    ):  # fmt: skip
        op.drop_index(name, table)
    op.drop_column("post", "purged_at")


def _tables() -> None:
    op.create_table(
        "legal_hold",
        sa.Column("id", ID, nullable=False),
        sa.Column("case_id", ID, nullable=True),
        sa.Column("post_id", ID, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by_id", ID, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("lifted_by", ID, nullable=True),
        sa.Column("lifted_at", TIME, nullable=True),
        sa.Column("lifted_why", sa.Text(), nullable=False),
        sa.CheckConstraint("(case_id IS NULL) <> (post_id IS NULL)", name=op.f("ck_legal_hold_of_one")),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_legal_hold_reason")),
        sa.CheckConstraint(
            "(lifted_at IS NULL) = (lifted_by IS NULL) AND (lifted_at IS NULL OR lifted_why <> '')",
            name=op.f("ck_legal_hold_lifted"),
        ),
        *(
            sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_legal_hold_{column}"))
            for column, target in (
                ("case_id", "case"), ("post_id", "post"), ("by_id", "user"), ("lifted_by", "user"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_hold")),
    )  # fmt: skip
    for what in ("case", "post"):
        op.create_index(
            f"uq_legal_hold_{what}", "legal_hold", [f"{what}_id"], unique=True,
            sqlite_where=sa.text(STANDS), postgresql_where=sa.text(STANDS),
        )  # fmt: skip
    op.create_table(
        "purge",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("counts", JSON, nullable=False),
        sa.Column("looked_at", TIME, nullable=True),
        sa.Column("left", JSON, nullable=False),
        sa.Column("verified_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purge")),
        sa.UniqueConstraint("at", name=op.f("uq_purge_at")),
    )
    op.create_table(
        "loose_capture",
        sa.Column("capture_id", ID, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("capture_id", name=op.f("pk_loose_capture")),
    )
    op.create_table(
        "archive_rewrite",
        sa.Column("id", ID, nullable=False),
        sa.Column("old", sa.Text(), nullable=False),
        sa.Column("new", sa.Text(), nullable=False),
        sa.Column("cut", sa.Integer(), nullable=False),
        sa.Column("begun_at", TIME, nullable=False),
        sa.Column("switched_at", TIME, nullable=True),
        sa.Column("done_at", TIME, nullable=True),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archive_rewrite")),
    )


def _moved(columns: tuple[str, ...], differs: str) -> str:
    return " OR ".join(f"NEW.{column} {differs} OLD.{column}" for column in columns)


def _sqlite() -> list[str]:
    return [
        "DROP TRIGGER assessment_no_update", "DROP TRIGGER note_no_delete",
        "DROP TRIGGER redaction_kept_update",
        _trigger("post_purged", "UPDATE ON post", RETURNS, BACK),
        _trigger("post_held", "UPDATE ON post", HOLDS, HELD),
        _trigger(
            "assessment_no_update", "UPDATE ON assessment",
            f"NOT ({PURGED_POST}) OR {_moved(FIGURES, 'IS NOT')}", CHANGED,
        ),
        _trigger("note_no_delete", "DELETE ON note", f"NOT ({PURGED_CASE})", NOTED),
        _trigger(
            "redaction_kept_update", "UPDATE ON redaction",
            f"NOT ({PURGED_REFERRAL}) OR {_moved(CONFIRMED, 'IS NOT')}", MASKED,
        ),
    ]  # fmt: skip


def _sqlite_back() -> list[str]:
    return [
        *(
            f"DROP TRIGGER {name}"
            for name in (
                "post_purged", "post_held", "assessment_no_update", "note_no_delete", "redaction_kept_update",
            )
        ),
        _trigger("assessment_no_update", "UPDATE ON assessment", "true", CHANGED),
        _trigger("note_no_delete", "DELETE ON note", "true", NOTED),
        "CREATE TRIGGER redaction_kept_update BEFORE UPDATE ON redaction"
        f" BEGIN SELECT RAISE(ABORT, '{MASKED}'); END",
    ]  # fmt: skip


def _trigger(name: str, event: str, when: str, said: str) -> str:
    return f"CREATE TRIGGER {name} BEFORE {event} WHEN {when} BEGIN SELECT RAISE(ABORT, '{said}'); END"


def _postgresql() -> list[str]:
    return [
        _function(
            "post_purged",
            f"IF {RETURNS} THEN RAISE EXCEPTION '{BACK}'; END IF;"
            f" IF {HOLDS} THEN RAISE EXCEPTION '{HELD}'; END IF; RETURN NEW;",
        ),
        _function(
            "assessment_slimmed",
            f"IF NOT ({PURGED_POST}) OR {_moved(FIGURES, 'IS DISTINCT FROM')}"
            f" THEN RAISE EXCEPTION '{CHANGED}'; END IF; RETURN NEW;",
        ),
        _function(
            "note_gone",
            f"IF NOT ({PURGED_CASE}) THEN RAISE EXCEPTION '{NOTED}'; END IF; RETURN OLD;",
        ),
        _function(
            "redaction_slimmed",
            f"IF NOT ({PURGED_REFERRAL}) OR {_moved(CONFIRMED, 'IS DISTINCT FROM')}"
            f" THEN RAISE EXCEPTION '{MASKED}'; END IF; RETURN NEW;",
        ),
        "DROP TRIGGER assessment_no_update ON assessment",
        "DROP TRIGGER note_no_change ON note",
        "DROP TRIGGER redaction_kept ON redaction",
        # Nearly every update is of a post that is not purged: those call no function.
        "CREATE TRIGGER post_purged BEFORE UPDATE ON post FOR EACH ROW"
        " WHEN (NEW.purged_at IS NOT NULL OR OLD.purged_at IS NOT NULL) EXECUTE FUNCTION post_purged()",
        _each("assessment_no_update", "UPDATE ON assessment", "assessment_slimmed"),
        _each("note_no_update", "UPDATE ON note", "note_kept"),
        _each("note_no_delete", "DELETE ON note", "note_gone"),
        _each("redaction_kept_update", "UPDATE ON redaction", "redaction_slimmed"),
        _each("redaction_kept", "DELETE ON redaction", "kiemtin_redaction_kept"),
    ]


def _postgresql_back() -> list[str]:
    return [
        *(
            f"DROP TRIGGER {name} ON {table}"
            for name, table in (
                ("post_purged", "post"), ("assessment_no_update", "assessment"), ("note_no_update", "note"),
                ("note_no_delete", "note"), ("redaction_kept_update", "redaction"),
                ("redaction_kept", "redaction"),
            )
        ),
        *(
            f"DROP FUNCTION {name}()"
            for name in ("post_purged", "assessment_slimmed", "note_gone", "redaction_slimmed")
        ),
        _each("assessment_no_update", "UPDATE ON assessment", "assessment_kept"),
        _each("note_no_change", "UPDATE OR DELETE ON note", "note_kept"),
        _each("redaction_kept", "UPDATE OR DELETE ON redaction", "kiemtin_redaction_kept"),
    ]  # fmt: skip


def _each(name: str, event: str, function: str) -> str:
    return f"CREATE TRIGGER {name} BEFORE {event} FOR EACH ROW EXECUTE FUNCTION {function}()"


def _function(name: str, body: str) -> str:
    return f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"
