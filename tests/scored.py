"""Puts posts with given scores into the records, without a model: for what reads many weeks of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from secrets import token_hex

import numpy as np
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

import models
from store.records import Records
from store.tables import Assessment, Cluster, Post
from store.text import content_hash
from tests.factory import Place

SCHEME = models.labels()


@dataclass(frozen=True)
class Told:
    """A post: when it came in, what it says, P(harmful), and by which model; all `copies` are one cluster."""

    at: datetime
    text: str
    harmful: float
    model: str = "m1"
    policy: str = "p1"
    protected: float = 0.1
    copies: int = 1


def put(records: Records, told: Sequence[Told], place: Place | None = None) -> None:
    """Take posts in as scored; `copies` of one are posts of one cluster."""
    place = place or Place(records, name=f"Nguồn {token_hex(6)}")
    with records.write() as session:
        _put(session, [(one, copy) for one in told for copy in range(one.copies)], place)


def _put(session: Session, told: Sequence[tuple[Told, int]], place: Place) -> None:
    clusters = [Cluster(size=one.copies, created_at=one.at) for one, copy in told if copy == 0]
    session.add_all(clusters)
    session.flush()
    number, rows = -1, []
    for index, (one, copy) in enumerate(told):
        number += copy == 0
        rows.append(
            {
                "key": f"{place.source_id}/{index}", "source_id": place.source_id, "capture_id": place.capture_id,
                "kind": "social", "text": one.text, "content_hash": content_hash(one.text),
                "first_seen_at": one.at, "last_seen_at": one.at, "cluster_id": clusters[number].id,
            }
        )  # fmt: skip
    session.execute(insert(Post), rows)
    ids = session.scalars(select(Post.id).where(Post.source_id == place.source_id).order_by(Post.id)).all()
    session.execute(
        insert(Assessment),
        [_assessment(post_id, one) for post_id, (one, _) in zip(ids, told, strict=True)],
    )
    latest = select(Assessment.id).where(Assessment.post_id == Post.id).scalar_subquery()
    session.execute(update(Post).where(Post.id.in_(ids)).values(assessment_id=latest))


def _assessment(post_id: int, one: Told) -> dict[str, object]:
    acts = {act: one.protected if act == "news" else 0.0 for act in SCHEME.acts} | {
        "claim": 1 - one.protected
    }
    return {
        "post_id": post_id, "post_version": 1, "model": one.model, "policy": one.policy, "about": 0.9,
        "act": "claim", "harmful": one.harmful, "flagged": one.harmful >= 0.3, "uncertain": False,
        "protected": False, "referable": False, "priority": 0.0, "detail": {"acts": acts}, "at": one.at,
    }  # fmt: skip


def keep_held_out(folder: Path, harmful: Sequence[float]) -> None:
    """Write `oof.npz` as training does: of so many posts, with these P(harmful) and all else alike."""
    heads = 2 + len(SCHEME.acts) + len(SCHEME.harms)
    scores = np.full((len(harmful), heads), 0.05)
    scores[:, -1] = harmful
    np.savez(
        folder / "oof.npz",
        scores=scores,
        targets=scores > 0.5,
        protected=np.zeros(len(harmful), bool),
        groups=np.arange(len(harmful)).astype(str),
    )
