"""What became of flagged posts when their page was looked at again: as before, edited, gone, out of reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crawlers.frontier import Due
from store.ingest import Fate
from store.tables import Assessment, Capture, Post, Sighting
from store.vocabulary import Sight

# By these answers a server says that there is no such page (any more).
_GONE = frozenset({"http/404", "http/410"})


def seen(
    session: Session,
    page: Due,
    fates: Mapping[str, Fate],
    at: datetime,
    capture_id: int | None,
    *,
    passing: bool = False,
) -> Counter[str]:
    """Note each flagged post of a page that was read; `fates` are those of the posts on it, by key.

    Of a post that is not on a `passing` page any more, nothing can be said.
    """
    looks = []
    for post in _flagged(session, page):
        fate = fates.get(post.key)
        if fate is None and passing:
            continue
        what = Sight.DELETED if fate is None else Sight.EDITED if fate == "edited" else Sight.SAME
        reason = "không còn trên trang" if fate is None else None
        looks.append(Sighting(post_id=post.id, at=at, what=what, reason=reason, capture_id=capture_id))
    return _noted(session, looks)


def same(session: Session, page: Due, at: datetime) -> Counter[str]:
    """Note that a page is as it was, by the word of its server."""
    return _noted(
        session,
        [Sighting(post_id=post.id, at=at, what=Sight.SAME, reason="304") for post in _flagged(session, page)],
    )


def lost(session: Session, page: Due, reason: str, at: datetime) -> Counter[str]:
    """Note why a page could not be read."""
    what = Sight.DELETED if reason in _GONE else Sight.UNREACHABLE
    return _noted(
        session,
        [Sighting(post_id=post.id, at=at, what=what, reason=reason) for post in _flagged(session, page)],
    )


def _noted(session: Session, looks: Sequence[Sighting]) -> Counter[str]:
    session.add_all(looks)
    return Counter(f"look/{one.what}" for one in looks)


def _flagged(session: Session, page: Due) -> Sequence[Post]:
    found = (
        select(Post)
        .join(Assessment, Assessment.id == Post.assessment_id)
        .where(Assessment.flagged, Post.purged_at.is_(None))
    )
    if page.post_id is not None:
        return session.scalars(found.where(Post.id == page.post_id)).all()
    here = found.join(Capture, Capture.id == Post.capture_id)
    return session.scalars(here.where(Capture.page_id == page.page_id, Post.again.is_(None))).all()
