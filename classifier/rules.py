"""The evaluated rule tree: why a post was judged as it was, leaf by leaf."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not_applicable"
    ERROR = "error"


@dataclass(frozen=True)
class Rule:
    """One rule and what became of it. A leaf has inputs and perhaps a threshold; the others have children."""

    name: str
    outcome: Outcome
    inputs: tuple[tuple[str, float | str], ...] = ()
    threshold: float | None = None
    combine: Literal["leaf", "all", "any"] = "leaf"
    children: tuple[Rule, ...] = ()

    @property
    def passed(self) -> bool:
        return self.outcome == Outcome.PASSED

    def find(self, name: str) -> Rule | None:
        """Return the first rule of that name in the tree, or None."""
        if self.name == name:
            return self
        return next((found for child in self.children if (found := child.find(name))), None)

    def to_dict(self) -> dict[str, Any]:
        """Return the tree as plain JSON, without what is at its default: a tree is kept with every post."""
        tree: dict[str, Any] = {"name": self.name, "outcome": str(self.outcome)}
        if self.inputs:
            tree["inputs"] = dict(self.inputs)
        if self.threshold is not None:
            tree["threshold"] = self.threshold
        if self.combine != "leaf":
            tree["combine"] = self.combine
            tree["children"] = [child.to_dict() for child in self.children]
        return tree

    @classmethod
    def from_dict(cls, tree: dict[str, Any]) -> Rule:
        """Return the tree that `to_dict` gave."""
        return cls(
            name=tree["name"],
            outcome=Outcome(tree["outcome"]),
            inputs=tuple(tree.get("inputs", {}).items()),
            threshold=tree.get("threshold"),
            combine=tree.get("combine", "leaf"),
            children=tuple(cls.from_dict(child) for child in tree.get("children", ())),
        )


def at_least(name: str, value: float, threshold: float) -> Rule:
    """Return a leaf that passes when `value` reaches `threshold`."""
    return Rule(name, _outcome(value >= threshold), (("value", round(value, 6)),), threshold)


def below(name: str, value: float, threshold: float) -> Rule:
    """Return a leaf that passes while `value` stays under `threshold`."""
    return Rule(name, _outcome(value < threshold), (("value", round(value, 6)),), threshold)


def found(name: str, matched: str | None) -> Rule:
    """Return a leaf that passes when something was matched in the text, and holds what."""
    return Rule(name, _outcome(matched is not None), (("matched", matched),) if matched is not None else ())


def holds(name: str, outcome: bool) -> Rule:
    """Return a leaf that says what was found elsewhere in the tree."""
    return Rule(name, _outcome(outcome))


def not_applicable(name: str) -> Rule:
    """Return a leaf that had nothing to be asked of."""
    return Rule(name, Outcome.NOT_APPLICABLE)


def every(name: str, children: Sequence[Rule]) -> Rule:
    """Return a rule that passes when all its children pass; those not applicable do not count."""
    asked = [child for child in children if child.outcome != Outcome.NOT_APPLICABLE]
    return Rule(name, _outcome(all(c.passed for c in asked)), combine="all", children=tuple(children))


def some(name: str, children: Sequence[Rule]) -> Rule:
    """Return a rule that passes when one of its children passes."""
    return Rule(name, _outcome(any(c.passed for c in children)), combine="any", children=tuple(children))


def _outcome(holds: bool) -> Outcome:
    return Outcome.PASSED if holds else Outcome.FAILED
