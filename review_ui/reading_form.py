"""The form in which somebody says what they found in a text: of a second review, and of a complaint."""

from __future__ import annotations

from fastapi import Request
from pydantic import BaseModel

from review.reading import Reading
from review_ui.page import say
from store.vocabulary import Outcome


class Answer(BaseModel):
    """The form as it was filled in; it comes back so when something is missing."""

    outcome: Outcome | None = None
    act: str = ""
    harms: list[str] = []
    reason: str = ""
    seen: str = ""

    def reading(self) -> Reading | None:
        """Return what was found; None while outcome or speech act are not chosen."""
        if self.outcome is None or not self.act:
            return None
        return Reading(self.outcome, self.act, tuple(self.harms), self.reason)


def incomplete(request: Request) -> str:
    """Return what is said while the form lacks something."""
    return say(request, "Hãy chọn hành vi lời nói và kết luận.")
