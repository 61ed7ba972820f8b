"""What the index is owed: written with the change itself, so that neither is ever without the other.

Every post has a version that rises in the transaction of each change that a searcher sees. It is raised
at the very end, posts in order of id: whoever holds it commits next, so versions rise in the order of
commits, and two transactions never wait for each other. The engine refuses a lower version.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from store.tables import Post
from store.vocabulary import TaskKind
from store.work_tables import Searchable, Task

_KEY = "kiemtin/owed_to_index"
_PAGE = 5000


def owe_index(session: Session, post_ids: Iterable[int]) -> None:
    """Owe the index the present state of some posts, gone ones included; kept when the transaction is."""
    session.info.setdefault(_KEY, set()).update(post_ids)


def owe_index_of_cluster(session: Session, cluster_id: int) -> None:
    """Owe the index the present state of every post of a cluster, after its case moved."""
    owe_index(session, session.scalars(select(Post.id).where(Post.cluster_id == cluster_id)))


def settle(session: Session) -> None:
    """Write what is owed. `Records.write` calls it last; nothing else may take a lock after it."""
    owed = sorted(session.info.pop(_KEY, ()))
    now = datetime.now(UTC)
    for start in range(0, len(owed), _PAGE):
        page = owed[start : start + _PAGE]
        session.flush()
        dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
        first = dialect.insert(Searchable).values(version=1, changed_at=now)
        session.execute(
            first.on_conflict_do_update(
                index_elements=["post_id"], set_={"version": Searchable.version + 1, "changed_at": now}
            ),
            [{"post_id": post_id} for post_id in page],
        )
        session.execute(
            insert(Task),
            [{"kind": TaskKind.INDEX, "subject_id": i, "owed_at": now, "due_at": now} for i in page],
        )
