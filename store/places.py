"""Keeps the places that posts name in step with what was last read in their texts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from store.place_tables import PostPlace
from store.tables import Post

# The code of a place, and the province that it belongs to today.
Named = Sequence[tuple[str, str]]


def keep(session: Session, posts: Sequence[Post], named: Mapping[int, Named]) -> set[int]:
    """Write which places each of `posts` names, by its id; return the ids of those that named others before.

    The posts are held by the caller, so nobody else writes theirs meanwhile.
    """
    wanted = {
        post.id: {(code, province, post.cluster_id) for code, province in named[post.id]} for post in posts
    }
    kept: defaultdict[int, set[tuple[str, str, int]]] = defaultdict(set)
    for row in session.scalars(select(PostPlace).where(PostPlace.post_id.in_(wanted))):
        kept[row.post_id].add((row.code, row.province, row.cluster_id))
    changed = {post_id for post_id, places in wanted.items() if places != kept[post_id]}
    if stale := [post_id for post_id in changed if kept[post_id]]:
        session.execute(delete(PostPlace).where(PostPlace.post_id.in_(stale)))
    rows = [
        {"post_id": post_id, "code": code, "province": province, "cluster_id": cluster_id}
        for post_id in sorted(changed)
        for code, province, cluster_id in sorted(wanted[post_id])
    ]
    if rows:
        session.execute(insert(PostPlace), rows)
    return changed
