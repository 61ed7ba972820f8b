"""Read every kind of source; look at flagged posts again, and at their pages in a browser"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)

KINDS = [
    "feed",
    "sitemap",
    "site",
    "forum",
    "blog",
    "telegram",
    "youtube",
    "facebook",
    "warc",
    "import",
    "hotline",
]
OLD_KINDS = ["rss", "forum", "import", "hotline"]
ROLES = ["root", "listing", "article", "thread", "item"]
OLD_ROLES = ["root", "article", "thread"]
TASKS = ["score", "index", "crawl", "render"]
OLD_TASKS = ["score", "index", "crawl"]


def upgrade() -> None:
    _words("source", "kind", OLD_KINDS, KINDS, {"rss": "feed"})
    _words("page", "role", OLD_ROLES, ROLES)
    _words("task", "kind", OLD_TASKS, TASKS)
    op.add_column("source", sa.Column("paused_at", TIME, nullable=True))
    op.add_column("source", sa.Column("verified_at", TIME, nullable=True))
    op.add_column("page", sa.Column("watched_from", TIME, nullable=True))
    op.add_column("page", sa.Column("post_id", ID, nullable=True))
    op.add_column("capture", sa.Column("page_id", ID, nullable=True))
    op.add_column("capture", sa.Column("same_as", ID, nullable=True))
    op.create_index(op.f("ix_capture_page_id"), "capture", ["page_id"])
    op.add_column("post", sa.Column("modified_at", TIME, nullable=True))
    op.add_column("post", sa.Column("position", sa.Integer(), nullable=True))
    op.add_column("post", sa.Column("parent", sa.Text(), nullable=True))
    op.add_column("post", sa.Column("facts", JSON, nullable=False, server_default="{}"))
    op.add_column("post", sa.Column("again", sa.Text(), nullable=True))
    op.create_table(
        "sighting",
        sa.Column("id", ID, nullable=False),
        sa.Column("post_id", ID, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("capture_id", ID, nullable=True),
        sa.CheckConstraint(
            "what IN ('same', 'edited', 'deleted', 'unreachable')", name=op.f("ck_sighting_what")
        ),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_sighting_post_id")),
        sa.ForeignKeyConstraint(["capture_id"], ["capture.id"], name=op.f("fk_sighting_capture_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sighting")),
    )
    op.create_index(op.f("ix_sighting_post_id"), "sighting", ["post_id"])
    op.create_table(
        "rendering",
        sa.Column("id", ID, nullable=False),
        sa.Column("post_id", ID, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("picture_id", ID, nullable=False),
        sa.Column("document_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_rendering_post_id")),
        sa.ForeignKeyConstraint(["picture_id"], ["capture.id"], name=op.f("fk_rendering_picture_id")),
        sa.ForeignKeyConstraint(["document_id"], ["capture.id"], name=op.f("fk_rendering_document_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rendering")),
    )
    op.create_index(op.f("ix_rendering_post_id"), "rendering", ["post_id"])


def downgrade() -> None:
    op.drop_table("rendering")
    op.drop_table("sighting")
    for column in ("again", "facts", "parent", "position", "modified_at"):
        op.drop_column("post", column)
    op.drop_index(op.f("ix_capture_page_id"), "capture")
    op.drop_column("capture", "same_as")
    op.drop_column("capture", "page_id")
    op.drop_column("page", "post_id")
    op.drop_column("page", "watched_from")
    op.drop_column("source", "verified_at")
    op.drop_column("source", "paused_at")
    op.execute("DELETE FROM task WHERE kind = 'render'")
    op.execute("DELETE FROM page WHERE role IN ('listing', 'item')")
    _words("task", "kind", TASKS, OLD_TASKS)
    _words("page", "role", ROLES, OLD_ROLES)
    # What had no kind before is kept as an import: it is not crawled, and its posts stay.
    back = {kind: "import" for kind in KINDS if kind not in OLD_KINDS} | {"feed": "rss"}
    _words("source", "kind", KINDS, OLD_KINDS, back)


def _words(
    table: str, column: str, before: list[str], after: list[str], renamed: dict[str, str] | None = None
) -> None:
    """Let `column` hold other words; rows with a word of `renamed` get its new one."""
    name, old, new = f"ck_{table}_{column}", _one_of(column, before), _one_of(column, after)
    renames = [
        f"UPDATE {{}} SET {column} = '{new}' WHERE {column} = '{old}'" for old, new in (renamed or {}).items()
    ]
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f(name), table)
        for rename in renames:
            op.execute(rename.format(table))
        op.create_check_constraint(op.f(name), table, new)
        return
    # SQLite cannot change a constraint: the table is made again. Its rows go back into a table of the same
    # name before the transaction ends, so what refers to them holds.
    schema = "SELECT sql FROM sqlite_master WHERE tbl_name = '{}' AND type = '{}' AND sql IS NOT NULL"
    made = op.get_bind().exec_driver_sql(schema.format(table, "table")).scalar_one()
    indexes = op.get_bind().exec_driver_sql(schema.format(table, "index")).scalars().all()
    if old not in made:
        raise RuntimeError(f"table {table} is not as it was made: {made}")
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute(f"CREATE TABLE {table}_kept AS SELECT * FROM {table}")
    for rename in renames:
        op.execute(rename.format(f"{table}_kept"))
    op.execute(f"DROP TABLE {table}")
    op.execute(made.replace(old, new))
    op.execute(f"INSERT INTO {table} SELECT * FROM {table}_kept")
    op.execute(f"DROP TABLE {table}_kept")
    for index in indexes:
        op.execute(index)


def _one_of(column: str, words: list[str]) -> str:
    return f"{column} IN ({', '.join(repr(word) for word in words)})"
