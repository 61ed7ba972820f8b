"""How often a session or a token may ask: so many requests a minute, told in every answer.

Headers `RateLimit` and `RateLimit-Policy` are those of draft-ietf-httpapi-ratelimit-headers. Each process
counts for itself: behind several, a program may ask that many times as often.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from threading import Lock

from review.errors import ReviewError

WINDOW = 60
_MOST_KEPT = 10_000


class TooMany(ReviewError):
    template = "Quá {most} lần gọi một phút. Hãy gọi lại sau {wait} giây."


@dataclass(frozen=True)
class Standing:
    """What is left to one who asks: `left` requests until the window ends in `wait` seconds."""

    most: int
    left: int
    wait: int

    def headers(self) -> Mapping[str, str]:
        """Return what an answer says of it; where nothing is left, also when to come back."""
        told = {
            "RateLimit-Policy": f'"minute";q={self.most};w={WINDOW}',
            "RateLimit": f'"minute";r={max(0, self.left)};t={self.wait}',
        }
        return told if self.left >= 0 else told | {"Retry-After": str(self.wait)}


class Rates:
    """Counts the requests of each session and token in windows of a minute."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._lock = Lock()
        self._counted: dict[str, tuple[float, int]] = {}

    def take(self, who: str) -> Standing:
        """Count a request of `who`; `left` is below zero when it is one too many."""
        with self._lock:
            now = self._clock()
            began, number = self._counted.get(who, (now, 0))
            if now - began >= WINDOW:
                began, number = now, 0
            self._counted[who] = (began, number + 1)
            if len(self._counted) > _MOST_KEPT:
                self._counted = {k: v for k, v in self._counted.items() if now - v[0] < WINDOW}
        return Standing(self._most, self._most - number - 1, max(1, ceil(began + WINDOW - now)))
