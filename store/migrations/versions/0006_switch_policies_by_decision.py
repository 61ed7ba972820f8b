"""Switch policies by decision; let no referral be of protected speech, and no assessment be changed"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Whether the case named may be referred under the rule and by the policy named: the latest assessment of the
# post it shows, in the version under review, is the one that the page shows, and it says so.
ALLOWED = """
    SELECT 1 FROM "case" c
    JOIN post p ON p.id = c.post_id AND p.content_hash = c.content_hash
    JOIN assessment a ON a.id = p.assessment_id AND a.post_id = p.id AND a.post_version = p.version
    WHERE c.id = NEW.case_id AND a.policy = NEW.policy AND a.referable AND NOT a.protected
    AND a.id = (SELECT max(b.id) FROM assessment b WHERE b.post_id = p.id AND b.post_version = p.version)
    AND {named}
"""
# What leads on to a recipient asks again; what ends a referral, or says that it arrived, is always possible.
FORWARD = (
    "NEW.state IN ('proposed', 'approved', 'exported')"
    " OR (NEW.state = 'acknowledged' AND OLD.state NOT IN ('exported', 'acknowledged'))"
)
KEPT = ("case_id", "rule", "policy", "evidence_sha256", "proposer_id")
REVIEWED = 'SELECT 1 FROM post p JOIN "case" c ON c.cluster_id = p.cluster_id WHERE p.id = OLD.post_id'
REFUSED = "no referral: the latest assessment of the case does not allow it"
MOVED = "a referral keeps its case, rule, policy and evidence"
CHANGED = "an assessment is never changed"
REMOVED = "an assessment of a post under review is never removed"
SWITCHED = "the policies in force are never changed or removed"
LOGGED = "the audit log is append-only"

# SQLite fires no trigger for what INSERT OR REPLACE takes away, so a row that is there must not be put again.
SAME_KEY = {
    "event": "id = NEW.id OR previous = NEW.previous",
    "policy": "id = NEW.id OR version = NEW.version",
    "referral": "id = NEW.id",
    "assessment": "id = NEW.id OR (post_id = NEW.post_id AND post_version = NEW.post_version"
    " AND model = NEW.model AND policy = NEW.policy)",
}
SAID = {"event": LOGGED, "policy": SWITCHED, "referral": MOVED, "assessment": CHANGED}


def upgrade() -> None:
    op.create_table(
        "policy",
        sa.Column("id", ID, nullable=False),
        sa.Column("version", sa.String(length=100), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_policy_reason")),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_policy_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy")),
        sa.UniqueConstraint("version", name=op.f("uq_policy_version")),
    )
    op.add_column("task", sa.Column("turn", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.drop_index("ix_task_take", "task")
    op.create_index("ix_task_take", "task", ["kind", "turn", "due_at", "id"])
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _sqlite() if on_sqlite else _postgresql():
        op.execute(statement)


def downgrade() -> None:
    op.drop_index("ix_task_take", "task")
    op.drop_column("task", "turn")
    op.create_index("ix_task_take", "task", ["kind", "due_at", "id"])
    if op.get_bind().dialect.name == "sqlite":
        for name in (
            *(f"{table}_no_replace" for table in ("event", "referral", "assessment")),
            *("referral_gate_insert", "referral_gate_update", "referral_keeps"),
            *("assessment_no_update", "assessment_no_delete"),
        ):
            op.execute(f"DROP TRIGGER {name}")
        op.drop_table("policy")
        return
    op.drop_table("policy")
    for name, table in (
        ("referral_gate", "referral"), ("referral_keeps", "referral"), ("assessment_no_update", "assessment"),
        ("assessment_no_delete", "assessment"), ("assessment_no_truncate", "assessment"),
    ):  # fmt: skip
        op.execute(f"DROP TRIGGER {name} ON {table}")
    for name in ("referral_gate", "referral_keeps", "assessment_kept", "assessment_reviewed", "policy_kept"):
        op.execute(f"DROP FUNCTION {name}()")


def _sqlite() -> list[str]:
    allowed = ALLOWED.format(
        named="EXISTS (SELECT 1 FROM json_each(a.detail, '$.referable') r WHERE r.value = NEW.rule)"
    )
    moved = " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in KEPT)
    return [
        _trigger("assessment_no_update", "UPDATE ON assessment", "true", CHANGED),
        _trigger("assessment_no_delete", "DELETE ON assessment", f"EXISTS ({REVIEWED})", REMOVED),
        _trigger("policy_no_update", "UPDATE ON policy", "true", SWITCHED),
        _trigger("policy_no_delete", "DELETE ON policy", "true", SWITCHED),
        _trigger("referral_gate_insert", "INSERT ON referral", f"NOT EXISTS ({allowed})", REFUSED),
        _trigger(
            "referral_gate_update", "UPDATE ON referral", f"({FORWARD}) AND NOT EXISTS ({allowed})", REFUSED
        ),
        _trigger("referral_keeps", "UPDATE ON referral", moved, MOVED),
        *(
            _trigger(
                f"{table}_no_replace", f"INSERT ON {table}",
                f"EXISTS (SELECT 1 FROM {table} WHERE {same})", SAID[table],
            )
            for table, same in SAME_KEY.items()
        ),
    ]  # fmt: skip


def _trigger(name: str, event: str, when: str, said: str) -> str:
    return f"CREATE TRIGGER {name} BEFORE {event} WHEN {when} BEGIN SELECT RAISE(ABORT, '{said}'); END"


def _postgresql() -> list[str]:
    allowed = ALLOWED.format(named="jsonb_exists(a.detail -> 'referable', NEW.rule)")
    moved = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in KEPT)
    return [
        _function("assessment_kept", f"RAISE EXCEPTION '{CHANGED}';"),
        _function(
            "assessment_reviewed",
            f"IF EXISTS ({REVIEWED}) THEN RAISE EXCEPTION '{REMOVED}'; END IF; RETURN OLD;",
        ),
        _function("policy_kept", f"RAISE EXCEPTION '{SWITCHED}';"),
        _function(
            "referral_gate",
            # OLD is not there on INSERT, and SQL does not say which side of an OR is asked first.
            f"IF TG_OP = 'UPDATE' THEN IF NOT ({FORWARD}) THEN RETURN NEW; END IF; END IF;"
            f" IF NOT EXISTS ({allowed}) THEN RAISE EXCEPTION '{REFUSED}'; END IF; RETURN NEW;",
        ),
        _function("referral_keeps", f"IF {moved} THEN RAISE EXCEPTION '{MOVED}'; END IF; RETURN NEW;"),
        *(
            f"CREATE TRIGGER {name} BEFORE {event} FOR EACH {each} EXECUTE FUNCTION {function}()"
            for name, event, each, function in (
                ("assessment_no_update", "UPDATE ON assessment", "ROW", "assessment_kept"),
                ("assessment_no_delete", "DELETE ON assessment", "ROW", "assessment_reviewed"),
                ("assessment_no_truncate", "TRUNCATE ON assessment", "STATEMENT", "assessment_kept"),
                ("policy_no_change", "UPDATE OR DELETE ON policy", "ROW", "policy_kept"),
                ("policy_no_truncate", "TRUNCATE ON policy", "STATEMENT", "policy_kept"),
                ("referral_gate", "INSERT OR UPDATE ON referral", "ROW", "referral_gate"),
                ("referral_keeps", "UPDATE ON referral", "ROW", "referral_keeps"),
            )
        ),
    ]


def _function(name: str, body: str) -> str:
    return f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"
