"""What the policy in force says of referrals: the harms that are grounds, and the legal bases to name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import yaml
from sqlalchemy.orm import Session

from review.errors import NoPolicyInForce
from store import policies


@dataclass(frozen=True)
class Ground:
    """One referral rule of the policy: all of `harms` must be there; `bases` are the provisions to choose."""

    rule: str
    harms: frozenset[str]
    bases: tuple[str, ...]


@dataclass(frozen=True)
class Grounds:
    """The referral rules of one policy."""

    policy: str
    rules: Mapping[str, Ground]

    def of(self, harms: Iterable[str]) -> list[str]:
        """Return the rules that these harms are grounds for, in the order of the policy."""
        found = set(harms)
        return [name for name, ground in self.rules.items() if ground.harms <= found]


def in_force(session: Session) -> Grounds:
    """Return the grounds of the policy in force, which cannot change before this transaction ends.

    Raises `NoPolicyInForce` where none was ever recorded.
    """
    switch = policies.judging(session)
    if switch is None:
        raise NoPolicyInForce()
    # `classifier.policy` read this text whole, and refused all mistakes, before it came into force.
    rules = yaml.safe_load(switch.text)["referable"]
    return Grounds(
        switch.version,
        {
            name: Ground(name, frozenset(rule["harms"]), tuple(rule.get("bases", ())))
            for name, rule in rules.items()
        },
    )
