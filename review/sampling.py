"""Chooses which texts people should label next: those the model is unsure of, or some at random, or both.

The unit is the cluster: one label covers all copies, so two copies are never asked for.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")


class By(StrEnum):
    UNCERTAINTY = "uncertainty"
    RANDOM = "random"
    MIXED = "mixed"


def draw(seed: int, key: int) -> int:
    """Return a number of 64 bits that is even over keys: the lot of `key` under `seed`."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{key}".encode(), digest_size=8).digest(), "big")


class Reservoir(Generic[T]):
    """A uniform sample without replacement of what passes by, in memory for `size` items.

    The items with the lowest lots stay (bottom-k sampling: Cohen and Kaplan, PODC 2007), so the sample does
    not depend on the order in which they came, and a key that comes again is one item, the first.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self.seed = seed
        self._heap: list[tuple[int, int]] = []
        self._items: dict[int, T] = {}

    def offer(self, key: int, item: T) -> None:
        """Let one item pass by."""
        lot = draw(self.seed, key)
        if key in self._items or (
            len(self._heap) >= self.size and (not self._heap or lot >= -self._heap[0][0])
        ):
            return
        heapq.heappush(self._heap, (-lot, key))
        self._items[key] = item
        if len(self._heap) > self.size:
            del self._items[heapq.heappop(self._heap)[1]]

    def taken(self) -> list[tuple[int, T]]:
        """Return the keys and items of the sample, lowest lot first."""
        return [(key, self._items[key]) for _, key in sorted(self._heap, reverse=True)]


@dataclass(frozen=True)
class Bounds:
    """The thresholds of the policy: of `harmful`, of all protected acts together, of single acts."""

    flag: float
    protected: float
    acts: Mapping[str, float] = field(default_factory=dict)


def margin(harmful: float, acts: Mapping[str, float], bounds: Bounds) -> float:
    """Return how far a post is, in log-odds, from where it would be judged otherwise.

    `acts` are the probabilities of the protected acts. A post is flagged when `harmful` reaches its threshold
    and no protection does. Of one that is, the nearer of the two counts; of one that is not, all that stands
    between.
    """
    missing = _log_odds(bounds.flag) - _log_odds(harmful)
    shields = [
        (sum(acts.values()), bounds.protected),
        *((acts.get(a, 0.0), t) for a, t in bounds.acts.items()),
    ]
    excess = max(_log_odds(p) - _log_odds(threshold) for p, threshold in shields)
    if missing <= 0 and excess < 0:
        return min(-missing, -excess)
    return float(np.hypot(max(missing, 0.0), max(excess, 0.0)))


def _log_odds(probability: float) -> float:
    p = min(max(probability, 1e-6), 1 - 1e-6)
    return float(np.log(p / (1 - p)))


@dataclass(frozen=True)
class Candidate:
    """A cluster that nobody decided: a post that stands for it, its source, its copies, and its margin."""

    cluster: int
    post: int
    source: int
    copies: int
    margin: float


@dataclass(frozen=True)
class Chosen:
    """A candidate with why it was chosen and the probability with which it came in.

    Weights 1/probability give unbiased totals over the pool, unless the sample is by uncertainty alone: then
    the clusters left out had no chance at all.
    """

    candidate: Candidate
    why: By
    probability: float


# Added to every margin, so that sources share even those that stand on a threshold exactly.
_LEAST_MARGIN = 0.01


class Sampler:
    """Takes candidates as they pass by and chooses `size` of them; memory for `size` of each source.

    `mixed` takes half by uncertainty and the rest at random from what is left.
    """

    def __init__(self, size: int, by: By, seed: int) -> None:
        self.pool = 0
        self._size, self._seed = size, seed
        self._uncertain = {By.UNCERTAINTY: size, By.RANDOM: 0, By.MIXED: size // 2}[by]
        # What uncertainty takes may be in the sample too: then there is one more behind it.
        self._random: Reservoir[Candidate] = Reservoir(size, seed)
        self._nearest: dict[int, list[tuple[float, int, Candidate]]] = defaultdict(list)

    def offer(self, candidate: Candidate) -> None:
        """Let one cluster pass by; each at most once."""
        self.pool += 1
        self._random.offer(candidate.cluster, candidate)
        if not self._uncertain:
            return
        heap = self._nearest[candidate.source]
        heapq.heappush(heap, (-candidate.margin, -candidate.cluster, candidate))
        if len(heap) > self._uncertain:
            heapq.heappop(heap)

    def chosen(self) -> list[Chosen]:
        """Return the sample in an order of its own, which does not tell why each was chosen."""
        unsure = self._unsure()
        named = {candidate.cluster for candidate in unsure}
        wanted = self._size - self._uncertain
        rest = [one for key, one in self._random.taken() if key not in named][:wanted]
        left = self.pool - len(unsure)
        result = [Chosen(candidate, By.UNCERTAINTY, 1.0) for candidate in unsure]
        result += [Chosen(candidate, By.RANDOM, len(rest) / left) for candidate in rest]
        # Not the lots of the sample: by those the random ones would come first.
        return sorted(result, key=lambda one: draw(~self._seed, one.candidate.cluster))

    def _unsure(self) -> list[Candidate]:
        """Return the nearest to a threshold; one of a source that gave k counts as k + 1 times as far."""
        queues = {s: sorted((-m, -c, one) for m, c, one in heap) for s, heap in self._nearest.items()}
        given: Counter[int] = Counter()
        ahead = [(queue[0][0] + _LEAST_MARGIN, queue[0][1], source) for source, queue in queues.items()]
        heapq.heapify(ahead)
        result: list[Candidate] = []
        while ahead and len(result) < self._uncertain:
            _, _, source = heapq.heappop(ahead)
            result.append(queues[source][given[source]][2])
            given[source] += 1
            if given[source] < len(queues[source]):
                far, cluster, _ = queues[source][given[source]]
                heapq.heappush(ahead, ((far + _LEAST_MARGIN) * (given[source] + 1), cluster, source))
        return result
