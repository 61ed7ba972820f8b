"""Looks again, after a purge, whether anything of it is left: in the records, the index, the archive."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import String, cast, func, or_, select
from sqlalchemy.orm import Session

from store.archive import Archive
from store.archived import ArchiveError
from store.cutting import due, known, members
from store.purging import PAGE, bundles_of_purged
from store.records import Records
from store.retention_tables import Purge, Rewrite
from store.tables import Assessment, Case, Decision, Post, Rendering, Revision, Sighting

# Gives those of some posts that a search could still find.
InIndex = Callable[[Sequence[int]], Collection[int]]


def look(
    records: Records, archive: Archive, bundles: Path, indexed: InIndex, purge: Purge, cutoff: datetime
) -> dict[str, int]:
    """Return what is left of the posts of a purge, by place, with how many; empty when nothing is.

    Reads every row and file that it speaks of anew. Whatever `indexed` raises goes through.
    """
    with records.read() as session:
        left = _in_records(session, purge.at)
        posts = session.scalars(select(Post.id).where(Post.purged_at == purge.at).order_by(Post.id)).all()
        left["archive_captures"] = len(due(session, cutoff))
        left["bundle_files"] = sum((bundles / name).exists() for name in bundles_of_purged(session))
        rewrites = session.scalars(select(Rewrite).where(Rewrite.begun_at >= purge.at)).all()
    left["index"] = sum(len(indexed(posts[start : start + PAGE])) for start in range(0, len(posts), PAGE))
    for row in rewrites:
        # A remote may hold on to older versions of a file that can no longer be read by its name.
        there = row.done_at is None or archive.sealed(row.old)
        left["archive_files"] = left.get("archive_files", 0) + there
        if row.switched_at is not None and row.new:
            left["archive_records"] = left.get("archive_records", 0) + _unnamed(records, archive, row.new)
    return {place: number for place, number in left.items() if number}


def _in_records(session: Session, at: datetime) -> dict[str, int]:
    purged = select(Post.id).where(Post.purged_at == at)
    whole = or_(
        Post.text != "", Post.title != "", Post.url.is_not(None), Post.author.is_not(None),
        Post.author_sealed.is_not(None), Post.content_hash != "", cast(Post.quotes, String) != "[]",
        cast(Post.facts, String) != "{}",
    )  # fmt: skip
    decisions = select(Decision).join(Case, Case.id == Decision.case_id).where(Case.post_id.in_(purged))
    counted = {
        "posts": select(Post.id).where(Post.purged_at == at, whole),
        "revisions": select(Revision.post_id).where(Revision.post_id.in_(purged)),
        "sightings": select(Sighting.id).where(Sighting.post_id.in_(purged)),
        "renderings": select(Rendering.id).where(Rendering.post_id.in_(purged)),
        "assessments": select(Assessment.id).where(
            Assessment.post_id.in_(purged), Assessment.detail["purged"].as_boolean().is_not(True)
        ),
        "decisions": decisions.with_only_columns(Decision.id).where(
            Decision.snapshot["purged"].as_boolean().is_not(True)
        ),
    }
    return {
        place: session.scalar(select(func.count()).select_from(asked.subquery())) or 0
        for place, asked in counted.items()
    }


def _unnamed(records: Records, archive: Archive, warc: str) -> int:
    """Return how many answers lie in a file that was written anew which the records do not name.

    One that was itself written anew meanwhile is no more: it has its own row.
    """
    if not archive.sealed(warc):
        return 0
    with records.read() as session:
        named = known(session, warc)
    try:
        with archive.open(warc) as file:
            return sum(
                one.offset not in named and one.kind in {"response", "resource", "revisit"}
                and (one.kind != "response" or one.status.startswith("2"))
                for one in members(file)
            )  # fmt: skip
    except ArchiveError:
        return 1
