"""Matches texts with fact-checked claims: by meaning and by words, with the piece of text that speaks for it.

A match is a fact about the subject of a text, never about what it does with it: a post that denies, doubts or
mocks a claim is about the claim like one that spreads it. Which of these it is, the speech act says.
"""

from __future__ import annotations

from classifier.claims.match import ClaimMatch, ClaimMatcher, day_of

__all__ = ["ClaimMatch", "ClaimMatcher", "day_of"]
