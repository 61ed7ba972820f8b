"""A case: its state machine, how assessments open and refresh it, and how its changes are recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from review import aside, priority
from review.errors import IllegalMove, NoSuchCase, TextGone
from store import audit, outbox
from store.tables import Activity, Assessment, Case, Post
from store.vocabulary import CaseState

MOVES: Mapping[CaseState, frozenset[CaseState]] = {
    CaseState.QUEUED: frozenset({CaseState.LEASED}),
    CaseState.LEASED: frozenset({CaseState.QUEUED, CaseState.ESCALATED, CaseState.DECIDED}),
    CaseState.ESCALATED: frozenset({CaseState.DECIDED}),
    CaseState.DECIDED: frozenset({CaseState.QUEUED}),
}

# The assessment of a post as it reads now.
_PRESENT = and_(Assessment.id == Post.assessment_id, Assessment.post_version == Post.version)
_SEARCHED = frozenset({"opened", "reopened", "escalated", "decided", "undone"})


def move(current: CaseState, target: CaseState) -> CaseState:
    """Return `target`; raises `IllegalMove` when a case in `current` may not go there."""
    if target not in MOVES[current]:
        raise IllegalMove(current=current, target=target)
    return target


def get(session: Session, case_id: int) -> Case:
    """Return a case; raises `NoSuchCase`."""
    case = session.get(Case, case_id, populate_existing=True)
    if case is None:
        raise NoSuchCase(case=case_id)
    return case


def require_text(session: Session, case: Case) -> None:
    """Raise `TextGone` when what a case shows was purged: there is nothing left to look at again."""
    if session.scalar(select(Post.purged_at).where(Post.id == case.post_id)) is not None:
        raise TextGone(case=case.id)


def change_state(case: Case, target: CaseState) -> None:
    """Move `case` and let its lease go; whoever looked at the version before can no longer decide."""
    case.state = move(CaseState(case.state), target)
    case.lease_user_id = case.lease_token = case.lease_until = None
    case.version += 1


def record(
    session: Session, case: Case, actor: str, what: str, at: datetime, reason: str = "", **detail: Any
) -> None:
    """Write the activity row and the audit event of one change, in the transaction of the change.

    A change that a searcher sees owes the index the posts of the case.
    """
    user_id = int(actor.removeprefix("user:")) if actor.startswith("user:") else None
    session.add(Activity(case_id=case.id, user_id=user_id, what=what, reason=reason, at=at))
    audit.append(
        session, actor, f"case.{what}", f"case:{case.id}", reason=reason, version=case.version, **detail
    )
    if what in _SEARCHED:
        outbox.owe_index_of_cluster(session, case.cluster_id)


def refresh(session: Session, cluster_ids: Iterable[int], at: datetime) -> None:
    """Open a cluster's case once a post of it is flagged or uncertain, and keep it true to the posts.

    A new copy raises the priority by its spread. When the text under review was edited, the case shows the
    new text under a new version; one already decided is queued again if the new text is flagged or uncertain.
    """
    wanted = sorted(set(cluster_ids))
    held = select(Case).where(Case.cluster_id.in_(wanted)).order_by(Case.id).with_for_update()
    cases = {case.cluster_id: case for case in session.scalars(held)}
    shown = _shown(session, wanted)
    heaviest = [
        (post, assessment)
        for post, assessment in _heaviest(session, wanted)
        if post.cluster_id in cases or assessment.flagged or assessment.uncertain
    ]
    spreads = priority.spreads(session, [post.cluster_id for post, _ in heaviest])
    for post, assessment in heaviest:
        case = cases.get(post.cluster_id)
        notable = assessment.flagged or assessment.uncertain
        if case is None:
            _open(session, post, assessment, spreads[post.cluster_id], at)
            continue
        _place(case, assessment, spreads[post.cluster_id])
        case.harm = top_harm(assessment)
        case.uncertain = not assessment.flagged
        if case.id in shown:
            case.post_id = shown[case.id]
        else:
            _show_edited(session, case, post, at, again=notable)


def open_for(session: Session, cluster_id: int, at: datetime) -> Case | None:
    """Open the case of a cluster that a person wants looked at; None while no post of it has been scored."""
    heaviest = _heaviest(session, [cluster_id])
    if not heaviest:
        return None
    return _open(session, *heaviest[0], priority.spreads(session, [cluster_id])[cluster_id], at)


def judged_again(session: Session, post_ids: Sequence[int], at: datetime) -> None:
    """Move on the version of cases that somebody looks at now, whose post was judged by another policy.

    What they saw is past: a decision on it is refused until they have looked again.
    """
    looked_at = select(Case).where(
        Case.post_id.in_(post_ids), Case.state.in_((CaseState.LEASED, CaseState.ESCALATED))
    )
    for case in session.scalars(looked_at.order_by(Case.id)) if post_ids else ():
        case.version += 1
        record(session, case, audit.SYSTEM, "judged_again", at)


def top_harm(assessment: Assessment) -> str | None:
    """Return the likeliest harm of a flagged assessment, or None."""
    harms: dict[str, float] = assessment.detail.get("harms", {})
    return max(harms, key=lambda harm: harms[harm]) if assessment.flagged and harms else None


def _heaviest(session: Session, cluster_ids: Sequence[int]) -> list[tuple[Post, Assessment]]:
    """Return the post that decides for each cluster, with its assessment, in order of cluster."""
    place = func.row_number().over(
        partition_by=Post.cluster_id,
        order_by=(
            Assessment.flagged.desc(),
            Assessment.uncertain.desc(),
            Assessment.priority.desc(),
            Post.id,
        ),
    )
    ranked = (
        select(Post.id, place.label("place"))
        .join(Assessment, _PRESENT)
        .where(Post.cluster_id.in_(cluster_ids))
        .subquery()
    )
    rows = session.execute(
        select(Post, Assessment)
        .join(Assessment, _PRESENT)
        .join(ranked, ranked.c.id == Post.id)
        .where(ranked.c.place == 1)
        .order_by(Post.cluster_id)
    )
    return [(row[0], row[1]) for row in rows]


def _shown(session: Session, cluster_ids: Sequence[int]) -> dict[int, int]:
    """Return, by case, the first post that still has the text under review."""
    rows = session.execute(
        select(Case.id, func.min(Post.id))
        .join(Post, and_(Post.cluster_id == Case.cluster_id, Post.content_hash == Case.content_hash))
        .join(Assessment, _PRESENT)
        .where(Case.cluster_id.in_(cluster_ids))
        .group_by(Case.id)
    )
    return {row[0]: row[1] for row in rows}


def _place(case: Case, assessment: Assessment, spread: priority.Spread) -> None:
    severity = assessment.detail.get("severity", 0.0)
    priority.place(case, assessment.priority, severity, spread)


def _open(
    session: Session, post: Post, assessment: Assessment, spread: priority.Spread, at: datetime
) -> Case:
    case = Case(
        cluster_id=post.cluster_id,
        post_id=post.id,
        content_hash=post.content_hash,
        state=CaseState.QUEUED,
        version=1,
        harm=top_harm(assessment),
        uncertain=not assessment.flagged,
        opened_at=at,
        waits_from=at,
    )
    _place(case, assessment, spread)
    session.add(case)
    session.flush()
    record(session, case, audit.SYSTEM, "opened", at, post=post.id, assessment=assessment.id)
    return case


def _show_edited(session: Session, case: Case, post: Post, at: datetime, *, again: bool) -> None:
    case.post_id, case.content_hash = post.id, post.content_hash
    aside.forget(session, case.id)
    if case.state == CaseState.DECIDED and again:
        change_state(case, CaseState.QUEUED)
        case.decided_at, case.waits_from = None, at
        aside.unassign(session, case.id)
        record(session, case, audit.SYSTEM, "reopened", at, "bài đã sửa", post=post.id)
        return
    case.version += 1
    record(session, case, audit.SYSTEM, "changed", at, "bài đã sửa", post=post.id)
