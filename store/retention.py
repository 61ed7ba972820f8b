"""How long what is kept: which posts are due to be purged, under which rule, and why others are not yet.

A post stands alone until a post of its cluster is flagged or uncertain; from then on there is a case, and
the whole cluster goes with it. Rules (`Rule`) say after what time; keepers (`Keeper`) say what holds a case
whatever the time. Each post is of exactly one rule, and due by it or held by something that can be named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, exists, not_, or_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from store.complaint_tables import Complaint
from store.quality_tables import Adjudication, Golden
from store.retention_tables import LegalHold
from store.second_review_tables import SecondReview
from store.tables import Assessment, Case, Decision, Post, Referral
from store.vocabulary import HARMFUL, CaseState, ReferralState, SecondReviewWhy, TaskKind
from store.work_tables import Task


class Rule(StrEnum):
    """Why a post may be kept at all, and so for how long."""

    UNFLAGGED = "unflagged"
    DISMISSED = "dismissed"
    EVIDENCE = "evidence"


class Keeper(StrEnum):
    """What keeps a post of a case past any term; the first that holds is the one that is told."""

    LEGAL_HOLD = "legal_hold"
    OPEN_CASE = "open_case"
    REFERRAL = "referral"
    COMPLAINT = "complaint"
    READING = "reading"
    GOLDEN = "golden"


# On its way to a recipient, or sent and neither received nor recalled.
UNDER_REFERRAL = (ReferralState.PROPOSED, ReferralState.APPROVED, ReferralState.EXPORTED)


@dataclass(frozen=True)
class Terms:
    """How long each rule keeps a post: from when it was first seen, or from the end of its case.

    A post that nobody could score yet is kept twice as long as one that was never flagged.
    """

    unflagged: timedelta = timedelta(days=30)
    dismissed: timedelta = timedelta(days=90)
    evidence: timedelta = timedelta(days=1825)

    def of(self, rule: Rule) -> timedelta:
        """Return the term of a rule."""
        terms: Mapping[Rule, timedelta] = {
            Rule.UNFLAGGED: self.unflagged,
            Rule.DISMISSED: self.dismissed,
            Rule.EVIDENCE: self.evidence,
        }
        return terms[rule]


def no_case() -> ColumnElement[bool]:
    """Return the condition that no post of a post's cluster was ever flagged or uncertain."""
    return ~exists().where(Case.cluster_id == Post.cluster_id)


def held(keeper: Keeper) -> ColumnElement[bool]:
    """Return the condition on `Case` that `keeper` keeps it."""
    conditions: Mapping[Keeper, ColumnElement[bool]] = {
        Keeper.LEGAL_HOLD: _on_hold(Case.cluster_id),
        Keeper.OPEN_CASE: or_(Case.state != CaseState.DECIDED, Case.decided_at.is_(None)),
        Keeper.REFERRAL: exists().where(Referral.case_id == Case.id, Referral.state.in_(UNDER_REFERRAL)),
        Keeper.COMPLAINT: exists().where(Complaint.case_id == Case.id, Complaint.closed_at.is_(None)),
        Keeper.READING: or_(
            # One of words that were edited since waits for nobody, one for a complaint as long as that does.
            exists().where(
                SecondReview.case_id == Case.id,
                SecondReview.answered_at.is_(None),
                SecondReview.content_hash == Case.content_hash,
                SecondReview.why != SecondReviewWhy.COMPLAINT,
            ),
            exists().where(Adjudication.case_id == Case.id, Adjudication.settled_at.is_(None)),
        ),
        Keeper.GOLDEN: exists().where(Golden.case_id == Case.id, Golden.retired_at.is_(None)),
    }
    return conditions[keeper]


def free() -> ColumnElement[bool]:
    """Return the condition on `Case` that nothing keeps it past its term."""
    return and_(*(not_(held(keeper)) for keeper in Keeper))


def post_held() -> ColumnElement[bool]:
    """Return the condition on `Post` that a legal hold is on it or a copy of it."""
    return _on_hold(Post.cluster_id)


def is_evidence() -> ColumnElement[bool]:
    """Return the condition on a decided `Case` that it is evidence: found harmful, or ever referred."""
    latest = (
        select(Decision.outcome)
        .where(Decision.case_id == Case.id, Decision.undone_at.is_(None))
        .order_by(Decision.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return or_(latest.in_([word.value for word in HARMFUL]), exists().where(Referral.case_id == Case.id))


def ended_before(moment: datetime) -> ColumnElement[bool]:
    """Return the condition that the case was over before: decision, referrals and complaints alike."""
    return and_(
        Case.decided_at < moment,
        ~exists().where(Referral.case_id == Case.id, Referral.changed_at >= moment),
        ~exists().where(Complaint.case_id == Case.id, Complaint.closed_at >= moment),
    )


def due_alone(terms: Terms, at: datetime) -> ColumnElement[bool]:
    """Return the condition that a post outside of any case is due."""
    # An import may say that a post was seen years ago: its term runs from when it was first scored here.
    scored = exists().where(Assessment.post_id == Post.id, Assessment.at < at - terms.unflagged)
    waits = exists().where(
        Task.kind == TaskKind.SCORE, Task.subject_id == Post.id, Task.owed_at >= at - 2 * terms.unflagged
    )
    unscored = and_(Post.assessment_id.is_(None), Post.first_seen_at < at - 2 * terms.unflagged, not_(waits))
    return and_(
        Post.purged_at.is_(None),
        Post.first_seen_at < at - terms.unflagged,
        no_case(),
        not_(post_held()),
        or_(scored, unscored),
    )


def due_case(rule: Rule, terms: Terms, at: datetime) -> ColumnElement[bool]:
    """Return the condition that the posts of a `Case` are due by `rule`, and there are any left."""
    evidence, left = is_evidence(), aliased(Post)
    return and_(
        evidence if rule == Rule.EVIDENCE else not_(evidence),
        ended_before(at - terms.of(rule)),
        free(),
        exists().where(left.cluster_id == Case.cluster_id, left.purged_at.is_(None)),
    )


def _on_hold(cluster: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    # Both tables under other names, so that the condition can stand beside questions about them.
    case, post = aliased(Case), aliased(Post)
    stands = LegalHold.lifted_at.is_(None)
    return or_(
        exists().where(LegalHold.case_id == case.id, stands, case.cluster_id == cluster),
        exists().where(LegalHold.post_id == post.id, stands, post.cluster_id == cluster),
    )
