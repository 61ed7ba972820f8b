"""What a referral is about: the evidence that an approval is bound to, and its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from store.tables import Assessment, Capture, Case, Post, Rendering, Revision


class NoEvidence(LookupError):
    """A case has no assessed text to speak of, or is not there."""


def evidence_of(session: Session, case_id: int) -> dict[str, Any]:
    """Return what may be referred of a case: the post that it shows as it reads now, and how that was found.

    Only that post, never its copies; the author nowhere. `captures` are those of each version of the post,
    oldest first; `rendering` is the first picture of the version that it has now, so that a later one
    changes nothing; captures say where they lay at first. All values are JSON (times as ISO 8601 in UTC), so
    what comes back from a file hashes alike. Raises `NoEvidence`.
    """
    case = session.scalar(
        select(Case).where(Case.id == case_id).options(joinedload(Case.post).joinedload(Post.source))
    )
    if case is None:
        raise NoEvidence(f"no case {case_id}")
    post = case.post
    assessment = session.get(Assessment, post.assessment_id) if post.assessment_id is not None else None
    if assessment is None:
        raise NoEvidence(f"the post of case {case_id} is not assessed")
    versions = session.execute(
        select(Revision, Capture)
        .join(Capture, Capture.id == Revision.capture_id)
        .where(Revision.post_id == post.id)
        .order_by(Revision.version)
    ).all()
    return {
        "case": case.id,
        "content_sha256": case.content_hash,
        "post": {
            "id": post.id,
            "version": post.version,
            "content_sha256": post.content_hash,
            "kind": post.kind,
            "url": post.url,
            "title": post.title,
            "text": post.text,
            "quotes": post.quotes,
            "published_at": _iso(post.published_at),
            "source": {"id": post.source.id, "name": post.source.name, "kind": post.source.kind},
        },
        "captures": [
            {
                "version": revision.version,
                "content_sha256": revision.content_hash,
                "seen_at": _iso(revision.seen_at),
                **_captured(capture),
            }
            for revision, capture in versions
        ],
        "rendering": _rendering(session, post, versions[-1][0].seen_at if versions else post.first_seen_at),
        "assessment": {
            "id": assessment.id,
            "post_version": assessment.post_version,
            "model": assessment.model,
            "policy": assessment.policy,
            "act": assessment.act,
            "protected": assessment.protected,
            "referable": assessment.referable,
            "detail": assessment.detail,
            "at": _iso(assessment.at),
        },
    }


def evidence_sha256(evidence: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hex) of the canonical JSON of what `evidence_of` gave."""
    return hashlib.sha256(canonical(evidence)).hexdigest()


def canonical(evidence: Mapping[str, Any]) -> bytes:
    """Return the one way to write evidence: UTF-8 JSON, keys in order, no spaces, no line end."""
    said = json.dumps(evidence, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return said.encode()


def _rendering(session: Session, post: Post, since: datetime) -> dict[str, Any] | None:
    found = session.scalar(
        select(Rendering)
        .where(Rendering.post_id == post.id, Rendering.at >= since)
        .order_by(Rendering.id)
        .limit(1)
    )
    if found is None:
        return None
    picture, document = (session.get_one(Capture, number) for number in (found.picture_id, found.document_id))
    return {"at": _iso(found.at), "picture": _captured(picture), "document": _captured(document)}


def _captured(capture: Capture) -> dict[str, Any]:
    # Where it lay at first: what two persons agreed on does not change because others' captures were cut out
    # of its file. Where it lies now is in the row.
    warc, offset, length = capture.detail.get("lay") or (capture.warc, capture.offset, capture.length)
    return {
        "capture": capture.id,
        "url": capture.url,
        "at": _iso(capture.at),
        "sha256": capture.sha256,
        "warc": warc,
        "offset": offset,
        "length": length,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None
