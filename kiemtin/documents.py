"""Turns records into the documents that the search index holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Row, Select, and_, case, func, select
from sqlalchemy.orm import Session

from search.engine import Document
from search.vectors import embed
from store.case_tables import CopyMark
from store.place_tables import PostPlace
from store.records import Records
from store.tables import Assessment, Case, Post, Source
from store.vocabulary import CaseState, CopyVerdict
from store.work_tables import Searchable

PAGE = 1000


# Clocks of hosts differ, and a change is committed a little after its time.
_MARGIN = timedelta(minutes=5)
_Row = Row[Post, Assessment, Source, str, int, str]


def of_posts(session: Session, post_ids: Sequence[int]) -> list[Document]:
    """Return the documents of `post_ids` that are not purged; one query: each is of one moment."""
    return _documents(session.execute(_query().where(Post.id.in_(post_ids))).all())


def every(records: Records) -> Iterator[Document]:
    """Yield the documents of all posts in order of id, a page and a moment at a time."""
    after = 0
    while True:
        with records.read() as session:
            rows = session.execute(_query().where(Post.id > after).order_by(Post.id).limit(PAGE)).all()
        if not rows:
            return
        yield from _documents(rows)
        after = rows[-1].Post.id


class Changes:
    """Gives, at each call, the documents of the posts that changed since the call before (or the making)."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._since = datetime.now(UTC)

    def __call__(self) -> Iterator[Document]:
        """Yield them in order of id."""
        since, self._since = self._since, datetime.now(UTC)
        with self._records.read() as session:
            ids = session.scalars(
                select(Searchable.post_id)
                .where(Searchable.changed_at >= since - _MARGIN)
                .order_by(Searchable.post_id)
            ).all()
        for start in range(0, len(ids), PAGE):
            with self._records.read() as session:
                yield from of_posts(session, ids[start : start + PAGE])


def count(session: Session) -> int:
    """Return how many posts there are to index."""
    return session.scalar(select(func.count()).select_from(Post).where(Post.purged_at.is_(None))) or 0


def _query() -> Select[Post, Assessment, Source, str, int, str]:
    # Everything a document needs comes in one row; so an index of a million posts needs no query a post.
    provinces = (
        select(func.aggregate_strings(PostPlace.province, ","))
        .where(PostPlace.post_id == Post.id)
        .scalar_subquery()
    )
    # A near copy that nobody confirmed is not covered by the decision on its case.
    left_open = and_(
        Case.state == CaseState.DECIDED, Post.content_hash != Case.content_hash, CopyMark.case_id.is_(None)
    )
    state = case((left_open, ""), else_=Case.state)
    return (
        select(Post, Assessment, Source, state, Searchable.version, provinces)
        .join(Source, Source.id == Post.source_id)
        .outerjoin(Assessment, Assessment.id == Post.assessment_id)
        .outerjoin(Case, Case.cluster_id == Post.cluster_id)
        .outerjoin(
            CopyMark,
            and_(
                CopyMark.case_id == Case.id,
                CopyMark.shown == Case.content_hash,
                CopyMark.copy == Post.content_hash,
                CopyMark.verdict == CopyVerdict.SAME,
            ),
        )
        .outerjoin(Searchable, Searchable.post_id == Post.id)
        .where(Post.purged_at.is_(None))
    )


def _documents(rows: Sequence[_Row]) -> list[Document]:
    vectors = embed([row[0].text for row in rows])
    return [_document(row, vector) for row, vector in zip(rows, vectors, strict=True)]


def _document(row: _Row, vector: tuple[float, ...]) -> Document:
    post, assessment, source, state, version, provinces = row
    detail = assessment.detail if assessment is not None else {}
    return Document(
        post_id=post.id,
        version=version or 0,
        title=post.title,
        text=post.text,
        url=post.url or "",
        source=source.name,
        kind=post.kind,
        act=assessment.act if assessment is not None else "",
        harms=tuple(detail.get("found", ())),
        provinces=tuple(sorted(set(provinces.split(",")))) if provinces else (),
        flagged=assessment is not None and assessment.flagged,
        protected=assessment is not None and assessment.protected,
        uncertain=assessment is not None and assessment.uncertain,
        harmful=assessment.harmful if assessment is not None else 0.0,
        cluster_id=post.cluster_id,
        # A lease comes and goes within minutes; to a searcher such a case still waits.
        state=CaseState.QUEUED if state == CaseState.LEASED else state or "",
        published=post.published_at,
        vector=vector,
    )
