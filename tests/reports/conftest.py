"""Records with weeks of posts of known labels, made without a model, so that every figure can be reckoned by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from reports.periods import Period, named
from review.permissions import Person
from store import claims
from store.records import Records
from store.report_tables import ClaimMention
from store.tables import Assessment, Case, Cluster, Decision, Post
from store.vocabulary import CaseState, Outcome, Role
from tests.factory import Place, person

WEEK: Period = named("2026-W47")  # 16 to 22 November
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # Monday morning after it
MONDAY = WEEK.begin


@dataclass(frozen=True)
class Said:
    """A post to put in; `copies` are one cluster, each in the source of its turn."""

    text: str
    at: datetime
    act: str = "claim"
    harm: str | None = None
    uncertain: bool = False
    protected: bool = False
    claims: Sequence[tuple[str, bool]] = ()
    copies: int = 1
    parent: str | None = None
    key: str = ""


@dataclass
class World:
    """Records with sources and people, and what it takes to put posts, cases and decisions in."""

    records: Records
    places: list[Place]
    lead: Person
    reviewer: Person

    def say(self, *told: Said) -> list[int]:
        """Put posts in; return the case of each that has one, 0 where there is none."""
        with self.records.write() as session:
            return [self._say(session, one) for one in told]

    def decide(self, case_id: int, outcome: Outcome, at: datetime, **more: Any) -> int:
        """Put a decision on a case in, without its page; return the id of it."""
        with self.records.write() as session:
            case = session.get_one(Case, case_id)
            made = Decision(
                case_id=case_id, case_version=case.version, user_id=self.reviewer.id, outcome=outcome, reason="vì vậy",
                policy="p1", snapshot={}, snapshot_sha256="0" * 64, at=at, **more,
            )  # fmt: skip
            session.add(made)
            case.version += 1
            case.state, case.decided_at = CaseState.DECIDED, at
            session.flush()
            return made.id

    def _say(self, session: Session, one: Said) -> int:
        cluster = Cluster(size=one.copies, created_at=one.at)
        session.add(cluster)
        session.flush()
        posts = []
        for number in range(one.copies):
            place = self.places[number % len(self.places)]
            post = Post(
                key=one.key or f"{cluster.id}/{number}", source_id=place.source_id, capture_id=place.capture_id,
                kind="forum", text=one.text, content_hash=f"{cluster.id}", first_seen_at=one.at, last_seen_at=one.at,
                cluster_id=cluster.id, parent=one.parent,
            )  # fmt: skip
            session.add(post)
            session.flush()
            assessment = Assessment(
                post_id=post.id, post_version=1, model="m1", policy="p1", about=0.9, act=one.act,
                harmful=0.5, flagged=bool(one.harm) and not one.uncertain and not one.protected,
                uncertain=one.uncertain, protected=one.protected, referable=False, priority=1.0,
                detail={"claims": [], "found": []}, at=one.at,
            )  # fmt: skip
            session.add(assessment)
            session.flush()
            post.assessment_id = assessment.id
            for claim, firm in one.claims:
                session.add(ClaimMention(post_id=post.id, claim_id=claim, confirmed=firm))
            posts.append(post)
        if one.harm is None and not one.uncertain:
            return 0
        case = Case(
            cluster_id=cluster.id, post_id=posts[0].id, content_hash=posts[0].content_hash, priority=1.0,
            harm=one.harm, uncertain=one.uncertain, opened_at=one.at,
        )  # fmt: skip
        session.add(case)
        session.flush()
        return case.id


def world_of(records: Records) -> World:
    """Return records with three sources, the shipped claims, a lead and a reviewer."""
    with records.write() as session:
        claims.take_shipped(session)
    places = [Place(records, name=f"Nguồn {letter}") for letter in "ABC"]
    return World(records, places, person(records, "lead", Role.LEAD), person(records, "hoa"))


@pytest.fixture
def world(sqlite: Records) -> World:
    return world_of(sqlite)


def fill(world: World) -> list[int]:
    """Put a week in: a claim that spreads, one that is asked, a burst, questions, protected speech, decisions.

    Returns the cases, in the order: garlic, sale, uncertain, protected, burst.
    """
    day = timedelta(days=1)
    before = MONDAY - 3 * day
    told = Said("Ăn tỏi là khỏi", MONDAY + day, harm="cure", claims=[("garlic-prevents", True)], copies=6)
    cases = world.say(
        told,
        Said("Bán thuốc đặc trị", MONDAY + day, act="ad", harm="scam"),
        Said("Chưa rõ thế nào", MONDAY + 2 * day, uncertain=True, harm="situation"),
        Said("Tôi thấy chậm quá", MONDAY + 2 * day, act="opinion", harm="situation"),
        Said("Đêm nay phong tỏa cả tỉnh", MONDAY + 3 * day, harm="situation", copies=9),
    )
    world.say(
        replace(told, at=before, copies=2),
        *(Said(f"Ý kiến {i}", MONDAY + day, act="opinion", protected=True) for i in range(20)),
        *(
            Said(f"Mấy hôm nữa tiêm mũi bốn ở đâu vậy {i}", MONDAY + 4 * day, act="question", protected=True)
            for i in range(7)
        ),
        Said(
            "Ăn tỏi có khỏi không",
            MONDAY + day,
            act="question",
            protected=True,
            claims=[("garlic-prevents", False)],
        ),
    )
    world.decide(cases[0], Outcome.CORRECT, MONDAY + day + timedelta(hours=4))
    world.decide(cases[1], Outcome.REPORT, MONDAY + day + timedelta(hours=2))
    world.decide(cases[3], Outcome.PROTECTED, MONDAY + 2 * day + timedelta(hours=6))
    return cases
