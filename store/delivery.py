"""Messages owed: written in the transaction of what they tell of, with a task of the queue `deliver`."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from urllib.parse import urlsplit
from uuid import uuid4

from sqlalchemy.orm import Session

from store.delivery_tables import Delivery
from store.vocabulary import Channel, DeliveryState, TaskKind
from store.work_tables import Task

LARGEST = 10_000_000


class BadMessage(ValueError):
    """A message that nobody could be sent; the message says why."""


@dataclass(frozen=True)
class Attachment:
    """A file that goes with an e-mail."""

    name: str
    media_type: str
    content: bytes

    def kept(self) -> dict[str, str]:
        """Return the file as a row holds it."""
        content = base64.b64encode(self.content).decode()
        return {"name": self.name, "media_type": self.media_type, "content": content}


def owe(
    session: Session,
    channel: Channel | str,
    to: str,
    subject: str,
    body_text: str,
    body_html: str = "",
    attachments: Iterable[Attachment] = (),
    *,
    kind: str,
    at: datetime,
) -> Delivery:
    """Owe a message in the caller's transaction and return it.

    To an e-mail address goes the text, with the HTML beside it; to an address of channel `webhook` goes
    `body_text`, which must be JSON, and `subject` names the event. `kind` says in a word what it is for.
    Raises `BadMessage` for an address that is none, a subject of more than a line, or more than 10 MB.
    """
    files = tuple(attachments)
    _check(Channel(channel), to, subject, body_text, body_html, files)
    owed = Delivery(
        key=str(uuid4()), kind=kind, channel=Channel(channel), recipient=to, subject=subject,
        body_text=body_text, body_html=body_html, state=DeliveryState.WAITING, owed_at=at,
        attachments=[file.kept() for file in files],
    )  # fmt: skip
    session.add(owed)
    session.flush()
    session.add(Task(kind=TaskKind.DELIVER, subject_id=owed.id, owed_at=at, due_at=at))
    return owed


def _check(
    channel: Channel, to: str, subject: str, body_text: str, body_html: str, files: Sequence[Attachment]
) -> None:
    if channel == Channel.EMAIL:
        name, _, host = parseaddr(to)[1].rpartition("@")
        if parseaddr(to)[1] != to or not name or not host or not to.isprintable() or " " in to:
            raise BadMessage(f"Không phải địa chỉ thư: {to!r}.")
    else:
        require_url(to)
    if not subject.strip() or not subject.isprintable():
        raise BadMessage("Tiêu đề phải là một dòng chữ.")
    size = len(body_text.encode()) + len(body_html.encode()) + sum(len(file.content) for file in files)
    if size > LARGEST:
        raise BadMessage(f"Thư quá lớn: {size} byte, nhiều nhất {LARGEST}.")


def require_url(url: str) -> None:
    """Raise `BadMessage` unless `url` is an http(s) address without a user, a password or a fragment."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise BadMessage(f"Không phải địa chỉ webhook: {url!r}.") from error
    plain = parts.scheme in {"https", "http"} and parts.hostname and "@" not in parts.netloc
    if not plain or parts.fragment or not url.isprintable() or not url.isascii() or " " in url:
        raise BadMessage(f"Không phải địa chỉ webhook: {url!r}.")
