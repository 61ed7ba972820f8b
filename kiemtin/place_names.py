"""Reads the places of all posts anew, as scoring does: after an upgrade, or with another gazetteer."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import func, select

from classifier.places import named
from store import outbox, places
from store.records import Records
from store.tables import Post
from store.text import normalise

PAGE = 500
# What was purged has no text to read: the places that it named stay as they were counted.
_THERE = Post.purged_at.is_(None)


def fill(
    records: Records, progress: Callable[[int, int], None] = lambda done, total: None
) -> tuple[int, int]:
    """Write which places each post names; return how many posts were read, and how many had named others.

    A page is a transaction of its own, so others work on meanwhile; the index is owed what changed.
    """
    with records.read() as session:
        total = session.scalar(select(func.count()).select_from(Post).where(_THERE)) or 0
    read = changed = after = 0
    while True:
        with records.write() as session:
            page = select(Post).where(Post.id > after, _THERE).order_by(Post.id).limit(PAGE).with_for_update()
            posts = session.scalars(page).all()
            found = {
                post.id: [(code, province) for code, _, province in named(normalise(post.text))]
                for post in posts
            }
            other = places.keep(session, posts, found)
            outbox.owe_index(session, other)
        if not posts:
            return read, changed
        read, changed, after = read + len(posts), changed + len(other), posts[-1].id
        progress(read, max(read, total))
