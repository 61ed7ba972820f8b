"""Copies of the text under review: exact ones belong to it, near ones only once a person says so.

A decision covers the posts whose text is the one shown, and those whose text somebody confirmed to say the
same. The others of the cluster stay undecided: they can be confirmed, marked as different, or given a case
of their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import Session, selectinload

from review.case import get, open_for, record
from review.errors import CaseTaken, ReviewError
from review.permissions import Action, Person, require
from store import cluster, outbox
from store.case_tables import CopyMark
from store.records import lock
from store.tables import Case, Post, Source
from store.vocabulary import CaseState, CopyVerdict

Standing = Literal["same", "different", "suggested"]

VARIANTS_SHOWN = 20
_WAITING_SHOWN = 50


class NoSuchCopy(ReviewError):
    template = "Ca {case} không còn bản sao nào có lời ấy. Hãy tải lại trang."


class CaseDecided(ReviewError):
    template = "Ca {case} đã quyết định: bản gần giống chỉ có thể đánh dấu là khác, hoặc tách thành ca riêng."


class NotYetScored(ReviewError):
    template = "Bản sao này của ca {case} chưa được chấm điểm. Đợi ít phút rồi thử lại."


@dataclass(frozen=True)
class Variant:
    """The posts of a cluster that share one text which is not the one under review.

    `text` is theirs, `posts` how many there are, `post_id` the first of them, `sources` by name. `standing`
    says what a person found; "suggested" where nobody has said anything.
    """

    content_hash: str
    text: str
    posts: int
    post_id: int
    first_seen_at: datetime
    sources: Sequence[str]
    standing: Standing


@dataclass(frozen=True)
class Coverage:
    """Which posts of a cluster a decision covers and which not: the first of each by id, and how many."""

    covered: Sequence[int]
    covered_total: int
    open: Sequence[int]
    open_total: int


def variants(session: Session, case: Case) -> list[Variant]:
    """Return the near copies of a case by text, those with most posts first. Four queries at most."""
    of_case = (
        Post.cluster_id == case.cluster_id, Post.content_hash != case.content_hash, Post.purged_at.is_(None),
    )  # fmt: skip
    grouped = session.execute(
        select(Post.content_hash, func.count(), func.min(Post.id), func.min(Post.first_seen_at))
        .where(*of_case)
        .group_by(Post.content_hash)
        .order_by(func.count().desc(), func.min(Post.id))
        .limit(VARIANTS_SHOWN)
    ).all()
    if not grouped:
        return []
    said = marks(session, case)
    texts = {
        row[0]: row[1]
        for row in session.execute(select(Post.id, Post.text).where(Post.id.in_([g[2] for g in grouped])))
    }
    places: dict[str, list[str]] = defaultdict(list)
    named = session.execute(
        select(Post.content_hash, Source.name)
        .join(Source, Source.id == Post.source_id)
        .where(*of_case)
        .distinct()
        .order_by(Source.name)
    )
    for content_hash, name in named:
        places[content_hash].append(name)
    return [
        Variant(
            content_hash, texts[post_id], posts, post_id, seen_at, places[content_hash],
            said.get(content_hash, "suggested"),
        )
        for content_hash, posts, post_id, seen_at in grouped
    ]  # fmt: skip


def marks(session: Session, case: Case) -> dict[str, Standing]:
    """Return what people found of texts beside the one under review, by content hash."""
    rows = session.execute(
        select(CopyMark.copy, CopyMark.verdict).where(
            CopyMark.case_id == case.id, CopyMark.shown == case.content_hash
        )
    )
    return {copy: CopyVerdict(verdict).value for copy, verdict in rows}


def mark(
    session: Session, person: Person, case_id: int, copy: str, verdict: CopyVerdict | None, at: datetime
) -> None:
    """Say of the posts with text `copy` (a content hash) that they say the same, or not; None takes it back.

    Whoever holds the case may, and anybody who reviews while nobody holds it. Raises `CaseTaken`,
    `NoSuchCopy`, `CaseDecided` (a decision covers what it covered when it was made).
    """
    case = _open_to(session, person, case_id, at)
    _require_copy(session, case, copy)
    if case.state == CaseState.DECIDED and verdict != CopyVerdict.DIFFERENT:
        raise CaseDecided(case=case_id)
    said = session.get(CopyMark, (case.id, case.content_hash, copy))
    if verdict is None:
        if said is not None:
            session.delete(said)
            record(session, case, person.actor, "copy_unmarked", at, copy=copy)
        return
    if said is None:
        said = CopyMark(case_id=case.id, shown=case.content_hash, copy=copy)
        session.add(said)
    said.verdict, said.user_id, said.at = verdict, person.id, at
    record(session, case, person.actor, f"copy_{verdict}", at, copy=copy, shown=case.content_hash)


def split(session: Session, person: Person, case_id: int, copy: str, at: datetime) -> int:
    """Give the posts with text `copy` a cluster and a queued case of their own; return its id.

    Raises `CaseTaken`, `NoSuchCopy`, `NotYetScored`.
    """
    lock(session, "accept")
    case = _open_to(session, person, case_id, at)
    _require_copy(session, case, copy)
    said = session.get(CopyMark, (case.id, case.content_hash, copy))
    if said is not None:
        session.delete(said)
    session.flush()
    new = cluster.part(session, case.cluster_id, copy, at)
    made = open_for(session, new, at)
    if made is None:
        raise NotYetScored(case=case_id)
    record(session, case, person.actor, "copy_split", at, copy=copy, to=made.id)
    outbox.owe_index_of_cluster(session, new)
    return made.id


def coverage(session: Session, case: Case, limit: int = 500) -> Coverage:
    """Return what a decision on `case` covers now. Two queries."""
    said = marks(session, case)
    covered: list[int] = []
    left: list[int] = []
    rows = session.execute(
        select(Post.id, Post.content_hash)
        .where(Post.cluster_id == case.cluster_id, Post.purged_at.is_(None))
        .order_by(Post.id)
    )
    for post_id, content_hash in rows:
        same = content_hash == case.content_hash or said.get(content_hash) == "same"
        (covered if same else left).append(post_id)
    return Coverage(covered[:limit], len(covered), left[:limit], len(left))


def waiting(session: Session, person: Person) -> list[tuple[Case, int]]:
    """Return decided cases with near copies that nobody has said anything of, and how many posts."""
    require(person, Action.READ)
    number = func.count(Post.id)
    rows = session.execute(
        select(Case, number)
        .join(Post, and_(Post.cluster_id == Case.cluster_id, Post.content_hash != Case.content_hash))
        .where(Case.state == CaseState.DECIDED, Post.purged_at.is_(None), ~_marked())
        .group_by(Case.id)
        .options(selectinload(Case.post))
        .order_by(number.desc(), Case.id)
        .limit(_WAITING_SHOWN)
    )
    return [(row[0], row[1]) for row in rows]


def _marked() -> ColumnElement[bool]:
    return exists().where(
        CopyMark.case_id == Case.id,
        CopyMark.shown == Case.content_hash,
        CopyMark.copy == Post.content_hash,
    )


def _open_to(session: Session, person: Person, case_id: int, at: datetime) -> Case:
    """Return a case whose copies `person` may sort at this moment, held until the end of the transaction."""
    require(person, Action.REVIEW)
    get(session, case_id)
    case = session.scalars(select(Case).where(Case.id == case_id).with_for_update()).one()
    others = case.lease_user_id not in {None, person.id}
    if others and case.lease_until is not None and case.lease_until > at:
        raise CaseTaken(case=case_id)
    if case.state == CaseState.ESCALATED:
        require(person, Action.LEAD)
    return case


def _require_copy(session: Session, case: Case, copy: str) -> None:
    there = exists().where(Post.cluster_id == case.cluster_id, Post.content_hash == copy)
    if copy == case.content_hash or not session.scalar(select(there)):
        raise NoSuchCopy(case=case.id)
