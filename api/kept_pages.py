"""The page of a post as it was archived: shown to reviewers, where nothing of it runs or loads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import CompoundSelect, select, union
from sqlalchemy.orm import Session

from crawlers.reading.charset import decode
from crawlers.reading.page import Unreadable
from review.access import require_visible
from review.case import get
from review.errors import ReviewError
from review.opening import require_open
from review.permissions import Action, Person, require
from store import audit
from store.archive import Archive
from store.archived import ArchiveError
from store.inert import tamed
from store.tables import Capture, Post, Rendering, Revision, Sighting

_HTML = ("text/html", "application/xhtml+xml")


class NoKeptPage(ReviewError):
    template = "Ca {case} không có trang nào đã lưu để xem."


class KeptUnreadable(ReviewError):
    template = "Trang đã lưu của ca {case} không đọc được: {why}"


def captures(session: Session, person: Person, case_id: int) -> Sequence[Capture]:
    """Return the archived pages of a case's post, latest first: of versions, later looks, and renderings."""
    require(person, Action.REVIEW)
    require_visible(session, person, case_id)
    post_id = get(session, case_id).post_id
    of_post: CompoundSelect[Any] = union(
        select(Post.capture_id).where(Post.id == post_id),
        select(Revision.capture_id).where(Revision.post_id == post_id),
        select(Sighting.capture_id).where(Sighting.post_id == post_id, Sighting.capture_id.is_not(None)),
        select(Rendering.document_id).where(Rendering.post_id == post_id),
    )
    found = session.scalars(
        select(Capture).where(Capture.id.in_(of_post.subquery().select())).order_by(Capture.at.desc())
    )
    return [one for one in found if one.media_type.partition(";")[0].strip().lower() in _HTML]


def may_see(session: Session, person: Person, case_id: int, capture_id: int | None = None) -> Capture:
    """Return the archived page of a case that a person may see now.

    `capture_id` is one of `captures`, None for the latest. Raises `NoKeptPage`, `NotOpened`.
    """
    found = [one for one in captures(session, person, case_id) if capture_id is None or one.id == capture_id]
    if not found:
        raise NoKeptPage(case=case_id)
    require_open(session, person, case_id)
    return found[0]


def read(
    session: Session, archive: Archive, person: Person, case_id: int, capture_id: int | None = None
) -> tuple[str, datetime]:
    """Return an archived page of a case as text, and when it was captured; an event says that it was seen.

    It may show who wrote the post. Raises what `may_see` raises, and `KeptUnreadable`.
    """
    capture = may_see(session, person, case_id, capture_id)
    holder = session.get_one(Capture, capture.same_as) if capture.same_as else capture
    audit.append(session, person.actor, "page.read", f"case:{case_id}", capture=capture.id)
    try:
        record = archive.read(holder.warc, holder.offset)
        named = {name.lower(): value for name, value in record.headers}.get("content-type", "")
        charset = re.search(r"charset=[\"']?([\w-]+)", named)
        return tamed(decode(record.body, charset.group(1) if charset else None)), capture.at
    except (ArchiveError, Unreadable) as error:
        raise KeptUnreadable(case=case_id, why=error) from error
