"""Keeps which claims posts are about in step with what was last found in their texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from store.report_tables import ClaimMention

# The id of a claim, and whether the match is firm.
Mentioned = Sequence[tuple[str, bool]]


def keep(session: Session, mentioned: Mapping[int, Mentioned]) -> None:
    """Write which claims each post, by its id, is about; the caller holds the posts.

    A claim that a post is found to be about twice counts once, as firm where one of the matches is.
    """
    wanted = {
        post_id: {claim: any(firm for one, firm in found if one == claim) for claim, _ in found}
        for post_id, found in mentioned.items()
    }
    kept: dict[int, dict[str, bool]] = {post_id: {} for post_id in wanted}
    for row in session.scalars(select(ClaimMention).where(ClaimMention.post_id.in_(wanted))):
        kept[row.post_id][row.claim_id] = row.confirmed
    changed = [post_id for post_id in sorted(wanted) if wanted[post_id] != kept[post_id]]
    if stale := [post_id for post_id in changed if kept[post_id]]:
        session.execute(delete(ClaimMention).where(ClaimMention.post_id.in_(stale)))
    rows = [
        {"post_id": post_id, "claim_id": claim, "confirmed": firm}
        for post_id in changed
        for claim, firm in sorted(wanted[post_id].items())
    ]
    if rows:
        session.execute(insert(ClaimMention), rows)
