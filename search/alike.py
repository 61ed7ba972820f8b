"""What it is to be like a text, the same for both engines, and how two rankings become one."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from search.terms import words
from store.text import fold

# A post is like a text when it has this share of its first words, or a vector with this cosine to its.
SHARED = 0.3
NEAR = 0.3
# How many posts each of the two rankings holds before they are fused.
CANDIDATES = 200
_MOST_WORDS = 64
_K = 60


def first_words(text: str) -> list[str]:
    """Return the folded words that stand for a text: its first 64 different ones."""
    return list(dict.fromkeys(fold(word) for word in words(text)))[:_MOST_WORDS]


def least_shared(number: int) -> int:
    """Return how many of `number` words a post must have to be like the text."""
    return max(1, math.ceil(number * SHARED))


def fuse(rankings: Sequence[Sequence[int]], k: int = _K) -> list[tuple[int, float]]:
    """Return (id, score) of all ids in `rankings`, best first; equals stand by id, the highest first.

    By place, since scores of different kinds cannot be added. Reciprocal rank fusion: a place r (from 1)
    is worth 1 / (k + r), with k = 60 as Cormack, Clarke and Büttcher (SIGIR 2009) chose it.
    """
    scores: dict[int, float] = defaultdict(float)
    for ranking in rankings:
        for place, found in enumerate(ranking, 1):
            scores[found] += 1 / (k + place)
    return sorted(scores.items(), key=lambda pair: (-pair[1], -pair[0]))
