"""Puts cases into the records that may be referred, judged without a model; what people then do is the product's own."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

import models
from classifier import policy as policies
from review import case, proposal, second_review
from review.permissions import Person
from review.proposal import Proposal
from store import policies as switches
from store.records import Records
from store.tables import Assessment, Case, Post, Referral
from store.vocabulary import MilderMeans, Outcome
from tests.factory import NOW, Place, assess_anew

SCAM = (
    "Nhận 3 triệu trợ cấp F0, chuyển trước 200k phí hồ sơ vào stk 0000 1234 5678, ai chuyển trước nhận trước"
)
BASIS = "Điều 174 Bộ luật Hình sự (lừa đảo chiếm đoạt tài sản)"
# What the pages of a case read of an assessment.
DETAIL = {
    "about": 0.9, "harmful": 0.9, "act": "ad", "found": ["scam"], "spans": [], "claims": [], "places": [],
    "flagged": True, "acts": {act: 0.9 if act == "ad" else 0.01 for act in models.labels().acts},
    "harms": {harm: 0.9 if harm == "scam" else 0.02 for harm in models.labels().harms},
    "why": {"name": "why", "outcome": "passed", "children": []},
}  # fmt: skip
SAID = Proposal(
    "fraud", BASIS, "Số tài khoản vẫn nhận tiền, đính chính không chặn được", [MilderMeans.CORRECTION]
)


def begin_policy(records: Records) -> str:
    """Put the shipped policy in force; return its version."""
    text = policies.read()
    with records.write() as session:
        return switches.begin(session, policies.parse(text).version, text, NOW).version


def judge(
    records: Records,
    post_id: int,
    *,
    protected: bool = False,
    rules: tuple[str, ...] = ("fraud",),
    model: str = "m",
) -> None:
    """Put an assessment of a post as the latest, and bring its case in line."""
    version = begin_policy(records)
    named = [] if protected else list(rules)
    with records.write() as session:
        post = session.get_one(Post, post_id)
        made = Assessment(
            post_id=post.id, post_version=post.version, model=model, policy=version, about=0.9,
            act="opinion" if protected else "ad", harmful=0.9, flagged=not protected, protected=protected,
            uncertain=protected, referable=bool(named), priority=90.0, at=NOW,
            detail=DETAIL | {"referable": named},
        )  # fmt: skip
        session.add(made)
        session.flush()
        post.assessment_id = made.id
        session.flush()
        case.refresh(session, [post.cluster_id], NOW)


def referable_case(records: Records, text: str = SCAM, place: Place | None = None) -> Case:
    """Take a post in, judge it to be fraud, and return its case."""
    place = place or Place(records, name=text[:40])
    (taken,) = place.take(text)
    judge(records, taken.post_id)
    with records.read() as session:
        cluster = session.get_one(Post, taken.post_id).cluster_id
        return session.scalars(select(Case).where(Case.cluster_id == cluster)).one()


def propose(
    records: Records, who: Person, shown: Case, said: Proposal = SAID, at: datetime = NOW
) -> Referral:
    with records.write() as session:
        return proposal.propose(session, who, shown.id, shown.version, shown.content_hash, said, at)


def look_blind(
    records: Records,
    who: Person,
    outcome: Outcome = Outcome.REPORT,
    act: str = "ad",
    harms: tuple[str, ...] = ("scam",),
    at: datetime = NOW + timedelta(minutes=5),
) -> int:
    """Let a person answer the first review that waits for them; return its id."""
    with records.write() as session:
        review = second_review.waiting(session, who)[0]
        second_review.answer(
            session, who, review.id, outcome, act, harms, "xem từ đầu", review.content_hash, at
        )
        return review.id


def allow(records: Records, case_id: int, rule: str = "fraud") -> None:
    """Let what the model said of a case be grounds for a referral, by the policy in force."""
    begin_policy(records)
    with records.write() as session:
        post = session.get_one(Post, session.get_one(Case, case_id).post_id)
        before = session.get_one(Assessment, post.assessment_id)
        assess_anew(
            session, before, protected=False, referable=True, detail=before.detail | {"referable": [rule]}
        )
