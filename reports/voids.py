"""Information voids: what people asked and nobody answered."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import Session, aliased

from reports.asking import PRESENT, within
from reports.model import AskedClaim, Topic, Voids
from reports.periods import Period
from store import corrections
from store.claim_tables import Claim, ClaimVersion
from store.masking import mask
from store.report_tables import ClaimMention
from store.tables import Assessment, Post
from store.text import fold_aligned

MOST_READ = 3_000
SHARED_BY = 5
# Words that make a question and say nothing of what is asked.
_PHRASES = """
    a ad ai anh ban bao bi biet cac cai can cha chang chi chiu cho chua chuyen co con cu cua cung da dang dau
    day de den di dieu do doi duoc e em gi gia giup hay het hoi ho i im k khi khong khi ko la lam lai len luc
    luon ma mai minh moi mong mot muon m n nao nay ne neu ngay nghe nguoi nha nhe nhi nhieu nhu nhung no o oi
    phai qua quan r ra rang rat roi sao se sau so ta tai tat the theo them thi thay thoi toi trong truoc tu
    tuc u va vao vay vi viec voi vs xem xin y mn mng cam on loi tra tu van thac mac bac thong tin hom bua sang
    chieu dem tuan thang nam gio nua may
"""
_EMPTY = frozenset(_PHRASES.split())
_ANSWERS = ("debunk", "advice", "news")


def voids(session: Session, period: Period, most: int = 6) -> Voids:
    """Return the questions of a period that met no known claim and no answer in their thread.

    Reads the texts of the latest 3,000 of them to find what they are about; a topic is named only by words
    that at least five posts share.
    """
    asked = and_(Assessment.act == "question", Assessment.about >= 0.5, within(Post.first_seen_at, period))
    questions = (
        session.scalar(select(func.count()).select_from(Post).join(Assessment, PRESENT).where(asked)) or 0
    )
    unanswered = and_(asked, ~_known(), Post.key.not_in(_answered(period)))
    rows = session.execute(
        select(Post.text, Post.source_id)
        .join(Assessment, PRESENT)
        .where(unanswered, Post.purged_at.is_(None))
        .order_by(Post.id.desc())
        .limit(MOST_READ)
    ).all()
    left = (
        session.scalar(select(func.count()).select_from(Post).join(Assessment, PRESENT).where(unanswered))
        or 0
    )
    return Voids(
        questions=questions,
        unanswered=left,
        topics=topics([(row.text, row.source_id) for row in rows], most),
        claims=_claims(session, period, most),
    )


def topics(posts: list[tuple[str, int]], most: int) -> list[Topic]:
    """Return what posts, (text, source), are about: the pair of words that most share, then of the rest."""
    left = [(_pairs(text), source) for text, source in posts]
    found: list[Topic] = []
    while left and len(found) < most:
        counted = Counter(folded for pairs, _ in left for folded in pairs)
        if not counted:
            break
        # Of pairs that as many share, the first of the text.
        pair = max(counted, key=lambda one: counted[one])
        if counted[pair] < SHARED_BY:
            break
        theirs = [(pairs, source) for pairs, source in left if pair in pairs]
        written = Counter(pairs[pair] for pairs, _ in theirs)
        found.append(
            Topic(
                words=min(written, key=lambda one: (-written[one], one)),
                questions=len(theirs),
                sources=len({source for _, source in theirs}),
            )
        )
        left = [one for one in left if pair not in one[0]]
    return found


def _pairs(text: str) -> dict[str, str]:
    """Return the pairs of neighbouring words that say something, folded, each as it is written."""
    masked = mask(text)
    folded = fold_aligned(masked)
    spans: list[tuple[int, int]] = []
    start = None
    for at, letter in enumerate(f"{folded} "):
        if letter.isalpha():
            start = at if start is None else start
        elif start is not None:
            spans.append((start, at))
            start = None
    told: dict[str, str] = {}
    for (a, b), (c, d) in pairwise(spans):
        one, other = folded[a:b], folded[c:d]
        beside = folded[b:c].isspace() and masked[b:c] != "\n"
        if beside and one not in _EMPTY and other not in _EMPTY and len(one) > 1 and len(other) > 1:
            told.setdefault(f"{one} {other}", masked[a:d].lower())
    return told


def _known() -> ColumnElement[bool]:
    return exists().where(ClaimMention.post_id == Post.id)


def _answered(period: Period) -> ColumnElement[str]:
    """Return the keys of posts that a post of the period answers by refuting, advising or telling news."""
    answer = aliased(Post)
    return (
        select(answer.parent)
        .join(Assessment, Assessment.id == answer.assessment_id)
        .where(answer.parent.is_not(None), answer.first_seen_at >= period.begin, Assessment.act.in_(_ANSWERS))
        .scalar_subquery()
    )


def _claims(session: Session, period: Period, most: int) -> list[AskedClaim]:
    rows = session.execute(
        select(ClaimMention.claim_id, ClaimVersion.wording, func.count().label("number"))
        .join(Post, Post.id == ClaimMention.post_id)
        .join(Assessment, PRESENT)
        .join(Claim, Claim.id == ClaimMention.claim_id)
        .join(ClaimVersion, and_(ClaimVersion.claim_id == Claim.id, ClaimVersion.version == Claim.version))
        .where(
            Assessment.act == "question",
            within(Post.first_seen_at, period),
            ClaimMention.claim_id.not_in(corrections.public_ids(session)),
        )
        .group_by(ClaimMention.claim_id, ClaimVersion.wording)
        .order_by(func.count().desc(), ClaimMention.claim_id)
        .limit(most)
    )
    return [AskedClaim(claim_id=row[0], wording=row[1], questions=row[2]) for row in rows]
