"""What a check found, a line for each part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography import x509


class State(StrEnum):
    """Sound; open: nothing speaks against it, but something that would settle it is not there; or broken."""

    SOUND = "sound"
    OPEN = "open"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """What was found of one part."""

    part: str
    state: State
    message: str


@dataclass(frozen=True)
class Anchors:
    """The roots that the reader trusts, got on another way than the bundle: of the department and of TSAs."""

    department: Sequence[x509.Certificate] = ()
    authorities: Sequence[x509.Certificate] = ()


@dataclass
class Verdict:
    """All findings; `manifest_sha256` is that of SHA256SUMS, by which the bundle is known."""

    manifest_sha256: str = ""
    findings: list[Finding] = field(default_factory=list)

    @property
    def state(self) -> State:
        """The worst of the findings."""
        states = {one.state for one in self.findings}
        return next((state for state in (State.BROKEN, State.OPEN) if state in states), State.SOUND)

    def sound(self, part: str, message: str) -> None:
        self.findings.append(Finding(part, State.SOUND, message))

    def open(self, part: str, message: str) -> None:
        self.findings.append(Finding(part, State.OPEN, message))

    def broken(self, part: str, message: str) -> None:
        self.findings.append(Finding(part, State.BROKEN, message))
