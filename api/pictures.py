"""Pictures of a post's page, taken in a browser when a person asks for one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from review.access import require_visible
from review.case import get
from review.errors import ReviewError
from review.opening import require_open
from review.permissions import Action, Person, require
from store import audit, tasks
from store.archive import Archive
from store.tables import Capture, Post, Rendering


class NoPicture(ReviewError):
    template = "Ca {case} chưa có ảnh chụp trang."


class NotToBePictured(ReviewError):
    template = "Bài của ca {case} không bị gắn cờ hoặc không có trang trên mạng: không chụp."


def ask(session: Session, person: Person, case_id: int, at: datetime) -> None:
    """Owe a picture of the page of a case's post; asking twice makes one.

    Only of a post that is flagged, and has a page. Raises `NoSuchCase`, `NotToBePictured`.
    """
    require(person, Action.REVIEW)
    require_visible(session, person, case_id)
    post = session.get_one(Post, get(session, case_id).post_id)
    flagged = post.assessment is not None and post.assessment.flagged
    if not flagged or not (post.url or "").startswith("http"):
        raise NotToBePictured(case=case_id)
    audit.append(session, person.actor, "picture.asked", f"case:{case_id}", post=post.id)
    tasks.owe_render(session, post.id, at)


def read(session: Session, archive: Archive, person: Person, case_id: int) -> bytes:
    """Return the latest picture as PNG, and leave an event that it was seen: it may show who wrote the post.

    Raises `NoSuchCase`, `NoPicture`, `NotOpened`, and `ArchiveError` where the archive does not have it.
    """
    require(person, Action.REVIEW)
    require_visible(session, person, case_id)
    post_id = get(session, case_id).post_id
    found = session.scalar(
        select(Capture)
        .join(Rendering, Rendering.picture_id == Capture.id)
        .where(Rendering.post_id == post_id)
        .order_by(Rendering.id.desc())
        .limit(1)
    )
    if found is None:
        raise NoPicture(case=case_id)
    require_open(session, person, case_id)
    audit.append(session, person.actor, "picture.read", f"case:{case_id}", capture=found.id)
    return archive.read(found.warc, found.offset).body
