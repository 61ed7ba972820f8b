"""The knowledge base as people see and change it: who may read, add, edit, retire and exchange claims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from api.desk import Desk
from review.errors import ReasonNeeded, ReviewError
from review.permissions import Action, Person, require
from store import claim_files, claims
from store.claim_facts import BadClaim, Facts, facts_of
from store.claim_tables import ClaimVersion
from store.claims import Taken, Wanted

PAGE = 50


class NoClaim(ReviewError):
    template = "Không có tuyên bố {claim}."


class ClaimTaken(ReviewError):
    template = "Đã có tuyên bố {claim}: hãy sửa nó, hoặc chọn mã khác."


class ClaimRefused(ReviewError):
    template = "Tuyên bố này không lưu được: {why}."


def found(
    session: Session, person: Person, wanted: Wanted, offset: int = 0, limit: int = PAGE
) -> tuple[Sequence[ClaimVersion], int]:
    """Return a page of claims and how many there are in all, to who may read."""
    require(person, Action.READ)
    return claims.find(session, wanted, offset, limit)


def versions(session: Session, person: Person, claim_id: str) -> Sequence[ClaimVersion]:
    """Return all versions of a claim, newest first; raises `NoClaim`."""
    require(person, Action.READ)
    try:
        return claims.versions(session, claim_id)
    except claims.NoSuchClaim as error:
        raise NoClaim(claim=error.claim) from error


def add(session: Session, person: Person, row: dict[str, Any], reason: str) -> None:
    """Keep a new claim, a row as `Facts.from_row` reads it; raises `ClaimRefused` or `ClaimTaken`."""
    require(person, Action.KEEP_CLAIMS)
    facts = _facts(row)
    if claims.newest(session, facts.id) is not None:
        raise ClaimTaken(claim=facts.id)
    claims.save(session, facts, person.actor, reason.strip())


def edit(session: Session, person: Person, claim_id: str, row: dict[str, Any], reason: str) -> Taken:
    """Make a new version of a claim, other in what `row` has.

    Raises `NoClaim`, `ReasonNeeded` or `ClaimRefused`.
    """
    require(person, Action.KEEP_CLAIMS)
    before = versions(session, person, claim_id)[0]
    if not reason.strip():
        raise ReasonNeeded()
    now = facts_of(before).to_row()
    facts = _facts(now | row | {"id": claim_id, "source": now["source"] | row.get("source", {})})
    return claims.save(session, facts, person.actor, reason.strip())


def retire(session: Session, person: Person, claim_id: str, reason: str, *, retired: bool) -> None:
    """Let a claim match no more, or again; raises `NoClaim` or `ReasonNeeded`."""
    require(person, Action.KEEP_CLAIMS)
    versions(session, person, claim_id)
    if not reason.strip():
        raise ReasonNeeded()
    claims.retire(session, claim_id, person.actor, reason.strip(), retired=retired)


def bring(desk: Desk, person: Person, text: str, harm: str) -> claim_files.Brought:
    """Take in claims of a text: JSON lines, or ClaimReview in JSON-LD; raises `ClaimRefused`."""
    require(person, Action.KEEP_CLAIMS)
    try:
        rows = list(claim_files.read_text(text, harm))
    except claim_files.FileUnreadable as error:
        raise ClaimRefused(why=str(error).rstrip(".")) from error
    return claim_files.take(desk.records, rows, person.actor)


def exported(session: Session, person: Person) -> str:
    """Return every claim that is not retired as one document of ClaimReview."""
    require(person, Action.READ)
    rows, _ = claims.find(session, Wanted(retired=False), limit=None)
    return claim_files.written([facts_of(row) for row in rows])


def _facts(row: dict[str, Any]) -> Facts:
    try:
        return Facts.from_row(row)
    except BadClaim as error:
        raise ClaimRefused(why=error) from error
