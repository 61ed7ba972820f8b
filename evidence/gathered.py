"""Gathers from the records what the bundle of a referral is made of. Reads only; the archive comes later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import inspect, or_, select
from sqlalchemy.orm import Session

from evidence.custody import what
from evidence.errors import BundleError
from store.bundle_tables import Bundle, Redaction
from store.referred import NoEvidence, evidence_of, evidence_sha256
from store.second_review_tables import SecondReview
from store.tables import Capture, Decision, Event, Post, Referral, Sighting, Source, User
from store.vocabulary import SecondReviewWhy


@dataclass(frozen=True)
class Kept:
    """A record of the archive: what it is of the post, where it lies, and what was noted of it.

    `role` is `version` (a version of the post was read from it), `original` (the bytes that a version's
    record refers to), `page` (the page that the browser was shown), or `resource` of that page.
    """

    role: str
    url: str
    at: str
    warc: str
    offset: int
    length: int
    http: bool = True
    media_type: str = ""
    facts: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Gathered:
    """All that the records say of one referral."""

    referral: dict[str, Any]
    evidence: dict[str, Any]
    source: dict[str, Any]
    decision: dict[str, Any] | None
    second_reviews: list[dict[str, Any]]
    records: tuple[Kept, ...]
    picture: Kept | None
    document: Kept | None
    sightings: list[dict[str, Any]]
    custody: list[dict[str, Any]]
    author_sealed: bytes | None
    handled_by: str


def evidence_for(session: Session, referral: Referral) -> dict[str, Any]:
    """Return the evidence that a referral was approved for.

    Raises `BundleError` where it has changed since: what is exported is what two persons saw.
    """
    try:
        evidence = evidence_of(session, referral.case_id)
    except NoEvidence as error:
        raise BundleError(f"Đề nghị {referral.id} không còn bài để làm chứng cứ: {error}") from error
    if evidence_sha256(evidence) != referral.evidence_sha256:
        raise BundleError(
            f"Chứng cứ của đề nghị {referral.id} đã đổi sau khi phê duyệt."
            " Rút lại đề nghị này và đề nghị lại."
        )
    return evidence


def gather(session: Session, bundle: Bundle) -> Gathered:
    """Return what the bundle begun as `bundle` is made of; the same each time. Raises `BundleError`."""
    referral = session.get_one(Referral, bundle.referral_id)
    evidence = evidence_for(session, referral)
    post = session.get_one(Post, evidence["post"]["id"])
    people = _People(session)
    records = tuple(_records(session, evidence))
    rendering = evidence["rendering"] or {}
    return Gathered(
        referral=_referral(referral, people),
        evidence=evidence,
        source=_source(session.get_one(Source, post.source_id)),
        decision=_decision(session, referral, people),
        second_reviews=_second_reviews(session, referral, bundle, people),
        records=records,
        picture=_one(session, rendering.get("picture"), "picture"),
        document=_one(session, rendering.get("document"), "document"),
        sightings=_sightings(session, post.id, bundle.started_at),
        custody=_custody(session, referral, bundle, evidence, people),
        author_sealed=post.author_sealed,
        handled_by=people.name(bundle.user_id),
    )


class _People:
    """Names staff as the custody names them; one query for each person."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[int, str] = {}

    def name(self, user_id: int | None) -> str:
        if user_id is None:
            return ""
        if user_id not in self._known:
            user = self._session.get(User, user_id)
            self._known[user_id] = f"{user.name} ({user.role}, user:{user.id})" if user else f"user:{user_id}"
        return self._known[user_id]

    def actor(self, actor: str) -> str:
        kind, _, number = actor.partition(":")
        return self.name(int(number)) if kind == "user" and number.isdigit() else actor


def _row(row: object, people: _People) -> dict[str, Any]:
    """Return the columns of a row as JSON, people by name."""
    said: dict[str, Any] = {}
    for column in inspect(type(row)).columns:
        value = getattr(row, column.key)
        if column.key.endswith(("user_id", "proposer_id", "approver_id", "reviewer_id", "by_id")):
            said[column.key.removesuffix("_id")] = people.name(value)
        else:
            said[column.key] = value.isoformat() if isinstance(value, datetime) else value
    return said


def _referral(referral: Referral, people: _People) -> dict[str, Any]:
    # Its state goes on after the bundle is made; the bundle is made of an approved one.
    later = {"state", "changed_at", "exported_at", "bundle_sha256", "receipt", "end_reason"}
    return {key: value for key, value in _row(referral, people).items() if key not in later}


def _source(source: Source) -> dict[str, Any]:
    return {
        "name": source.name, "kind": source.kind, "url": source.url, "legal_basis": source.legal_basis,
    }  # fmt: skip


def _decision(session: Session, referral: Referral, people: _People) -> dict[str, Any] | None:
    found = session.scalar(
        select(Decision)
        .where(
            Decision.case_id == referral.case_id,
            Decision.undone_at.is_(None),
            Decision.at <= referral.proposed_at,
        )
        .order_by(Decision.id.desc())
        .limit(1)
    )
    return _row(found, people) if found else None


def _second_reviews(
    session: Session, referral: Referral, bundle: Bundle, people: _People
) -> list[dict[str, Any]]:
    found = session.scalars(
        select(SecondReview)
        .where(
            SecondReview.case_id == referral.case_id,
            SecondReview.why == SecondReviewWhy.REFERRAL,
            SecondReview.answered_at.is_not(None),
            SecondReview.answered_at <= bundle.started_at,
        )
        .order_by(SecondReview.id)
    )
    return [_row(one, people) for one in found]


def _records(session: Session, evidence: Mapping[str, Any]) -> Iterable[Kept]:
    seen: set[tuple[str, int]] = set()
    for said in evidence["captures"]:
        capture = session.get_one(Capture, said["capture"])
        pairs = [("version", capture)]
        if capture.same_as is not None:
            pairs.insert(0, ("original", session.get_one(Capture, capture.same_as)))
        for role, one in pairs:
            if (one.warc, one.offset) not in seen:
                seen.add((one.warc, one.offset))
                yield _kept(role, one)
    rendering = evidence["rendering"]
    if rendering is None:
        return
    picture = session.get_one(Capture, rendering["picture"]["capture"])
    page = session.get(Capture, picture.detail.get("page", 0))
    if page is None:
        return
    yield _kept("page", page)
    for one in page.detail.get("resources", ()):
        if (one["warc"], one["offset"]) not in seen:
            seen.add((one["warc"], one["offset"]))
            at = page.at.isoformat()
            yield Kept("resource", one["url"], at, one["warc"], one["offset"], one["length"])


def _one(session: Session, said: Mapping[str, Any] | None, role: str) -> Kept | None:
    return _kept(role, session.get_one(Capture, said["capture"])) if said else None


def _kept(role: str, capture: Capture) -> Kept:
    detail = {key: value for key, value in capture.detail.items() if key != "resources"}
    facts = {"status": capture.status, "sha256": capture.sha256, "same_as": capture.same_as, **detail}
    return Kept(
        role, capture.url, capture.at.isoformat(), capture.warc, capture.offset, capture.length,
        capture.status is not None, capture.media_type, facts,
    )  # fmt: skip


def _sightings(session: Session, post_id: int, until: datetime) -> list[dict[str, Any]]:
    rows = session.scalars(
        select(Sighting).where(Sighting.post_id == post_id, Sighting.at <= until).order_by(Sighting.id)
    )
    return [{"at": row.at.isoformat(), "what": row.what, "reason": row.reason} for row in rows]


def _custody(
    session: Session, referral: Referral, bundle: Bundle, evidence: Mapping[str, Any], people: _People
) -> list[dict[str, Any]]:
    steps = [
        {
            "at": one["at"], "what": "collected", "who": "kiemtin", "subject": f"capture:{one['capture']}",
            "action": "capture", "sha256": one["sha256"],
        }
        for one in _captured(evidence)
    ]  # fmt: skip
    return sorted(
        [*steps, *events(session, subjects(referral, evidence, bundle), bundle.upto, people.actor)],
        key=lambda step: step["at"],
    )


def _captured(evidence: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rendering = evidence["rendering"]
    shown = [rendering["picture"], rendering["document"]] if rendering else []
    return [*evidence["captures"], *shown]


def subjects(referral: Referral, evidence: Mapping[str, Any], bundle: Bundle | None = None) -> list[str]:
    """Return what the audit log calls the things that a bundle is of."""
    found = [f"case:{referral.case_id}", f"referral:{referral.id}", f"post:{evidence['post']['id']}"]
    found += [f"capture:{one['capture']}" for one in _captured(evidence)]
    return found + ([f"bundle:{bundle.id}"] if bundle is not None else [])


def events(
    session: Session, of: Sequence[str], upto: int, name: Any = lambda actor: actor
) -> list[dict[str, Any]]:
    """Return the events of some subjects as steps of a custody, each with its hash in the audit log."""
    found = session.scalars(
        select(Event).where(Event.id <= upto, or_(*(Event.subject == one for one in of))).order_by(Event.id)
    )
    return [
        {
            "at": event.at, "what": what(event.action), "who": name(event.actor), "subject": event.subject,
            "action": event.action, "event": event.id, "event_hash": event.hash,
        }
        for event in found
    ]  # fmt: skip


def latest_redaction(session: Session, referral: Referral) -> Redaction | None:
    """Return what a person confirmed last for the evidence that this referral is of."""
    return session.scalar(
        select(Redaction)
        .where(Redaction.referral_id == referral.id, Redaction.evidence_sha256 == referral.evidence_sha256)
        .order_by(Redaction.id.desc())
        .limit(1)
    )
