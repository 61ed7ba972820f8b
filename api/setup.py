"""Setting up an installation: what its first administrator is led through, and what is set already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.desk import Desk
from api.sources import SourceHealth, health
from reports.telling import Telling
from review.errors import ReviewError
from review.permissions import Action, Person, may, require
from store import installation
from store.installation_tables import SetupState
from store.retention import Rule, Terms
from store.tables import User


class NotKept(ReviewError):
    template = "Không giữ được: {why}."


@dataclass(frozen=True)
class Setup:
    """How setting up stands. `agency_set` is the agency of the settings, which goes before `agency`, the one
    of the records; `people` counts those who may sign in, by role."""

    state: SetupState
    agency: str
    agency_set: str
    sources: Sequence[SourceHealth]
    people: dict[str, int]
    terms: Terms

    @property
    def steps(self) -> dict[str, bool]:
        """Which steps have what they ask for. Two persons are the least with whom a referral can go out."""
        return {
            "agency": bool(self.agency_set or self.agency),
            "sources": any(one.source.enabled for one in self.sources),
            "people": sum(self.people.values()) > 1,
        }


def standing(desk: Desk, session: Session, person: Person) -> Setup:
    """Return how setting up stands, for who administers."""
    require(person, Action.ADMINISTER)
    people = session.execute(select(User.role, func.count()).where(User.active).group_by(User.role))
    return Setup(
        installation.setup(session), installation.agency(session), desk.telling.letterhead.agency,
        health(session, person, desk.clock()), {row[0]: row[1] for row in people}, desk.terms,
    )  # fmt: skip


def awaits(session: Session, person: Person) -> bool:
    """Say whether `person` is to be led to setting up."""
    return may(person, Action.ADMINISTER) and installation.setup(session) == SetupState.PENDING


def name_agency(desk: Desk, person: Person, name: str) -> None:
    """Keep the name of the agency; raises `NotKept`."""
    require(person, Action.ADMINISTER)
    try:
        with desk.records.write() as session:
            installation.name_agency(session, name, person.actor, desk.clock())
    except installation.InstallationError as error:
        raise NotKept(why=error) from error


def set_state(desk: Desk, person: Person, state: SetupState) -> None:
    """Finish setting up, put it off, or take it up again."""
    require(person, Action.ADMINISTER)
    with desk.records.write() as session:
        installation.set_setup(session, state, person.actor, desk.clock())


def telling(desk: Desk) -> Telling:
    """Return to whom reports are told, under the agency of the settings or else of the records."""
    if desk.telling.letterhead.agency:
        return desk.telling
    with desk.records.read() as session:
        agency = installation.agency(session)
    return replace(desk.telling, letterhead=replace(desk.telling.letterhead, agency=agency))


def plain(setup: Setup) -> dict[str, Any]:
    """Return `setup` as JSON."""
    return {
        "state": setup.state, "agency": setup.agency, "agency_set": setup.agency_set, "steps": setup.steps,
        "sources": [one.source.name for one in setup.sources], "people": setup.people,
        "days": {rule.value: setup.terms.of(rule).days for rule in Rule},
    }  # fmt: skip
