"""The claims as a matcher sees them: an immutable snapshot of all that are in force on some day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from sqlalchemy.orm import Session

import models
from store import claims
from store.claim_facts import Facts, facts_of
from store.text import normalise


@dataclass(frozen=True)
class Known:
    """One version of a claim, with the days, both included, on which it counts; None is without end."""

    facts: Facts
    version: int = 1
    since: date | None = None
    until: date | None = None

    def counts_on(self, day: date) -> bool:
        """Say whether this is what is known of the claim on `day`."""
        return (self.since or date.min) <= day <= (self.until or date.max)

    @property
    def wordings(self) -> tuple[str, ...]:
        """The ways to say the claim in its own language, normalised and without repeats."""
        return tuple(dict.fromkeys(map(normalise, (self.facts.wording, *self.facts.paraphrases))))


@dataclass(frozen=True)
class ClaimBase:
    """All versions in force on some day, by id and version. `counter` is that of the records."""

    known: tuple[Known, ...]
    counter: int = 0

    @classmethod
    def of(cls, facts: Iterable[Facts]) -> ClaimBase:
        """Return the base of claims without a history; a retired one is left out."""
        return cls(
            tuple(Known(one, since=one.valid_from, until=one.valid_until) for one in facts if not one.retired)
        )

    @classmethod
    def shipped(cls) -> ClaimBase:
        """Return the claims that ship with this version."""
        return cls.of(map(Facts.from_row, models.claims()))

    @classmethod
    def read(cls, session: Session) -> ClaimBase:
        """Return what the records hold, with the counter of that moment."""
        counter = claims.counter(session)
        found = claims.in_force(session)
        return cls(
            tuple(Known(facts_of(one.row), one.row.version, one.since, one.until) for one in found), counter
        )

    @cached_property
    def always(self) -> bool:
        """Whether every version counts on all days, so that days need not be looked at."""
        return all(one.since is None and one.until is None for one in self.known)
