"""Turns records into the documents that the search index holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session

from search.engine import Document
from store.tables import Assessment, Case, Post, Source
from store.vocabulary import CaseState

PAGE = 1000


def of_posts(session: Session, post_ids: Sequence[int]) -> list[Document]:
    """Return the documents of `post_ids`; one query."""
    return [_document(row) for row in session.execute(_query().where(Post.id.in_(post_ids)))]


def every(session: Session) -> Iterator[Document]:
    """Yield the documents of all posts in order of id, a page at a time."""
    after = 0
    while True:
        rows = session.execute(_query().where(Post.id > after).order_by(Post.id).limit(PAGE)).all()
        if not rows:
            return
        for row in rows:
            yield _document(row)
        after = rows[-1].Post.id
        session.expunge_all()


def count(session: Session) -> int:
    """Return how many posts there are to index."""
    return session.scalar(select(func.count()).select_from(Post)) or 0


def _query() -> Select[Post, Assessment, Source, str]:
    # Everything a document needs comes in one row; so an index of a million posts needs no query a post.
    return (
        select(Post, Assessment, Source, Case.state)
        .join(Source, Source.id == Post.source_id)
        .outerjoin(Assessment, Assessment.id == Post.assessment_id)
        .outerjoin(Case, Case.cluster_id == Post.cluster_id)
    )


def _document(row: Row[Post, Assessment, Source, str]) -> Document:
    post, assessment, source, state = row
    detail = assessment.detail if assessment is not None else {}
    return Document(
        post_id=post.id,
        version=post.version,
        title=post.title,
        text=post.text,
        url=post.url or "",
        source=source.name,
        kind=post.kind,
        act=assessment.act if assessment is not None else "",
        harms=tuple(detail.get("found", ())),
        flagged=assessment is not None and assessment.flagged,
        protected=assessment is not None and assessment.protected,
        uncertain=assessment is not None and assessment.uncertain,
        harmful=assessment.harmful if assessment is not None else 0.0,
        cluster_id=post.cluster_id,
        # A lease comes and goes within minutes; to a searcher such a case still waits.
        state=CaseState.QUEUED if state == CaseState.LEASED else state or "",
        published=post.published_at,
    )
