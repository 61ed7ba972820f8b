"""The policy: thresholds and rules as data, and the one function that judges by them."""

from __future__ import annotations

from collections.abc import Container, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

import models
from classifier import policy_text
from classifier.judgement import FREE, REFERABLE, Free, Judgement, Protected
from classifier.rules import Rule, at_least, below, every, holds, not_applicable, some
from classifier.signals import NAMES

Share = Annotated[float, Field(ge=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Protection(_Strict):
    """From when a post is protected speech: its protected acts together reach `any`, or one its own number.

    A bare number is `any` alone.
    """

    any: Share
    acts: dict[str, Share] = {}

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, given: Any) -> Any:
        return {"any": given} if isinstance(given, int | float) else given

    @model_validator(mode="after")
    def _known(self) -> Protection:
        if unknown := {*self.acts} - models.labels().protected:
            raise ValueError(
                f"không phải phát ngôn được bảo vệ trong labels.yaml: {', '.join(sorted(unknown))}"
            )
        return self

    def free(self, acts: Mapping[str, float]) -> Rule:
        """Return the rule that passes when a post with these probabilities is not protected speech."""
        each = [below(act, acts[act], own) for act, own in self.acts.items()]
        return every(FREE, [below("protected_acts", _together(acts), self.any), *each])

    def holds(self, acts: Mapping[str, float]) -> bool:
        """Say whether a post is protected speech; what `free` says, without the reasons."""
        # Asked as `free` asks: what is no number at all is protected.
        return not (_together(acts) < self.any and all(acts[act] < own for act, own in self.acts.items()))


class ClaimLimits(_Strict):
    """From which similarity a fact-checked claim is shown, and from which it is confirmed.

    A bare number is `suggest` alone: such a policy confirms none.
    """

    suggest: Share
    confirm: Share = 1.0

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, given: Any) -> Any:
        return {"suggest": given} if isinstance(given, int | float) else given

    @model_validator(mode="after")
    def _ordered(self) -> ClaimLimits:
        if self.suggest > self.confirm:
            raise ValueError("suggest không được lớn hơn confirm")
        return self


class Thresholds(_Strict):
    """Probabilities from which something holds; see policy.yaml."""

    flag: Share
    uncertain: Share
    protected: Protection
    harm: Share
    claim: ClaimLimits

    @model_validator(mode="after")
    def _ordered(self) -> Thresholds:
        if self.uncertain > self.flag:
            raise ValueError("uncertain không được lớn hơn flag")
        return self


class Referable(_Strict):
    """When a post may be proposed for referral: each harm reaches its number, one signal is in the text.

    `bases` are the legal bases that a proposal may name (`review.grounds` reads them).
    """

    harms: dict[str, Share] = Field(min_length=1)
    signals: tuple[str, ...] = ()
    bases: tuple[Annotated[str, Field(min_length=1, max_length=300)], ...] = ()

    @model_validator(mode="after")
    def _known(self) -> Referable:
        unknown = {*self.harms} - {*models.labels().harms} | {*self.signals} - {*NAMES}
        if unknown:
            raise ValueError(f"không có {', '.join(sorted(unknown))} trong labels.yaml hay các dấu hiệu")
        return self


class Weights(_Strict):
    """What the parts of the priority count for; `points` are those of each signal, at most 1 together.

    `harmful` and `severity` are exponents: at 0 the part does not count, at 1 it counts in full. `claim` and
    `signals` say by which share a matched claim and signals raise the product.
    """

    harmful: Share
    severity: Share
    claim: Share
    signals: Share = 0.0
    points: dict[str, Share] = {}

    @model_validator(mode="after")
    def _known(self) -> Weights:
        if unknown := {*self.points} - {*NAMES}:
            raise ValueError(f"không có {', '.join(sorted(unknown))} trong các dấu hiệu")
        return self


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
        acts: Mapping[str, float],
        harms: Mapping[str, float],
        claim: float | None,
        signals: dict[str, Rule],
    ) -> Judgement:
        """Judge one post from probabilities, the similarity of its best claim, and its signals.

        Protected speech is a hard constraint: whatever the other numbers, such a post is neither flagged
        nor referable. If it is harmful by its score too, it is uncertain, which puts it before a person and
        does nothing else.
        """
        limits = self.thresholds
        free = limits.protected.free(acts)
        flagged = every("flagged", [at_least("harmful", harmful, limits.flag), free])
        uncertain = some("uncertain", [_in_doubt(harmful, limits), _torn(harmful, limits, free)])
        matched = (
            not_applicable("claim_match")
            if claim is None
            else at_least("claim_match", claim, limits.claim.suggest)
        )
        referable = some(
            REFERABLE,
            [self._referable(name, rule, harms, free, signals) for name, rule in self.referable.items()],
        )
        found = tuple(harm for harm, p in harms.items() if p >= limits.harm)
        if flagged.passed and not found:
            found = (max(harms, key=lambda harm: harms[harm]),)
        seen = {name for name, rule in signals.items() if rule.passed}
        priority = self.weigh(harmful, harms, claim or 0.0, seen)
        severity = self.severity_of(harms)
        why = Rule(
            "why",
            flagged.outcome,
            combine="any",
            children=(flagged, uncertain, matched, some("signals", list(signals.values())), referable),
        )
        if not free.passed:
            return Protected(
                uncertain=uncertain.passed, found=found, priority=priority, severity=severity, why=why
            )
        grounds = tuple(rule.name for rule in referable.children if rule.passed)
        return Free(
            flagged=flagged.passed, uncertain=uncertain.passed, referable=grounds, found=found,
            priority=priority, severity=severity, why=why,
        )  # fmt: skip

    def needs_no_more_than(self, before: Policy) -> bool:
        """Say whether what was kept of a post that `before` judged is all that this policy judges by."""
        return self.thresholds.claim.suggest >= before.thresholds.claim.suggest

    def _referable(
        self, name: str, rule: Referable, harms: Mapping[str, float], free: Rule, signals: dict[str, Rule]
    ) -> Rule:
        leaves = [holds(FREE, free.passed)]
        leaves += [at_least(harm, harms[harm], least) for harm, least in rule.harms.items()]
        if rule.signals:
            leaves.append(some("signal", [signals[signal] for signal in rule.signals]))
        return every(name, leaves)

    def severity_of(self, harms: Mapping[str, float]) -> float:
        """Return how severe, 0 to 1, the gravest harm is that a post is likely to do."""
        likely = [harm for harm, p in harms.items() if p >= self.thresholds.harm]
        return max(self.severity[harm] for harm in likely or (max(harms, key=lambda harm: harms[harm]),))

    def weigh(
        self, harmful: float, harms: Mapping[str, float], claim: float, signals: Container[str]
    ) -> float:
        """Return the priority, 0 to 100, of a post by its text: calibrated harm × severity.

        A claim that it matches and `signals` in it raise it. Copies and time are not known here: the queue
        multiplies by spread and freshness.
        """
        weights = self.priority
        points = sum(number for name, number in weights.points.items() if name in signals)
        raised = 1 + weights.claim * claim + weights.signals * min(1.0, points)
        most = 1 + weights.claim + weights.signals
        product: float = harmful**weights.harmful * self.severity_of(harms) ** weights.severity
        return round(100 * product * raised / most, 2)


def load_policy(file: Path | None = None) -> Policy:
    """Read a policy, the shipped one if no file is given; raises `models.DataError` naming each mistake."""
    return parse(read(file), str(file) if file else "policy.yaml")


def read(file: Path | None = None) -> str:
    """Return the text of a policy, of the shipped one if no file is given; raises `models.DataError`."""
    try:
        return file.read_text(encoding="utf-8") if file else models.read_text("policy.yaml")
    except (OSError, UnicodeDecodeError) as error:
        raise models.DataError(f"Không đọc được chính sách {file}: {error}") from error


def parse(text: str, name: str = "") -> Policy:
    """Return the policy that a text says; raises `models.DataError` naming each mistake, in Vietnamese."""
    called = f"Chính sách {name}".rstrip()
    try:
        return Policy.model_validate(policy_text.load(text))
    except ValidationError as error:
        raise models.DataError(f"{called} sai:\n{policy_text.mistakes(error)}") from error
    except policy_text.NotYaml as error:
        raise models.DataError(f"{called} không đọc được: {error}") from error


def _together(acts: Mapping[str, float]) -> float:
    scheme = models.labels()
    return sum(acts[act] for act in scheme.acts if act in scheme.protected)


def _in_doubt(harmful: float, limits: Thresholds) -> Rule:
    leaves = [at_least("harmful", harmful, limits.uncertain), below("below_flag", harmful, limits.flag)]
    return every("in_doubt", leaves)


def _torn(harmful: float, limits: Thresholds, free: Rule) -> Rule:
    leaves = [at_least("harmful", harmful, limits.flag), holds("protected_speech", not free.passed)]
    return every("protected_and_harmful", leaves)
