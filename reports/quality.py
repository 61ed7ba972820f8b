"""How well it was done: protected speech wrongly flagged, readers who agree, decisions turned."""

from __future__ import annotations

from sqlalchemy import and_, case, distinct, func, select
from sqlalchemy.orm import Session, aliased

from reports import estimates
from reports.asking import PRESENT, numbered, spanning, within
from reports.estimates import Estimate
from reports.model import Change, Quality
from reports.periods import Period
from reports.work_done import standing
from store.complaint_tables import Complaint
from store.second_review_tables import SecondReview
from store.tables import Assessment, Case, Decision, Post
from store.vocabulary import ComplaintState, Outcome, SecondReviewWhy


def quality(session: Session, now: Period, before: Period) -> Quality:
    """Return the figures of a period, and of the one before where they are compared."""
    changed = session.scalar(
        select(func.count())
        .select_from(Complaint)
        .where(Complaint.state == ComplaintState.CHANGED, within(Complaint.closed_at, now))
    )
    return Quality(
        false_flags=false_flags(session, now),
        false_flags_before=false_flags(session, before),
        wrong_flags=estimates.share(*_decided(session, now)),
        kappa=kappa(session, now),
        turned=_turned(session, [before, now]),
        complaints=_complaints(session, [before, now]),
        complaints_changed=changed or 0,
    )


def false_flags(session: Session, period: Period) -> Estimate:
    """Return the share of protected speech, in clusters, wrongly flagged; see `estimates.false_flags`."""
    flagged = session.scalar(
        select(func.count()).select_from(Case).where(~Case.uncertain, within(Case.opened_at, period))
    )
    spared = session.scalar(
        select(func.count(distinct(Post.cluster_id)))
        .join(Assessment, PRESENT)
        .where(Assessment.protected, within(Post.first_seen_at, period))
    )
    protected, decided = _decided(session, period)
    return estimates.false_flags(protected, decided, flagged or 0, spared or 0)


def _decided(session: Session, period: Period) -> tuple[int, int]:
    """Return how many flagged cases proved to be protected speech, and how many were decided."""
    row = session.execute(
        select(func.count(case((Decision.outcome == Outcome.PROTECTED, 1))), func.count())
        .join(Case, Case.id == Decision.case_id)
        .where(standing(), within(Decision.at, period), ~Case.uncertain)
    ).one()
    return row[0], row[1]


def _complaints(session: Session, two: list[Period]) -> Change:
    number = numbered(Complaint.typed_at, two)
    rows = session.execute(
        select(number, func.count()).where(within(Complaint.typed_at, spanning(two))).group_by(number)
    )
    found = {row[0]: row[1] for row in rows}
    return Change(now=found.get(1, 0), before=found.get(0, 0))


def _turned(session: Session, two: list[Period]) -> Change:
    """Count decisions that say otherwise than the one before them on the same case."""
    earlier, between = aliased(Decision), aliased(Decision)
    last = (
        select(func.max(between.case_version))
        .where(
            between.case_id == Decision.case_id,
            between.case_version < Decision.case_version,
            between.undone_at.is_(None),
        )
        .scalar_subquery()
    )
    number = numbered(Decision.at, two)
    rows = session.execute(
        select(number, func.count())
        .join(earlier, and_(earlier.case_id == Decision.case_id, earlier.case_version == last))
        .where(standing(), within(Decision.at, spanning(two)), earlier.outcome != Decision.outcome)
        .group_by(number)
    )
    found = {row[0]: row[1] for row in rows}
    return Change(now=found.get(1, 0), before=found.get(0, 0))


def kappa(session: Session, period: Period) -> Estimate:
    """Return how far blind second reviews of a period agree with the decision on the same text, by outcome.

    The decision is the latest that stood when the second review was answered.
    """
    decided = aliased(Decision)
    first = (
        select(decided.outcome)
        .where(
            decided.case_id == SecondReview.case_id,
            decided.undone_at.is_(None),
            decided.at <= SecondReview.answered_at,
        )
        .order_by(decided.at.desc(), decided.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    pairs = select(first.label("first"), SecondReview.outcome.label("second")).where(
        SecondReview.why == SecondReviewWhy.SAMPLE, within(SecondReview.answered_at, period)
    )
    rows = pairs.subquery()
    found = session.execute(
        select(rows.c.first, rows.c.second, func.count())
        .where(rows.c.first.is_not(None))
        .group_by(rows.c.first, rows.c.second)
    )
    return estimates.kappa([(row[0], row[1], row[2]) for row in found])
