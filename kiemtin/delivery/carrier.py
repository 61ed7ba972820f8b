"""What those who carry messages have in common: what they carry, and how they fail."""

from __future__ import annotations

from typing import Protocol

from store.delivery_tables import Delivery


class Undelivered(Exception):
    """A message was not taken; the message says why. `for_good`: nor will it be, however often it is sent."""

    def __init__(self, why: str, *, for_good: bool = False) -> None:
        super().__init__(why)
        self.for_good = for_good


class Carrier(Protocol):
    """Brings messages of one channel to where they go."""

    def send(self, message: Delivery) -> None:
        """Send one message; raises `Undelivered`."""
