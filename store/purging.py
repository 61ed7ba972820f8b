"""Takes posts whose term is over out of the records, page by page; archive and index follow.

What is left of a post is what reports count: its source, kind, times and cluster, the figures of its
assessment, the claims and provinces that were counted. Figures already told and those of a quarter that is
not over yet stay true. In place of its address stands what only the key of the installation can tell, so
that a later crawl does not take it in again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Table, bindparam, delete, exists, select, update
from sqlalchemy.orm import Session

from store import audit, outbox
from store.bundle_tables import Bundle, Redaction
from store.case_tables import CopyMark, Note
from store.keys import Keys
from store.records import Records, lock
from store.retention import Rule, Terms, due_alone, due_case
from store.retention_tables import GONE, LooseCapture
from store.tables import (
    Assessment,
    Band,
    Capture,
    Case,
    Cluster,
    Decision,
    Post,
    Referral,
    Rejection,
    Rendering,
    Revision,
    Run,
    Sighting,
)
from store.vocabulary import RunState, TaskKind
from store.work_tables import Page, Task

PAGE = 500
# What is kept of an assessment's detail: numbers and labels, nothing of the text.
FIGURES = (
    "about", "act", "acts", "harms", "harmful", "found", "flagged", "protected", "uncertain", "referable",
    "priority", "severity", "model", "policy",
)  # fmt: skip


def purge_due(records: Records, keys: Keys, terms: Terms, at: datetime) -> dict[str, int]:
    """Purge all posts that are due at `at`, a page a transaction; return how many by rule, and bundles.

    A run that was killed goes on with what is left. Each page leaves an event `retention.purged` with the
    rule and the ids. The files of bundles are named in `bundles_of`; their removal is the caller's.
    """
    counts = {rule.value: 0 for rule in Rule} | {"cases": 0, "rejected_rows": 0}
    while _page_alone(records, keys, terms, at, counts):
        pass
    for rule in (Rule.DISMISSED, Rule.EVIDENCE):
        while _page_of_cases(records, keys, rule, terms, at, counts):
            pass
    counts["rejected_rows"] = _forget_rejected(records, terms, at)
    return counts


def due_now(session: Session, terms: Terms, at: datetime) -> dict[str, int]:
    """Return what `purge_due` would take out now, by rule; changes nothing."""
    counts = {Rule.UNFLAGGED.value: _count(session, select(Post.id).where(due_alone(terms, at)))}
    for rule in (Rule.DISMISSED, Rule.EVIDENCE):
        of_cases = select(Post.id).join(Case, Case.cluster_id == Post.cluster_id)
        counts[rule.value] = _count(
            session, of_cases.where(due_case(rule, terms, at), Post.purged_at.is_(None))
        )
    return counts


def bundles_of_purged(session: Session) -> Sequence[str]:
    """Return the file names of built bundles whose evidence was purged."""
    return session.scalars(
        select(Bundle.name)
        .join(Referral, Referral.id == Bundle.referral_id)
        .join(Case, Case.id == Referral.case_id)
        .join(Post, Post.id == Case.post_id)
        .where(Post.purged_at.is_not(None))
        .order_by(Bundle.id)
    ).all()


def slim(detail: dict[str, Any]) -> dict[str, Any]:
    """Return an assessment's detail without all that says something of the text; its form stays."""
    kept = {name: detail[name] for name in FIGURES if name in detail}
    why = {"name": "why", "outcome": "not_applicable", "children": []}
    return kept | {"spans": [], "claims": [], "places": [], "referable": [], "why": why, "purged": True}


def _count(session: Session, ids: Any) -> int:
    from sqlalchemy import func

    return session.scalar(select(func.count()).select_from(ids.subquery())) or 0


def _page_alone(records: Records, keys: Keys, terms: Terms, at: datetime, counts: dict[str, int]) -> int:
    with records.write() as session:
        lock(session, "accept")
        asked = select(Post).where(due_alone(terms, at)).order_by(Post.id).limit(PAGE)
        posts = session.scalars(asked.with_for_update(of=Post)).all()
        _blank(session, posts, keys, at)
        if posts:
            _note(session, Rule.UNFLAGGED, posts)
        counts[Rule.UNFLAGGED] += len(posts)
    return len(posts)


def _page_of_cases(
    records: Records, keys: Keys, rule: Rule, terms: Terms, at: datetime, counts: dict[str, int]
) -> int:
    with records.write() as session:
        lock(session, "accept")
        asked = select(Case).where(due_case(rule, terms, at)).order_by(Case.id).limit(PAGE // 10)
        cases = session.scalars(asked.with_for_update(of=Case)).all()
        if not cases:
            return 0
        clusters = [case.cluster_id for case in cases]
        posts = session.scalars(
            select(Post)
            .where(Post.cluster_id.in_(clusters), Post.purged_at.is_(None))
            .order_by(Post.id)
            .with_for_update()
        ).all()
        _blank(session, posts, keys, at)
        _forget_cases(session, [case.id for case in cases])
        _note(session, rule, posts, cases=spans(case.id for case in cases))
        counts[rule] += len(posts)
        counts["cases"] += len(cases)
    return len(cases)


def _note(session: Session, rule: Rule, posts: Sequence[Post], **more: Any) -> None:
    audit.append(
        session, audit.SYSTEM, "retention.purged", "retention", rule=rule.value, number=len(posts),
        posts=spans(post.id for post in posts), **more,
    )  # fmt: skip


def _blank(session: Session, posts: Sequence[Post], keys: Keys, at: datetime) -> None:
    if not posts:
        return
    ids = [post.id for post in posts]
    clusters = {post.cluster_id for post in posts}
    gone = {source: _gone(session, source, at) for source in sorted({post.source_id for post in posts})}
    _loosen(session, posts)
    session.execute(
        delete(Task).where(Task.kind.in_((TaskKind.SCORE, TaskKind.RENDER)), Task.subject_id.in_(ids))
    )
    session.execute(delete(Page).where(Page.post_id.in_(ids)))
    for kind in (Revision, Sighting, Rendering):
        session.execute(delete(kind).where(kind.post_id.in_(ids)))
    # Answers name the post that they answer by its key.
    renamed = [{"old": post.key, "new": keys.forgotten(post.key)} for post in posts]
    table = cast(Table, Post.__table__)
    session.connection().execute(
        table.update().where(table.c.parent == bindparam("old")).values(parent=bindparam("new")), renamed
    )
    for post in posts:
        post.key = keys.forgotten(post.key)
        post.parent = None if post.parent is None else _hidden(post.parent, keys)
        post.row = post.url = post.again = post.author = post.author_sealed = post.modified_at = None
        post.title = post.text = post.content_hash = ""
        post.quotes, post.facts = [], {}
        post.capture_id, post.purged_at = gone[post.source_id], at
    session.flush()
    _slim_assessments(session, ids)
    _forget_signatures(session, clusters)
    outbox.owe_index(session, ids)


def _loosen(session: Session, posts: Sequence[Post]) -> None:
    """Note the captures that the posts were read from and shown by; they are cut once nothing needs them."""
    ids = [post.id for post in posts]
    found = {post.capture_id for post in posts}
    found |= set(session.scalars(select(Revision.capture_id).where(Revision.post_id.in_(ids))))
    found |= set(
        session.scalars(
            select(Sighting.capture_id).where(Sighting.post_id.in_(ids), Sighting.capture_id.is_not(None))
        )
    )
    for shown in session.scalars(select(Rendering).where(Rendering.post_id.in_(ids))):
        page = session.get_one(Capture, shown.picture_id).detail.get("page")
        found |= {shown.picture_id, shown.document_id, *([page] if page else [])}
    found |= set(session.scalars(select(Capture.id).where(Capture.same_as.in_(found))))
    known = set(session.scalars(select(LooseCapture.capture_id).where(LooseCapture.capture_id.in_(found))))
    session.add_all(LooseCapture(capture_id=one) for one in sorted(found - known))


def spans(ids: Iterable[int]) -> str:
    """Return numbers as text, runs of them by their ends: "3-7,9"."""
    runs: list[list[int]] = []
    for one in sorted(set(ids)):
        if runs and one == runs[-1][1] + 1:
            runs[-1][1] = one
        else:
            runs.append([one, one])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def _hidden(parent: str, keys: Keys) -> str:
    return parent if parent.startswith("purged:") else keys.forgotten(parent)


def _gone(session: Session, source_id: int, at: datetime) -> int:
    """Return the capture that stands for all that are no more of a source."""
    found = session.scalar(select(Capture.id).where(Capture.warc == GONE, Capture.offset == source_id))
    if found is None:
        made = Capture(
            source_id=source_id,
            url="",
            at=at,
            media_type="",
            sha256="",
            warc=GONE,
            offset=source_id,
            length=0,
        )
        session.add(made)
        session.flush()
        found = made.id
    return found


def _slim_assessments(session: Session, post_ids: Sequence[int]) -> None:
    rows = session.execute(
        select(Assessment.id, Assessment.detail).where(Assessment.post_id.in_(post_ids))
    ).all()
    table = cast(Table, Assessment.__table__)
    if rows:
        session.connection().execute(
            table.update().where(table.c.id == bindparam("of")).values(detail=bindparam("slim")),
            [{"of": row.id, "slim": slim(row.detail)} for row in rows],
        )


def _forget_signatures(session: Session, clusters: Iterable[int]) -> None:
    """Let no later post join a cluster that nothing is left of: its fingerprint goes too."""
    left = exists().where(Post.cluster_id == Cluster.id, Post.purged_at.is_(None))
    empty = session.scalars(select(Cluster.id).where(Cluster.id.in_(clusters), ~left)).all()
    session.execute(delete(Band).where(Band.cluster_id.in_(empty)))
    session.execute(update(Cluster).where(Cluster.id.in_(empty)).values(signature=None))


def _forget_cases(session: Session, case_ids: Sequence[int]) -> None:
    """Take out what a case says of its text beside the post: snapshots, notes, marks of copies and masks."""
    decisions = session.scalars(select(Decision).where(Decision.case_id.in_(case_ids)))
    for decision in decisions:
        seen = decision.snapshot
        names = (
            "case",
            "case_version",
            "post",
            "post_version",
            "content_hash",
            "copies_total",
            "uncovered_total",
        )
        kept = {name: seen[name] for name in names if name in seen}
        decision.snapshot = kept | {"assessment": slim(seen.get("assessment", {})), "purged": True}
    session.flush()
    session.execute(delete(Note).where(Note.case_id.in_(case_ids)))
    session.execute(delete(CopyMark).where(CopyMark.case_id.in_(case_ids)))
    referrals = select(Referral.id).where(Referral.case_id.in_(case_ids))
    session.execute(
        update(Redaction).where(Redaction.referral_id.in_(referrals)).values(marks=[], boxes=[]),
        execution_options={"synchronize_session": False},
    )


def _forget_rejected(records: Records, terms: Terms, at: datetime) -> int:
    """Empty the refused rows of imports that were over before the term of what is never flagged."""
    with records.write() as session:
        old = select(Run.id).where(Run.state != RunState.RUNNING, Run.started_at < at - terms.unflagged)
        emptied = session.execute(
            update(Rejection).where(Rejection.run_id.in_(old), Rejection.raw != "").values(raw=""),
            execution_options={"synchronize_session": False},
        )
        number = cast(CursorResult[Any], emptied).rowcount
        if number:
            audit.append(
                session, audit.SYSTEM, "retention.purged", "retention", rule="rejected", number=number
            )
    return number


def purged_at(session: Session, at: datetime) -> Iterator[int]:
    """Yield the posts that the run of `at` purged, by id."""
    yield from session.scalars(select(Post.id).where(Post.purged_at == at).order_by(Post.id))
