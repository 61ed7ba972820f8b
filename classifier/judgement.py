"""What a policy says of one post: protected speech, or not. Only what is not can be referable.

The two are types of their own, so that a program that reads grounds for a referral from protected speech
is refused by the type checker before it runs, and a judgement that its own reasons deny cannot be made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, final

from classifier.rules import Rule

FREE = "not_protected_speech"
REFERABLE = "referable"


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """`found` are the harms named, `priority` is 0 to 100, `severity` 0 to 1, `why` the evaluated rules."""

    uncertain: bool
    found: tuple[str, ...]
    priority: float
    why: Rule
    severity: float = 0.0


@final
@dataclass(frozen=True, kw_only=True)
class Protected(_Judged):
    """Protected speech: never flagged, and there are no grounds to read. It can be uncertain.

    Raises `ValueError` when `why` does not say that it is protected.
    """

    protected: Literal[True] = field(default=True, init=False)
    flagged: Literal[False] = field(default=False, init=False)

    def __post_init__(self) -> None:
        if _is_free(self.why):
            raise ValueError(f"{FREE} holds in the reasons of a judgement that it is protected speech")


@final
@dataclass(frozen=True, kw_only=True)
class Free(_Judged):
    """Not protected speech; `referable` are the referral rules that hold.

    Raises `ValueError` when `why` does not say so, or when it is both flagged and uncertain.
    """

    flagged: bool
    referable: tuple[str, ...] = ()
    protected: Literal[False] = field(default=False, init=False)

    def __post_init__(self) -> None:
        if not _is_free(self.why):
            raise ValueError(f"{FREE} does not hold in the reasons of a judgement that it is none")
        if self.flagged and self.uncertain:
            raise ValueError("what is flagged is not uncertain")
        rules = self.why.find(REFERABLE)
        if self.referable != tuple(rule.name for rule in (rules.children if rules else ()) if rule.passed):
            raise ValueError("the grounds are not those that hold in the reasons")


Judgement = Protected | Free


def _is_free(why: Rule) -> bool:
    free = why.find(FREE)
    if free is None:
        raise ValueError(f"{FREE} is not among the reasons")
    return free.passed
