"""Holds back who guesses passwords or codes, without letting them keep the owner out.

A try is paid for before it is looked at, so that many at once are not free, and paid back when it was right.
What counts it depends on where it comes from:

* a browser that the person signed in with before counts by itself alone: whatever others try elsewhere, it
  is let in (the device cookies of the OWASP Authentication Cheat Sheet);
* any other browser counts for its address and login together, for its address, and for the login from
  everywhere. The last is high: it stops a net of many machines, and only for browsers not known.

A login that nobody has is counted like any other, so a refusal does not tell which there are.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import delete
from sqlalchemy.orm import Session

from review.errors import ReviewError
from store.people_tables import SignInTries
from store.records import lock


class TooManyTries(ReviewError):
    template = "Nhập sai quá nhiều lần. Thử lại sau {minutes} phút, hoặc dùng trình duyệt đã từng đăng nhập."


@dataclass(frozen=True)
class Limit:
    """So many failures within a time that begins with the first of them."""

    failures: int
    within: timedelta


FROM_DEVICE = Limit(10, timedelta(minutes=15))
FROM_ADDRESS_FOR_LOGIN = Limit(5, timedelta(minutes=15))
FROM_ADDRESS = Limit(40, timedelta(minutes=15))
FOR_LOGIN = Limit(100, timedelta(hours=1))
# Three of a million codes are right at a time: at this pace the odds are even after 16 months of tries, each
# of them in the audit log, by somebody who has the password.
OF_CODES = Limit(5, timedelta(minutes=15))
OF_CHANGES = Limit(5, timedelta(minutes=15))
_LONGEST = timedelta(hours=1)


@dataclass(frozen=True)
class Meter:
    """One count of failures: what is counted, and how many it allows."""

    key: str
    limit: Limit


def of_password(login: str, address: str, device: str | None) -> list[Meter]:
    """Return what counts a try of a password; `device` is the hash of a browser known for that login."""
    if device is not None:
        return [_meter(FROM_DEVICE, "device", device)]
    place = _place(address)
    return [
        _meter(FROM_ADDRESS_FOR_LOGIN, "pair", place, login),
        _meter(FROM_ADDRESS, "address", place),
        _meter(FOR_LOGIN, "login", login),
    ]


def of_code(user_id: int) -> list[Meter]:
    """Return what counts a try of a second factor: whoever gets there knows the password already."""
    return [_meter(OF_CODES, "code", str(user_id))]


def of_change(user_id: int) -> list[Meter]:
    """Return what counts a try of the current password by who is signed in: it may be their open browser."""
    return [_meter(OF_CHANGES, "change", str(user_id))]


def pay(session: Session, meters: Sequence[Meter], at: datetime) -> bool:
    """Count a try before it is looked at; raises `TooManyTries` where there were too many.

    Returns whether this was the last one that some meter allows.
    """
    lock(session, "tries")
    session.execute(delete(SignInTries).where(SignInTries.began_at <= at - _LONGEST))
    rows = [_row(session, meter, at) for meter in meters]
    spent = [
        row.began_at + meter.limit.within - at
        for row, meter in zip(rows, meters, strict=True)
        if row.failures >= meter.limit.failures
    ]
    if spent:
        raise TooManyTries(minutes=max(1, ceil(max(spent) / timedelta(minutes=1))))
    for row in rows:
        row.failures += 1
    return any(row.failures >= meter.limit.failures for row, meter in zip(rows, meters, strict=True))


def pay_back(session: Session, meters: Sequence[Meter]) -> None:
    """Forget a try that was right. The first meter, which is the person's own, begins anew."""
    lock(session, "tries")
    for place, meter in enumerate(meters):
        row = session.get(SignInTries, meter.key)
        if row is not None:
            row.failures = max(0, row.failures - 1) if place else 0


def _row(session: Session, meter: Meter, at: datetime) -> SignInTries:
    row = session.get(SignInTries, meter.key, populate_existing=True)
    if row is None:
        row = SignInTries(key=meter.key, failures=0, began_at=at)
        session.add(row)
    elif row.failures == 0 or row.began_at + meter.limit.within <= at:
        row.failures, row.began_at = 0, at
    return row


def _meter(limit: Limit, *what: str) -> Meter:
    return Meter(hashlib.sha256("\x00".join(what).encode()).hexdigest(), limit)


def _place(address: str) -> str:
    """Return whom an address stands for: in IPv6 one subscriber has a whole /64."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped or ipaddress.ip_network((found, 64), strict=False))
    return str(found)
