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
    KEEP_CLAIMS = "keep claims"
    AUDIT = "audit"
    EXPORT = "export"
    ADMINISTER = "administer"


# An admin may review so that an installation of one person works; a referral still needs two persons.
MAY: dict[Role, frozenset[Action]] = {
    Role.REVIEWER: frozenset({Action.READ, Action.REVIEW}),
    Role.LEAD: frozenset({Action.READ, Action.REVIEW, Action.LEAD, Action.KEEP_CLAIMS, Action.AUDIT}),
    Role.LIAISON: frozenset({Action.READ, Action.EXPORT}),
    Role.AUDITOR: frozenset({Action.READ, Action.AUDIT}),
    Role.ADMIN: frozenset(Action),
}
# What a program may do in a person's name: no step of a case or a referral, ever.
AUTOMATIC = frozenset({Action.READ, Action.AUDIT, Action.KEEP_CLAIMS})


@dataclass(frozen=True)
class Person:
    """Who acts: the id and role of a signed-in user; `automatic` where a program acts in their name."""

    id: int
    role: Role
    automatic: bool = False

    @property
    def actor(self) -> str:
        """The name under which the audit log keeps this person."""
        return f"user:{self.id}"


def may(person: Person, action: Action) -> bool:
    """Say whether `person` may do `action`."""
    return action in MAY[person.role] and (not person.automatic or action in AUTOMATIC)


def require(person: Person, action: Action) -> None:
    """Raise `NotAllowed` unless `person` may do `action`."""
    if not may(person, action):
        raise NotAllowed(role=person.role)
