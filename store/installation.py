"""Keeps what an installation knows of itself. Whoever calls asks first who may change it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from store import audit
from store.installation_tables import Installation, SetupState

LONGEST = 200


class InstallationError(Exception):
    """What was given cannot be kept; the message says why."""


def begin(session: Session, at: datetime) -> None:
    """Let setting up be pending, with the first administrator; a second time changes nothing."""
    if session.get(Installation, 1) is None:
        session.add(Installation(id=1, setup=SetupState.PENDING, changed_at=at))


def setup(session: Session) -> SetupState:
    """Return how far setting up is; an installation that knows nothing of it is done."""
    row = session.get(Installation, 1)
    return SetupState(row.setup) if row is not None else SetupState.DONE


def agency(session: Session) -> str:
    """Return the name of the agency that was given here, "" for none."""
    row = session.get(Installation, 1)
    return row.agency if row is not None else ""


def name_agency(session: Session, name: str, actor: str, at: datetime) -> None:
    """Keep the name of the agency, on one line; raises `InstallationError` for one too long."""
    name = " ".join(name.split())
    if len(name) > LONGEST:
        raise InstallationError(f"tên dài {len(name)} ký tự, quá {LONGEST}")
    row = _row(session, at)
    if row.agency == name:
        return
    audit.append(session, actor, "installation.agency", "installation:1", before=row.agency, agency=name)
    row.agency, row.changed_at = name, at


def set_setup(session: Session, state: SetupState, actor: str, at: datetime) -> None:
    """Say that setting up is done, put off, or taken up again."""
    row = _row(session, at)
    if row.setup == state:
        return
    audit.append(session, actor, "installation.setup", "installation:1", before=row.setup, state=state)
    row.setup, row.changed_at = state, at


def _row(session: Session, at: datetime) -> Installation:
    row = session.get(Installation, 1)
    if row is None:
        row = Installation(id=1, agency="", setup=SetupState.DONE, changed_at=at)
        session.add(row)
    return row
