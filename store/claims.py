"""The service of the knowledge base: takes claims in, keeps every version, says which counts on a day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

import models
from store import audit
from store.claim_facts import Facts, facts_of
from store.claim_tables import Claim, ClaimVersion
from store.records import lock
from store.text import words
from store.vocabulary import ClaimOrigin


class NoSuchClaim(Exception):
    """There is no claim of that id; `claim` holds it."""

    def __init__(self, claim: str) -> None:
        self.claim = claim
        super().__init__(f"Không có tuyên bố {claim!r}.")


class Taken(StrEnum):
    """What became of a claim that was brought."""

    NEW = "new"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class InForce:
    """A version of a claim with the days, both included, on which it is the one that counts."""

    row: ClaimVersion
    since: date | None
    until: date | None


def save(session: Session, facts: Facts, actor: str, reason: str = "", account: str = "") -> Taken:
    """Keep a claim as given: new, or a new version of the one with its id; nothing when all is as it was.

    A claim that was retired stays so unless `facts.retired` says otherwise. An audit event in the same
    transaction names what changed; `account` is that of the machine a command was given from.
    """
    lock(session, "claims")
    last = newest(session, facts.id)
    facts = replace(facts, retired=bool(last and last.retired) if facts.retired is None else facts.retired)
    changed = [] if last is None else _changed(last, facts)
    if last is not None and not changed:
        return Taken.UNCHANGED
    number = last.version + 1 if last else 1
    version = _add(session, facts, number, actor, reason, ClaimOrigin.LOCAL)
    action = "claim.added" if last is None else "claim.changed"
    audit.append(
        session, actor, action, f"claim:{facts.id}", version=version, fields=changed, reason=reason,
        account=account,
    )  # fmt: skip
    return Taken.NEW if last is None else Taken.UPDATED


def retire(
    session: Session, claim_id: str, actor: str, reason: str, *, retired: bool = True, account: str = ""
) -> Taken:
    """Let a claim match no more, or again; a version says so. Raises `NoSuchClaim`."""
    lock(session, "claims")
    last = newest(session, claim_id)
    if last is None:
        raise NoSuchClaim(claim_id)
    if last.retired == retired:
        return Taken.UNCHANGED
    facts = replace(facts_of(last), retired=retired)
    version = _add(session, facts, last.version + 1, actor, reason, ClaimOrigin.LOCAL)
    action = "claim.retired" if retired else "claim.restored"
    audit.append(session, actor, action, f"claim:{claim_id}", version=version, reason=reason, account=account)
    return Taken.UPDATED


def take_shipped(session: Session) -> dict[Taken, int]:
    """Bring the claims that ship with this version; one that was changed here stays as it is.

    A second time changes nothing. One event tells of all.
    """
    lock(session, "claims")
    known = {row.claim_id: row for row in session.scalars(_newest())}
    counts = dict.fromkeys(Taken, 0)
    for row in models.claims():
        facts = replace(Facts.from_row(row), retired=False)
        last = known.get(facts.id)
        if last is not None and (last.origin == ClaimOrigin.LOCAL or not _changed(last, facts)):
            counts[Taken.UNCHANGED] += 1
            continue
        _add(session, facts, last.version + 1 if last else 1, audit.SYSTEM, "", ClaimOrigin.SHIPPED)
        counts[Taken.NEW if last is None else Taken.UPDATED] += 1
    if counts[Taken.NEW] or counts[Taken.UPDATED]:
        told = {kind.value: number for kind, number in counts.items()}
        audit.append(session, audit.SYSTEM, "claims.shipped", "claims", **told)
    return counts


def counter(session: Session) -> int:
    """Return a number that rises with every change of any claim; 0 while there is none."""
    return session.scalar(select(func.max(ClaimVersion.id))) or 0


def newest(session: Session, claim_id: str) -> ClaimVersion | None:
    """Return the newest version of a claim, or None."""
    return session.scalar(_newest().where(Claim.id == claim_id))


def versions(session: Session, claim_id: str) -> Sequence[ClaimVersion]:
    """Return all versions of a claim, newest first; raises `NoSuchClaim`."""
    found = session.scalars(
        select(ClaimVersion).where(ClaimVersion.claim_id == claim_id).order_by(ClaimVersion.version.desc())
    ).all()
    if not found:
        raise NoSuchClaim(claim_id)
    return found


@dataclass(frozen=True)
class Wanted:
    """A question for claims: beginnings of words in any part of them, and what they must be; None is any."""

    text: str = ""
    harm: str = ""
    verdict: str = ""
    retired: bool | None = None


def find(
    session: Session, wanted: Wanted, offset: int = 0, limit: int | None = 50
) -> tuple[Sequence[ClaimVersion], int]:
    """Return a page of newest versions that hold all that is asked for, by id, and how many there are."""
    query = _newest()
    for word in words(wanted.text)[:20]:
        query = query.where(ClaimVersion.folded.contains(f" {word}", autoescape=True))
    if wanted.harm:
        query = query.where(ClaimVersion.harm == wanted.harm)
    if wanted.verdict:
        query = query.where(ClaimVersion.verdict == wanted.verdict)
    if wanted.retired is not None:
        query = query.where(ClaimVersion.retired == wanted.retired)
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    return session.scalars(query.order_by(Claim.id).offset(offset).limit(limit)).all(), total


def in_force(session: Session) -> Iterator[InForce]:
    """Return the versions that count on some day, of every claim that is not retired, by id and version.

    An older version counts for the days before the newer one begins; where the newer has no beginning, never.
    """
    retired = select(Claim.id).join(
        ClaimVersion, (ClaimVersion.claim_id == Claim.id) & (ClaimVersion.version == Claim.version)
    )
    rows = session.scalars(
        select(ClaimVersion)
        .where(ClaimVersion.claim_id.not_in(retired.where(ClaimVersion.retired)))
        .order_by(ClaimVersion.claim_id, ClaimVersion.version.desc())
    )
    claim, before = "", date.max
    found: list[InForce] = []
    for row in rows:
        if row.claim_id != claim:
            claim, before = row.claim_id, date.max
        until = row.valid_until
        if before != date.max:
            last = before - timedelta(days=1) if before > date.min else None
            if last is None:
                continue  # a newer one counts on all days
            until = last if until is None else min(until, last)
        if until is None or (row.valid_from or date.min) <= until:
            found.append(InForce(row, row.valid_from, until))
        before = min(before, row.valid_from or date.min)
    return iter(sorted(found, key=lambda one: (one.row.claim_id, one.row.version)))


def _newest() -> Select[ClaimVersion]:
    return select(ClaimVersion).join(
        Claim, (Claim.id == ClaimVersion.claim_id) & (Claim.version == ClaimVersion.version)
    )


def _changed(last: ClaimVersion, facts: Facts) -> list[str]:
    before = facts_of(last)
    return [f.name for f in fields(Facts) if getattr(before, f.name) != getattr(facts, f.name)]


def _add(session: Session, facts: Facts, version: int, actor: str, reason: str, origin: ClaimOrigin) -> int:
    claim = session.get(Claim, facts.id)
    if claim is None:
        session.add(Claim(id=facts.id, version=version))
    else:
        claim.version = version
    session.flush()
    columns: dict[str, Any] = {f.name: getattr(facts, f.name) for f in fields(Facts) if f.name != "id"}
    said = (facts.id, facts.wording, *facts.paraphrases, facts.english, facts.correction, facts.source_name)
    session.add(
        ClaimVersion(
            **columns | {"paraphrases": list(facts.paraphrases)},
            claim_id=facts.id,
            version=version,
            origin=origin,
            reason=reason,
            by=actor,
            at=datetime.now(UTC),
            folded=" " + " ".join(words(" ".join(said))),
        )
    )
    session.flush()
    return version
