"""All that a case page shows, read in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from review import blind, history, notes
from review import copies as copies_of
from review.access import visible
from review.copies import Variant
from review.errors import NoSuchCase
from review.history import Moment
from review.permissions import Action, Person, may, require
from review.referral_board import activity_shown
from store.case_tables import Note
from store.tables import Activity, Case, Decision, Post, Rendering
from store.vocabulary import TaskKind
from store.work_tables import Task

COPIES_SHOWN = 50


@dataclass(frozen=True)
class Copy:
    """Another post of the cluster. `exact` says its text is the same to the letter."""

    post_id: int
    source: str
    kind: str
    url: str | None
    published_at: datetime | None
    exact: bool
    text: str


@dataclass(frozen=True)
class CasePage:
    """A case with its post, assessment, copies, history, decisions and activity. No author anywhere.

    `history` is oldest first. `picture` is the latest picture of the post's page, `picturing` whether one is
    on its way. `variants` are the near copies by text; `notes` are there for who reviews.
    Who is to read it blind (`unread`) is shown nothing that others said of it.
    """

    case: Case
    post: Post
    assessment: dict[str, Any]
    copies: Sequence[Copy]
    copies_total: int
    variants: Sequence[Variant]
    notes: Sequence[Note]
    history: Sequence[Moment]
    picture: Rendering | None
    picturing: bool
    decisions: Sequence[Decision]
    unread: bool
    activity: Sequence[Activity]

    @property
    def waiting(self) -> int:
        """How many posts a decision would leave out, because nobody said yet whether they say the same."""
        return sum(variant.posts for variant in self.variants if variant.standing == "suggested")

    @property
    def same(self) -> int:
        """How many copies a decision covers beside the post that is shown."""
        apart = sum(variant.posts for variant in self.variants if variant.standing != "same")
        return max(0, self.copies_total - apart)


def load(session: Session, person: Person, case_id: int) -> CasePage:
    """Return the page of a case; raises `NoSuchCase`. As many queries for one copy as for thousands."""
    require(person, Action.READ)
    case = session.scalar(
        select(Case)
        .where(Case.id == case_id, visible(person))
        .options(
            joinedload(Case.lease_user),
            joinedload(Case.post).joinedload(Post.source),
            joinedload(Case.post).joinedload(Post.capture),
            joinedload(Case.post).joinedload(Post.assessment),
        )
    )
    if case is None:
        raise NoSuchCase(case=case_id)
    post = case.post
    others = (Post.cluster_id == case.cluster_id, Post.id != post.id, Post.purged_at.is_(None))
    copies_total = session.scalar(select(func.count()).select_from(Post).where(*others)) or 0
    # Most texts have no copies, and then there is nothing more to ask of them.
    copies = (
        session.scalars(
            select(Post).where(*others).options(joinedload(Post.source)).order_by(Post.id).limit(COPIES_SHOWN)
        )
        if copies_total
        else ()
    )
    decisions = session.scalars(
        select(Decision)
        .where(Decision.case_id == case.id)
        .options(joinedload(Decision.user))
        .order_by(Decision.id.desc())
    )
    activity = session.scalars(
        select(Activity)
        .where(Activity.case_id == case.id, activity_shown(person))
        .options(joinedload(Activity.user))
        .order_by(Activity.id.desc())
    )
    assessment = post.assessment
    unread = blind.awaits(session, person, case.id)
    return CasePage(
        case=case,
        post=post,
        assessment={}
        if assessment is None
        else assessment.detail | {"model": assessment.model, "policy": assessment.policy},
        copies=[_copy(copy, post) for copy in copies],
        copies_total=copies_total,
        variants=copies_of.variants(session, case) if copies_total else (),
        notes=() if unread or not may(person, Action.REVIEW) else notes.written(session, case.id),
        history=history.of_post(session, post.id),
        picture=session.scalar(
            select(Rendering).where(Rendering.post_id == post.id).order_by(Rendering.id.desc()).limit(1)
        ),
        picturing=session.scalar(
            select(Task.id).where(Task.kind == TaskKind.RENDER, Task.subject_id == post.id).limit(1)
        )
        is not None,
        unread=unread,
        decisions=() if unread else decisions.all(),
        activity=() if unread else activity.all(),
    )


def _copy(copy: Post, shown: Post) -> Copy:
    return Copy(
        post_id=copy.id,
        source=copy.source.name,
        kind=copy.kind,
        url=copy.url,
        published_at=copy.published_at,
        exact=copy.content_hash == shown.content_hash,
        text=copy.text,
    )
