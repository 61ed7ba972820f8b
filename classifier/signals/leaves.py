"""How a signal is shown: what it matched, short, without a number that leads to a person or an account."""

from __future__ import annotations

import re

from classifier.rules import Outcome, Rule

LONGEST = 80  # characters of matched text that a leaf keeps
_KEPT = 3  # last digits that stay, so that a reviewer can tell two numbers apart

# A run of six digits or more, however it is spaced, with the letters that stand in for digits.
_LONG_NUMBER = re.compile(r"[+(]{0,2}\d(?:[\s.,\-–_()•·*/]{0,3}[0-9oil]){4,}[\s.,\-–_()•·*/]{0,3}\d")
# 1.200.000: a sum of money, not a number to call. Its last group is 000.
_SUM = re.compile(r"[1-9]\d{0,2}(?:[.,]\d{3}){0,2}[.,]000")


def masked(digits: str) -> str:
    """Return a number as it is shown: its last three digits."""
    return f"•••{digits[-_KEPT:]}"


def without_numbers(text: str) -> str:
    """Return `text` with each long number masked; sums of money stay."""
    return _LONG_NUMBER.sub(_mask, text) if _LONG_NUMBER.search(text) else text


def _mask(match: re.Match[str]) -> str:
    number = match.group()
    digits = "".join(c for c in number if c.isdigit())
    return number if len(digits) < 6 or _SUM.fullmatch(number) else masked(digits)


def absent(name: str, *inputs: tuple[str, str]) -> Rule:
    """Return the leaf of a signal that the text does not give; `inputs` say what came near it."""
    return Rule(name, Outcome.FAILED, inputs)


def present(name: str, matched: str, *inputs: tuple[str, str]) -> Rule:
    """Return the leaf of a signal that the text gives, with the matched words (already masked)."""
    return Rule(name, Outcome.PASSED, (("matched", matched[:LONGEST]), *inputs))
