"""Addresses of archived pages: sealed, short-lived, and of use to one session alone.

An archived page never comes from the desk's own origin, and where it does come from no cookie is looked at.
The desk, when all its rules are kept, hands out an address that says who may see what; it is sealed (Fernet:
AES-128-CBC with HMAC-SHA256), so nobody makes or reads one without the key.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode, urlsplit

from cryptography.fernet import Fernet, InvalidToken

from review.errors import ReviewError

HOLDS = timedelta(minutes=2)
PATH, NAME = "/page", "ticket"


class BadTicket(ReviewError):
    template = "Địa chỉ của trang đã lưu không đúng."


class TicketOver(ReviewError):
    template = "Địa chỉ của trang đã lưu chỉ có hiệu lực {minutes} phút và đã hết. Hãy mở lại trang đã lưu."


class NoFrame(ReviewError):
    template = (
        "Trang đã lưu chỉ được xem từ một địa chỉ riêng, khác địa chỉ của bàn duyệt, và ở đây chưa có."
        " Hãy nhờ người vận hành đặt KIEMTIN_FRAME_URL (docs/operator.md)."
    )


@dataclass(frozen=True)
class Ticket:
    """Who may see what: a capture of a case, for the session with this token hash.

    `desk` is the origin of the page that frames it, the only one that may; `language` is that of refusals.
    """

    case_id: int
    capture_id: int
    session: str
    desk: str
    language: str


@dataclass(frozen=True)
class Frame:
    """The other origin: `url` where a proxy gives it one, else the desk's host on `port`; `key` seals."""

    key: bytes = field(repr=False)
    port: int = 0
    url: str = ""

    def origin(self, desk: str) -> str:
        """Return the origin of archived pages for a browser whose desk is at the origin `desk`.

        "" where there is none: behind TLS the port alone would be without it, so `url` has to say where.
        """
        if self.url:
            return self.url if self.url != desk else ""
        parts = urlsplit(desk)
        host = parts.netloc.removesuffix(f":{parts.port}")
        return f"http://{host}:{self.port}" if parts.scheme == "http" and host and self.port else ""

    def address(self, ticket: Ticket, at: datetime) -> str:
        """Return the address that holds for `HOLDS` from `at`; raises `NoFrame`."""
        origin = self.origin(ticket.desk)
        if not origin:
            raise NoFrame()
        said = json.dumps(asdict(ticket)).encode()
        sealed = Fernet(self.key).encrypt_at_time(said, int(at.timestamp()))
        return f"{origin}{PATH}?{urlencode({NAME: sealed.decode()})}"

    def open(self, sealed: str) -> tuple[Ticket, datetime]:
        """Return a ticket and when it was given, however long ago; raises `BadTicket`."""
        box = Fernet(self.key)
        try:
            given = json.loads(box.decrypt(sealed))
            return Ticket(**given), datetime.fromtimestamp(box.extract_timestamp(sealed), UTC)
        except (InvalidToken, ValueError) as error:
            raise BadTicket() from error


def require_fresh(given: datetime, at: datetime) -> None:
    """Raise `TicketOver` unless a ticket was given within `HOLDS`."""
    if not given - HOLDS < at < given + HOLDS:
        raise TicketOver(minutes=int(HOLDS.total_seconds() // 60))
