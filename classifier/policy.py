"""The policy: thresholds and rules as data, and the one function that judges by them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

import models
from classifier.rules import Rule, at_least, below, every, not_applicable, some
from classifier.signals import PATTERNS

Share = Annotated[float, Field(ge=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Thresholds(_Strict):
    """Probabilities from which something holds; see policy.yaml."""

    flag: Share
    uncertain: Share
    protected: Share
    harm: Share
    claim: Share

    @model_validator(mode="after")
    def _ordered(self) -> Thresholds:
        if self.uncertain > self.flag:
            raise ValueError("uncertain không được lớn hơn flag")
        return self


class Referable(_Strict):
    """When a post may be proposed for referral: each harm reaches its number, one signal is in the text."""

    harms: dict[str, Share] = Field(min_length=1)
    signals: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _known(self) -> Referable:
        unknown = {*self.harms} - {*models.labels().harms} | {*self.signals} - {*PATTERNS}
        if unknown:
            raise ValueError(f"không có {', '.join(sorted(unknown))} trong labels.yaml hay các dấu hiệu")
        return self


class Weights(_Strict):
    """What the parts of the priority count for."""

    harmful: Share
    severity: Share
    claim: Share


class Policy(_Strict):
    """One version of the policy."""

    version: str = Field(min_length=1, max_length=100)
    thresholds: Thresholds
    referable: dict[str, Referable]
    priority: Weights
    severity: dict[str, Share]

    @model_validator(mode="after")
    def _covers_every_harm(self) -> Policy:
        if missing := {*models.labels().harms} ^ {*self.severity}:
            raise ValueError(
                f"severity phải có đúng các tác hại của labels.yaml; lệch: {', '.join(sorted(missing))}"
            )
        return self

    def judge(
        self,
        harmful: float,
        protected: float,
        harms: dict[str, float],
        claim: float | None,
        signals: dict[str, Rule],
    ) -> Judgement:
        """Judge one post from probabilities, the similarity of its best claim, and its signals.

        Protected speech is a hard constraint: whatever the other numbers, such a post is neither flagged
        nor referable. It can be uncertain, which puts it before a person and does nothing else.
        """
        limits = self.thresholds
        free = below("not_protected_speech", protected, limits.protected)
        flagged = every("flagged", [at_least("harmful", harmful, limits.flag), free])
        uncertain = every("uncertain", [at_least("harmful", harmful, limits.uncertain), _negated(flagged)])
        matched = (
            not_applicable("claim_match") if claim is None else at_least("claim_match", claim, limits.claim)
        )
        referable = some(
            "referable",
            [self._referable(name, rule, harms, free, signals) for name, rule in self.referable.items()],
        )
        found = tuple(harm for harm, p in harms.items() if p >= limits.harm)
        if flagged.passed and not found:
            found = (max(harms, key=lambda harm: harms[harm]),)
        return Judgement(
            flagged=flagged.passed,
            protected=not free.passed,
            uncertain=uncertain.passed,
            referable=tuple(rule.name for rule in referable.children if rule.passed),
            found=found,
            priority=self._priority(harmful, harms, claim or 0.0),
            why=Rule(
                "why",
                flagged.outcome,
                combine="any",
                children=(flagged, uncertain, matched, some("signals", list(signals.values())), referable),
            ),
        )

    def _referable(
        self, name: str, rule: Referable, harms: dict[str, float], free: Rule, signals: dict[str, Rule]
    ) -> Rule:
        leaves = [free, *(at_least(harm, harms[harm], least) for harm, least in rule.harms.items())]
        if rule.signals:
            leaves.append(some("signal", [signals[signal] for signal in rule.signals]))
        return every(name, leaves)

    def _priority(self, harmful: float, harms: dict[str, float], claim: float) -> float:
        severity = max(self.severity[harm] * p for harm, p in harms.items())
        weights = self.priority
        total = weights.harmful + weights.severity + weights.claim
        weighed = weights.harmful * harmful + weights.severity * severity + weights.claim * claim
        return round(100 * weighed / total, 2) if total else 0.0


class Judgement(_Strict):
    """What the policy says of one post. `found` are the harms named, `referable` the rules that hold."""

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)

    flagged: bool
    protected: bool
    uncertain: bool
    referable: tuple[str, ...]
    found: tuple[str, ...]
    priority: float
    why: Rule


def load_policy(file: Path | None = None) -> Policy:
    """Read a policy, the shipped one if no file is given; raises `models.DataError` naming each mistake."""
    name = str(file) if file else "policy.yaml"
    try:
        text = file.read_text(encoding="utf-8") if file else models.read_text("policy.yaml")
        return Policy.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        lines = [f"  {'.'.join(str(p) for p in item['loc'])}: {item['msg']}" for item in error.errors()]
        raise models.DataError(f"Chính sách {name} sai:\n" + "\n".join(lines)) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise models.DataError(f"Không đọc được chính sách {name}: {error}") from error


def _negated(rule: Rule) -> Rule:
    return below(f"not_{rule.name}", float(rule.passed), 1.0)
