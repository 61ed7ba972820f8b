"""To whom an installation tells its reports, and under which name and address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reports.letterhead import Letterhead

# Who is told what: leads that a draft is ready, all that a report was published.
ROLES = ("leadership", "lead", "liaison", "auditor")


@dataclass(frozen=True)
class Telling:
    """`base` is the address under which the public reaches this installation, without a slash at its end.

    `recipients` are e-mail addresses by role.
    """

    letterhead: Letterhead = field(default_factory=Letterhead)
    base: str = ""
    recipients: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def everyone(self) -> tuple[str, ...]:
        """All addresses, each once."""
        return tuple(dict.fromkeys(one for role in ROLES for one in self.recipients.get(role, ())))


def recipients_of(said: str) -> dict[str, tuple[str, ...]]:
    """Read "vai trò: địa chỉ địa chỉ; vai trò: …"; raises `ValueError` for a role that there is not."""
    found: dict[str, tuple[str, ...]] = {}
    for part in filter(None, (one.strip() for one in said.split(";"))):
        role, colon, addresses = part.partition(":")
        if not colon or role.strip() not in ROLES:
            raise ValueError(f"viết VAI_TRÒ: địa chỉ, với vai trò là một trong {', '.join(ROLES)}")
        found[role.strip()] = tuple(addresses.replace(",", " ").split())
    return found
