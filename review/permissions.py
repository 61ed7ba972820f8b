"""Who may do what: one table, asked by every function of this room."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from review.errors import NotAllowed
from store.vocabulary import Role


class Action(StrEnum):
    READ = "read"
    REVIEW = "review"
    LEAD = "lead"
    AUDIT = "audit"
    EXPORT = "export"
    ADMINISTER = "administer"


# An admin may review so that an installation of one person works; a referral still needs two persons.
MAY: dict[Role, frozenset[Action]] = {
    Role.REVIEWER: frozenset({Action.READ, Action.REVIEW}),
    Role.LEAD: frozenset({Action.READ, Action.REVIEW, Action.LEAD, Action.AUDIT}),
    Role.LIAISON: frozenset({Action.READ, Action.EXPORT}),
    Role.AUDITOR: frozenset({Action.READ, Action.AUDIT}),
    Role.ADMIN: frozenset(Action),
}


@dataclass(frozen=True)
class Person:
    """Who acts: the id and role of a signed-in user."""

    id: int
    role: Role

    @property
    def actor(self) -> str:
        """The name under which the audit log keeps this person."""
        return f"user:{self.id}"


def may(person: Person, action: Action) -> bool:
    """Say whether `person` may do `action`."""
    return action in MAY[person.role]


def require(person: Person, action: Action) -> None:
    """Raise `NotAllowed` unless `person` may do `action`."""
    if not may(person, action):
        raise NotAllowed(role=person.role)
