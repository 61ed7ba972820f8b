"""What is masked in the evidence of a referral before it is exported: a person looks, and confirms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from api.bundles import BundleRefused, NoBundleFile, SeenAnother, released
from evidence import propose
from evidence.errors import BundleError
from evidence.gathered import evidence_for, latest_redaction
from evidence.mask import visible
from evidence.propose import Kind, Proposal
from review.errors import ReasonNeeded
from review.permissions import Person
from store import audit
from store.archive import Archive
from store.archived import ArchiveError
from store.bundle_tables import Redaction
from store.tables import Capture, Referral, User
from store.vocabulary import ReferralState

MOST_MARKS, MOST_BOXES, MOST_LETTERS = 1_000, 500, 500


@dataclass(frozen=True)
class ToMask:
    """What a person looks at before export: the text, what is proposed, and what was confirmed last."""

    referral: Referral
    evidence: Mapping[str, Any]
    proposals: Sequence[Proposal]
    picture: bool
    confirmed: Redaction | None
    confirmed_by: str = ""

    def marked(self, text: str) -> Mapping[str, Any] | None:
        """Return what was confirmed of a text last, if anything."""
        marks = self.confirmed.marks if self.confirmed else ()
        return next((one for one in marks if one["text"] == text), None)

    @property
    def added(self) -> list[Mapping[str, Any]]:
        """Return what a person added to the proposals."""
        known = {one.text for one in self.proposals}
        return [one for one in (self.confirmed.marks if self.confirmed else ()) if one["text"] not in known]


@dataclass(frozen=True)
class Wish:
    """What a person confirms; see `store.bundle_tables.Redaction`."""

    evidence: str
    marks: Sequence[Mapping[str, Any]]
    boxes: Sequence[Sequence[float]]
    images: bool
    original_reason: str


def to_mask(
    session: Session,
    archive: Archive,
    person: Person,
    referral_id: int,
    *,
    ner: bool = False,
    reason: str = "",
) -> ToMask:
    """Return what there is to mask in the evidence of a referral; an event says who looked at it and why.

    While the referral is approved it is itself the reason; later another is needed (`ReasonNeeded`).
    """
    referral = released(session, person, referral_id)
    why = _why(referral, reason)
    try:
        evidence = evidence_for(session, referral)
        rendering = evidence["rendering"]
        page = ""
        if rendering is not None:
            kept = session.get_one(Capture, rendering["document"]["capture"])
            page = visible(archive.read(kept.warc, kept.offset).body.decode("utf-8", "replace"))
    except (BundleError, ArchiveError) as error:
        raise BundleRefused(why=str(error)) from error
    text = evidence["post"]["text"]
    named = propose.names_by_ner([text, page]) if ner else []
    confirmed = latest_redaction(session, referral)
    by = session.get_one(User, confirmed.user_id).name if confirmed else ""
    audit.append(session, person.actor, "bundle.viewed", f"referral:{referral.id}", reason=why)
    return ToMask(
        referral, evidence, propose.propose(text, page, named), rendering is not None, confirmed, by
    )


def picture(session: Session, archive: Archive, person: Person, referral_id: int, reason: str = "") -> bytes:
    """Return the picture of the page as it was taken, for the person who masks it (PNG); see `to_mask`."""
    referral = released(session, person, referral_id)
    why = _why(referral, reason)
    try:
        rendering = evidence_for(session, referral)["rendering"]
        if rendering is None:
            raise NoBundleFile(referral=referral_id)
        kept = session.get_one(Capture, rendering["picture"]["capture"])
        audit.append(session, person.actor, "picture.read", f"capture:{kept.id}", reason=why)
        return archive.read(kept.warc, kept.offset).body
    except (BundleError, ArchiveError) as error:
        raise BundleRefused(why=str(error)) from error


def confirm(session: Session, person: Person, referral_id: int, wish: Wish, at: datetime) -> Redaction:
    """Keep what a person decided to mask in the evidence that they saw; what is kept open needs a reason.

    Raises `SeenAnother`, `ReasonNeeded`, `BundleRefused`.
    """
    referral = released(session, person, referral_id)
    if referral.state != ReferralState.APPROVED:
        raise BundleRefused(why="đề nghị không còn ở trạng thái đã phê duyệt.")
    if wish.evidence != referral.evidence_sha256:
        raise SeenAnother()
    marks = [_mark(one) for one in wish.marks if str(one.get("text", "")).strip()]
    if any(mark["keep"] and not mark["why"] for mark in marks):
        raise ReasonNeeded()
    boxes = [[round(float(number), 1) for number in box] for box in wish.boxes]
    if len(marks) > MOST_MARKS or len(boxes) > MOST_BOXES or any(len(box) != 4 for box in boxes):
        raise BundleRefused(why=f"nhiều nhất {MOST_MARKS} chữ và {MOST_BOXES} ô, mỗi ô bốn số.")
    if any(number < 0 or number > 100_000 for box in boxes for number in box):
        raise BundleRefused(why="ô che nằm ngoài ảnh.")
    made = Redaction(
        referral_id=referral.id, evidence_sha256=referral.evidence_sha256, marks=marks, boxes=boxes,
        images=wish.images, original_reason=wish.original_reason.strip(), user_id=person.id, at=at,
    )  # fmt: skip
    session.add(made)
    session.flush()
    audit.append(
        session, person.actor, "redaction.confirmed", f"referral:{referral.id}", redaction=made.id,
        masked=sum(not mark["keep"] for mark in marks), kept=sum(mark["keep"] for mark in marks),
        boxes=len(boxes), images=made.images, original=made.original_reason,
    )  # fmt: skip
    return made


def _why(referral: Referral, reason: str) -> str:
    """Return the reason for looking at what is not masked; raises `ReasonNeeded` where there is none."""
    if referral.state == ReferralState.APPROVED:
        return reason.strip() or f"đề nghị {referral.id}, đã phê duyệt: {referral.legal_basis}"
    if not reason.strip():
        raise ReasonNeeded()
    return reason.strip()


def _mark(given: Mapping[str, Any]) -> dict[str, Any]:
    kind = str(given.get("kind", ""))
    return {
        "text": str(given["text"]).strip()[:MOST_LETTERS],
        "kind": kind if kind in set(Kind) else Kind.OTHER.value,
        "keep": bool(given.get("keep")),
        "why": str(given.get("why", "")).strip(),
    }
