"""What can be wrong with an installation that people and machines must be told of, by kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

# A worker notes the trouble of a duty under this and the duty's name.
DUTY_PREFIX = "duty/"


class FaultKind(StrEnum):
    """One kind for each banner, each value of the metric `kiemtin_fault`, each part of the docs."""

    MODEL = "model"
    POLICY = "policy"
    DISK = "disk"
    CLOCK = "clock"
    SEARCH = "search"
    TIMESTAMPS = "timestamps"
    DUTY = "duty"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong now. `said` (Vietnamese) names what exactly, where and since what."""

    kind: FaultKind
    said: str
