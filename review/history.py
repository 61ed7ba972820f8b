"""What became of a post since it was taken in: its versions, and what later looks at its page found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.tables import Revision, Sighting
from store.vocabulary import Sight

Happening = Literal["taken", "edited", "same", "deleted", "unreachable"]


@dataclass(frozen=True)
class Moment:
    """One thing that happened to a post, or several looks in a row that found the same.

    `at` is when it was first seen so, `last_at` when last, `times` how often. `text` is what the post said
    from then on and `before` what it said until then, where it was taken in or edited.
    """

    at: datetime
    what: Happening
    last_at: datetime
    times: int = 1
    reason: str | None = None
    capture_id: int | None = None
    version: int | None = None
    text: str = ""
    before: str = ""


def of_post(session: Session, post_id: int) -> list[Moment]:
    """Return what happened to a post, oldest first. Two queries."""
    versions = session.scalars(
        select(Revision).where(Revision.post_id == post_id).order_by(Revision.version)
    ).all()
    # That it was edited is told by its next version.
    looks = session.scalars(
        select(Sighting)
        .where(Sighting.post_id == post_id, Sighting.what != Sight.EDITED)
        .order_by(Sighting.id)
    ).all()
    told = sorted([*_versions(versions), *map(_look, looks)], key=lambda moment: moment.at)
    return _in_a_row(told)


def _versions(versions: Sequence[Revision]) -> list[Moment]:
    before = ""
    told: list[Moment] = []
    for one in versions:
        what: Happening = "edited" if told else "taken"
        told.append(
            Moment(
                at=one.seen_at,
                what=what,
                last_at=one.seen_at,
                capture_id=one.capture_id,
                version=one.version,
                text=one.text,
                before=before,
            )
        )
        before = one.text
    return told


def _look(seen: Sighting) -> Moment:
    what: Happening = Sight(seen.what).value
    return Moment(seen.at, what, seen.at, reason=seen.reason, capture_id=seen.capture_id)


def _in_a_row(told: Sequence[Moment]) -> list[Moment]:
    """Return the moments with looks in a row that found the same told as one."""
    result: list[Moment] = []
    for one in told:
        last = result[-1] if result else None
        if last is not None and (last.what, last.reason) == (one.what, one.reason) and one.version is None:
            result[-1] = replace(last, last_at=one.at, times=last.times + 1, capture_id=one.capture_id)
        else:
            result.append(one)
    return result
