"""The week's digest of the audit log: who exported or opened originals unusually often, and at odd hours.

It compares people with their own weeks before, never with each other, and judges nobody: it says where an
auditor may want to look. No text, no author and no reason is in it, only counts and actions.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from math import sqrt

from pydantic import BaseModel
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from reports.periods import VIETNAM, Period
from reports.telling import Telling
from reports.words import span
from store import audit
from store.delivery import owe
from store.tables import Event, User
from store.vocabulary import Channel

# What opens something that may show a person.
SENSITIVE = frozenset(
    {"original.opened", "page.read", "picture.read", "capture.read", "bundle.viewed", "handle.opened"}
)
# What leaves the installation; all that ends with `.exported` does too.
EXPORTS = frozenset({"bundle.downloaded", "backup.made"})
HISTORY = 8
# Fewer than this in a week are never unusual, however quiet the weeks before were.
LEAST = 5
# Working hours of the department in Vietnam; Saturday and Sunday are outside of them.
FIRST_HOUR, LAST_HOUR = 7, 19


class Unusual(BaseModel):
    """What one person did in the week far more often than in their own weeks before (`usual`, on average)."""

    actor: str
    name: str
    kind: str
    number: int
    usual: float
    weeks: int


class OffHours(BaseModel):
    """What one person opened or exported outside of working hours: how often, and when first and last."""

    actor: str
    name: str
    number: int
    first: datetime
    last: datetime


class Digest(BaseModel):
    """The digest of a week. `reads` and `exports` are all there were, by whoever."""

    week: str
    reads: int
    exports: int
    unusual: list[Unusual]
    off_hours: list[OffHours]

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to look at."""
        return not self.unusual and not self.off_hours


def digest(session: Session, week: Period) -> Digest:
    """Return the digest of a week; two queries."""
    weeks = [week.back(number) for number in range(HISTORY, 0, -1)] + [week]
    rows = session.execute(
        select(Event.at, Event.actor, Event.action).where(
            Event.at >= weeks[0].begin.isoformat(timespec="microseconds"),
            Event.at < week.end.isoformat(timespec="microseconds"),
            or_(Event.action.in_([*SENSITIVE, *EXPORTS]), Event.action.endswith(".exported")),
        )
    ).all()
    events = [(datetime.fromisoformat(at), actor, _kind(action)) for at, actor, action in rows]
    now = [(at, actor, kind) for at, actor, kind in events if at >= week.begin]
    names = _names(session, {actor for _, actor, _ in now})
    return Digest(
        week=week.name,
        reads=sum(kind == "reads" for _, _, kind in now),
        exports=sum(kind == "exports" for _, _, kind in now),
        unusual=_unusual(events, weeks, names),
        off_hours=_off_hours(now, names),
    )


def tell(session: Session, week: Period, telling: Telling, at: datetime) -> int:
    """Owe auditors and leads the digest of a week, once; return how many are told by mail.

    The event `digest.made` tells webhooks too. A quiet week is told as well: silence would say nothing.
    """
    made = digest(session, week)
    audit.append(
        session, audit.SYSTEM, "digest.made", f"digest:{week.name}", reads=made.reads, exports=made.exports,
        unusual=len(made.unusual), off_hours=len(made.off_hours),
    )  # fmt: skip
    roles = ("auditor", "lead")
    addresses = dict.fromkeys(one for role in roles for one in telling.recipients.get(role, ()))
    for address in addresses:
        owe(
            session, Channel.EMAIL, address, f"Bản tin nhật ký {week.name}", _text(made, week, telling),
            kind="digest", at=at,
        )  # fmt: skip
    return len(addresses)


def told(session: Session, week: Period) -> bool:
    """Say whether the digest of a week was told."""
    asked = select(Event.id).where(Event.subject == f"digest:{week.name}", Event.action == "digest.made")
    return session.scalar(asked.limit(1)) is not None


def is_unusual(number: int, before: Sequence[int]) -> bool:
    """Say whether `number` is far beyond the weeks before: more than three standard errors of such counts."""
    usual = sum(before) / len(before) if before else 0.0
    return number >= LEAST and number > usual + 3 * sqrt(max(usual, 1.0))


def _kind(action: str) -> str:
    return "reads" if action in SENSITIVE else "exports"


def _unusual(
    events: Iterable[tuple[datetime, str, str]], weeks: Sequence[Period], names: dict[str, str]
) -> list[Unusual]:
    counted: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for at, actor, kind in events:
        which = next(i for i, one in enumerate(weeks) if one.begin <= at < one.end)
        counted[actor, kind][which] += 1
    found = []
    for (actor, kind), by_week in sorted(counted.items()):
        last = len(weeks) - 1
        # One's own history begins with the first week in which one did such a thing.
        first = min(by_week)
        before = [by_week[i] for i in range(first, last)]
        if is_unusual(by_week[last], before):
            usual = sum(before) / len(before) if before else 0.0
            found.append(
                Unusual(
                    actor=actor, name=names.get(actor, actor), kind=kind, number=by_week[last],
                    usual=round(usual, 1), weeks=len(before),
                )
            )  # fmt: skip
    return sorted(found, key=lambda one: -one.number)


def _off_hours(events: Iterable[tuple[datetime, str, str]], names: dict[str, str]) -> list[OffHours]:
    times: dict[str, list[datetime]] = defaultdict(list)
    for at, actor, _ in events:
        if actor != audit.SYSTEM and is_off_hours(at):
            times[actor].append(at)
    return sorted(
        (
            OffHours(actor=actor, name=names.get(actor, actor), number=len(at), first=min(at), last=max(at))
            for actor, at in times.items()
        ),
        key=lambda one: (-one.number, one.actor),
    )


def is_off_hours(at: datetime) -> bool:
    """Say whether a moment is outside of working hours in Vietnam."""
    local = at.astimezone(VIETNAM)
    return local.weekday() >= 5 or not FIRST_HOUR <= local.hour < LAST_HOUR


def _names(session: Session, actors: Iterable[str]) -> dict[str, str]:
    ids = [int(one.removeprefix("user:")) for one in actors if one.startswith("user:")]
    rows = session.execute(select(User.id, User.name).where(User.id.in_(ids)))
    return {f"user:{row.id}": row.name for row in rows}


_KINDS = {"reads": "mở bản gốc", "exports": "xuất dữ liệu"}


def _text(made: Digest, week: Period, telling: Telling) -> str:
    lines = [
        f"Nhật ký kiểm toán, {span(week)}: {made.reads} lần mở bản gốc, {made.exports} lần xuất dữ liệu.", "",
    ]  # fmt: skip
    lines += [
        f"- {one.name}: {_KINDS[one.kind]} {one.number} lần (trước đó trung bình {one.usual} lần một tuần)"
        for one in made.unusual
    ]
    lines += [f"- {one.name}: {one.number} lần ngoài giờ làm việc" for one in made.off_hours]
    if made.quiet:
        lines.append("Không có gì khác thường.")
    base = telling.base
    lines += ["", f"Xem tại {base}/audit/digest" if base else "Xem ở trang Nhật ký."]
    return "\n".join(lines) + "\n"
