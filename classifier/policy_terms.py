"""A policy as a list of its terms, to lay two beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from classifier.policy import Policy


@dataclass(frozen=True)
class Difference:
    """One term that differs, by its place ("thresholds.flag"); None where one of the two has it not."""

    term: str
    before: str | None
    after: str | None


def terms(policy: Policy) -> dict[str, str]:
    """Return every number and list of a policy but its version, by its place in the file."""
    return dict(_walk("", policy.model_dump(exclude={"version"})))


def differences(before: Policy, after: Policy) -> list[Difference]:
    """Return the terms in which two policies differ, in the order of the file."""
    old, new = terms(before), terms(after)
    return [
        Difference(term, old.get(term), new.get(term))
        for term in dict.fromkeys([*new, *old])
        if old.get(term) != new.get(term)
    ]


def _walk(place: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _walk(f"{place}.{name}" if place else str(name), inner)
    elif isinstance(value, tuple | list):
        yield place, ", ".join(map(str, value))
    else:
        yield place, f"{value:g}" if isinstance(value, float) else str(value)
