"""Who signs: what stands above and below a paper, by the form of a state agency or plain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Form = Literal["state", "plain"]


@dataclass(frozen=True)
class Letterhead:
    """The agency above and below a paper; what is empty leaves a place to be filled in by hand.

    `form` "state" is that of Decree 30/2020/NĐ-CP, annex I; "plain" is for organisations outside the state.
    `sign` is the abbreviation after the number of the paper ("BC-SKHCN"); `copies` are those it goes to.
    """

    form: Form = "state"
    parent: str = ""
    agency: str = ""
    sign: str = "BC-…"
    place: str = ""
    signer_title: str = ""
    signer_name: str = ""
    copies: tuple[str, ...] = ()

    @property
    def shown_agency(self) -> str:
        return self.agency or "TÊN CƠ QUAN"

    @property
    def shown_copies(self) -> tuple[str, ...]:
        return self.copies or ("Như trên",)
