"""What the JSON parts of a bundle say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from evidence.gathered import Gathered
from evidence.mask import Mask
from evidence.versions import software

if TYPE_CHECKING:
    from evidence.build import Confirmed

FORMAT = "kiemtin-bundle/1"
_ABOUT = (
    "A lead and a preservation copy: what Kiểm Tin captured, when, and who handled it since. No archive"
    " proves what a server sent, and nothing here says that anybody is guilty of anything."
)
_STAFF = frozenset({"user", "proposer", "approver", "reviewer"})


def extraction(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Return the text of a post as it was read from its page."""
    post = evidence["post"]
    names = ("id", "version", "kind", "url", "title", "text", "quotes", "published_at", "content_sha256")
    return {name: post[name] for name in names}


def assessment(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the post was scored and why: the evaluated rules, claims, and spans of its text."""
    return {
        "about": "Machine scoring; it orders a queue and decides nothing. Spans count letters of the text.",
        **evidence["assessment"],
    }


def referral(given: Gathered, mask: Mask) -> dict[str, Any]:
    """Return decision, proposal and approval, with the people who acted."""
    return {
        "referral": _masked(given.referral, mask),
        "decision": _masked(given.decision, mask) if given.decision else None,
        "second_reviews": [_masked(one, mask) for one in given.second_reviews],
    }


def record(
    given: Gathered, mask: Mask, captures: Sequence[dict[str, Any]], notes: Mapping[str, str],
    sealed: dict[str, Any] | None, confirmed: Confirmed, authorities: Sequence[str], signer: str,
    at: datetime,
) -> dict[str, Any]:  # fmt: skip
    """Return the record of a bundle: what it is, of which post, from which captures, made by what."""
    evidence = given.evidence
    return {
        "format": FORMAT,
        "about": _ABOUT,
        "referral": given.referral["id"],
        "evidence_sha256": given.referral["evidence_sha256"],
        "built_at": at.isoformat(),
        "built_by": given.handled_by,
        "signer_certificate_sha256": signer,
        "timestamps": {"asked": list(authorities)},
        "post": mask.json({key: value for key, value in evidence["post"].items() if key != "source"}),
        "source": given.source,
        "captures": mask.json(list(captures)),
        "rendering": mask.json(evidence["rendering"]),
        "left_out": dict(notes),
        "sightings": given.sightings,
        "redaction": {
            "marks": _marks(confirmed.marks, evidence["post"]["text"]),
            "boxes": [list(box) for box in confirmed.boxes],
            "images_included": confirmed.images,
            "confirmed_by": confirmed.by,
            "confirmed_at": confirmed.at,
        },
        "sealed": sealed,
        "software": software(),
    }


def _masked(row: Mapping[str, Any], mask: Mask) -> dict[str, Any]:
    return {key: value if key in _STAFF else mask.json(value) for key, value in row.items()}


def _marks(marks: Sequence[Mapping[str, Any]], text: str) -> list[dict[str, Any]]:
    """Return what was masked or kept, without the words that were masked."""
    said = []
    for mark in marks:
        if mark["keep"]:
            said.append({"kind": mark["kind"], "kept": mark["text"], "why": mark.get("why", "")})
        else:
            said.append(
                {
                    "kind": mark["kind"], "masked": True, "letters": len(mark["text"]),
                    "places_in_text": Mask([mark["text"]]).count(text),
                }
            )  # fmt: skip
    return said
