"""How a recorded assessment stands under a policy: what `Policy.judge` says, without the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from classifier.policy import Policy


@dataclass(frozen=True)
class Scored:
    """What an assessment keeps that a policy judges by.

    `claim` is the similarity of the best claim that was shown, 0 where none was; `signals` are those that
    were in the text, `asked` all that were looked for then.
    """

    act: str
    harmful: float
    acts: Mapping[str, float]
    harms: Mapping[str, float]
    claim: float
    signals: frozenset[str]
    asked: frozenset[str]

    @classmethod
    def of(cls, detail: Mapping[str, Any]) -> Scored:
        """Return what `Assessment.to_dict` kept; raises `KeyError`, `TypeError` or `ValueError` for less."""
        rules = {rule["name"]: rule.get("children", ()) for rule in detail["why"]["children"]}
        leaves = rules["signals"]
        return cls(
            act=str(detail["act"]),
            harmful=float(detail["harmful"]),
            acts=dict(detail["acts"]),
            harms=dict(detail["harms"]),
            claim=max((float(claim["similarity"]) for claim in detail["claims"]), default=0.0),
            signals=frozenset(leaf["name"] for leaf in leaves if leaf["outcome"] == "passed"),
            asked=frozenset(leaf["name"] for leaf in leaves),
        )

    @property
    def top_harm(self) -> str:
        return max(self.harms, key=lambda harm: self.harms[harm])


@dataclass(frozen=True)
class Standing:
    """The outcome alone; `priority` is 0 to 100. Flagged, uncertain, or neither: never both."""

    flagged: bool
    uncertain: bool
    protected: bool
    referable: tuple[str, ...]
    priority: float


def standing(policy: Policy, scored: Scored) -> Standing:
    """Return how a post stands; the same as `policy.judge`, some 20 times as fast (tests compare the two)."""
    limits = policy.thresholds
    protected = limits.protected.holds(scored.acts)
    flagged = scored.harmful >= limits.flag and not protected
    claim = scored.claim if scored.claim >= limits.claim.suggest else 0.0
    return Standing(
        flagged=flagged,
        uncertain=scored.harmful >= limits.uncertain and not flagged,
        protected=protected,
        referable=() if protected else _referable(policy, scored),
        priority=policy.weigh(scored.harmful, scored.harms, claim, scored.signals),
    )


def _referable(policy: Policy, scored: Scored) -> tuple[str, ...]:
    return tuple(
        name
        for name, rule in policy.referable.items()
        if all(scored.harms[harm] >= least for harm, least in rule.harms.items())
        and (not rule.signals or not scored.signals.isdisjoint(rule.signals))
    )
