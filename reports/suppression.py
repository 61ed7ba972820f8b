"""Small numbers, which could point at somebody, are not told outside the department."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

LEAST = 5
K = TypeVar("K")


def small(number: int) -> bool:
    """Say whether a number is too small to be told; that there is nothing may be told."""
    return 0 < number < LEAST


def guarded(counts: Mapping[K, int], total: int | None = None) -> dict[K, int | None]:
    """Return counts with None for what may not be told.

    Where the parts and their `total` are both told, one part left out could be worked out from the rest: then
    the next smallest is left out too.
    """
    told: dict[K, int | None] = {key: None if small(number) else number for key, number in counts.items()}
    hidden = [key for key, number in told.items() if number is None]
    if total is not None and len(hidden) == 1:
        others = [key for key, number in counts.items() if told[key] is not None and number > 0]
        if others:
            told[min(others, key=lambda key: counts[key])] = None
    return told


def masked(number: int) -> int | None:
    """Return one number, or None where it may not be told."""
    return None if small(number) else number


def pair(now: int, before: int) -> tuple[int | None, int | None]:
    """Return two numbers of which neither can be worked out of the other."""
    return masked(now), masked(before)


def texts(numbers: Sequence[int | None]) -> list[str]:
    """Return numbers as they are written, what may not be told as "< 5"."""
    return [f"< {LEAST}" if number is None else f"{number:,}".replace(",", ".") for number in numbers]
