"""Finds the fact-checked claims that a text is about, however it is spelled and whatever it says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

import structlog

from classifier.claims.base import ClaimBase, Known
from classifier.claims.evidence import Evidence, Finder, read
from classifier.claims.lexical import Lexical
from classifier.claims.meaning import Meaning
from classifier.claims.weights import FEATURES, Weights, load_weights
from classifier.model import Pieces
from classifier.vectors import Encoder, Kept

log = structlog.get_logger("kiemtin.claims")

_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
# By words alone a claim is confirmed only where nearly all of a wording is said, in nearly those words.
_ALL_SAID, _IN_THOSE_WORDS = 0.9, 0.75
LIMIT = 3
# What has fewer words says nothing that could be checked.
_LEAST_WORDS = 3


class Limits(Protocol):
    """From which similarity a claim is shown, and from which it is confirmed; see policy.yaml."""

    @property
    def suggest(self) -> float: ...
    @property
    def confirm(self) -> float: ...


@dataclass(frozen=True)
class ClaimMatch:
    """A claim that a post is about, with the correction to put beside it.

    `similarity` is the probability, 0 to 1, that the piece of text from `start` to `end` is about the claim,
    whether it asserts, doubts or denies it. `firm` says whether the evidence is of a kind that may confirm:
    vectors of the encoder that the weights were chosen for, or nearly the claim's own words.
    """

    claim_id: str
    similarity: float
    claim: str
    harm: str
    verdict: str
    correction: str
    source_name: str
    source_url: str | None
    source_date: str = ""
    version: int = 0
    confirmed: bool = False
    firm: bool = False
    start: int = 0
    end: int = 0

    def under(self, limits: Limits) -> ClaimMatch | None:
        """Return the match as `limits` have it, or None where it is too unlike for them."""
        if self.similarity < limits.suggest:
            return None
        return replace(self, confirmed=self.firm and self.similarity >= limits.confirm)


class ClaimMatcher:
    """Compares texts with one base of claims, by meaning and by words; immutable.

    With an `encoder` the vectors of claims are read once and kept in `folder`. Without one, or with one that
    gives no vectors, claims are compared by words. `cohort`, the claims that ship where none is given, says
    what is usual: how rare words are, and how alike claims that have nothing to do with each other.
    """

    def __init__(
        self, base: ClaimBase, encoder: Encoder | None = None, folder: Path | None = None,
        weights: Weights | None = None, kept: Kept | None = None, cohort: ClaimBase | None = None,
    ) -> None:  # fmt: skip
        self.base = base
        self.weights = weights or load_weights()
        kept = kept or (Kept(encoder, folder) if encoder is not None else None)
        compared = (cohort or ClaimBase.shipped()).known
        lexical = Lexical.of(base.known, compared)
        self._lexical = lexical
        self._meaning = Meaning.of(base.known, kept, compared) if kept is not None and kept.width else None
        self._by_words = Finder(base, self.weights.words, lexical)
        self._by_both = Finder(base, self.weights.both, lexical, self._meaning) if self._meaning else None
        self._chosen_for_it = encoder is not None and encoder.name == self.weights.encoder
        if self._meaning is not None and not self._chosen_for_it and encoder is not None:
            log.warning("claims.weights_of_another_model", model=encoder.name, weights=self.weights.encoder)

    def match(
        self,
        texts: Sequence[str],
        pieces: Sequence[Pieces],
        days: Sequence[date],
        limits: Limits,
        limit: int = LIMIT,
    ) -> list[tuple[ClaimMatch, ...]]:
        """Return for each normalised text the claims it is about, by rank, at most `limit`.

        `pieces` are those of the model's scores, or empty. A text is compared with what was known on its day.
        What is found for a text does not depend on the others.
        """
        found = self.evidence(texts, pieces, days)
        return [
            tuple(filter(None, (match.under(limits) for match in matches)))[:limit]
            for matches in (self._matches(meant, evidence) for meant, evidence in found)
        ]

    def evidence(
        self, texts: Sequence[str], pieces: Sequence[Pieces], days: Sequence[date]
    ) -> list[tuple[bool, list[Evidence]]]:
        """Return for each text whether its meaning was compared, and the evidence for each claim."""
        parted = read(texts, pieces, self._lexical, self._meaning)
        told = [i for i, one in enumerate(parted) if one.length >= _LEAST_WORDS]
        meant = [i for i in told if parted[i].vectors is not None]
        plain = [i for i in told if parted[i].vectors is None]
        result: list[tuple[bool, list[Evidence]]] = [(False, [])] * len(texts)
        for numbers, finder in ((meant, self._by_both), (plain, self._by_words)):
            if finder is not None and numbers:
                found = finder.find([parted[i] for i in numbers], [days[i] for i in numbers])
                for i, one in zip(numbers, found, strict=True):
                    result[i] = finder.meaning is not None, one
        return result

    def _matches(self, meant: bool, found: Sequence[Evidence]) -> list[ClaimMatch]:
        ranking = self.weights.both if meant else self.weights.words
        trusted = meant and self._chosen_for_it
        return [
            _match(
                self.base.known[one.claim],
                one,
                ranking.probability(one.features),
                trusted,
            )
            for one in found
        ]


def is_firm(features: Sequence[float]) -> bool:
    """Say whether FEATURES show words enough to confirm a claim by words alone."""
    by_name = dict(zip(FEATURES, features, strict=True))
    return by_name["covered"] >= _ALL_SAID and by_name["words_best"] >= _IN_THOSE_WORDS


def _match(known: Known, found: Evidence, probability: float, trusted: bool) -> ClaimMatch:
    facts = known.facts
    return ClaimMatch(
        claim_id=facts.id,
        similarity=round(probability, 4),
        claim=facts.wording,
        harm=facts.harm,
        verdict=facts.verdict,
        correction=facts.correction,
        source_name=facts.source_name,
        source_url=facts.source_url,
        source_date=facts.source_date,
        version=known.version,
        firm=trusted or is_firm(found.features),
        start=found.start,
        end=found.end,
    )


def day_of(published: datetime | None, now: datetime | None = None) -> date:
    """Return the day, in Vietnam, whose knowledge a post is compared with: of its publication, or today."""
    return (published or now or datetime.now(UTC)).astimezone(_VIETNAM).date()


@lru_cache(maxsize=4)
def _shipped(key: _Same) -> ClaimMatcher:
    return ClaimMatcher(ClaimBase.shipped(), key.encoder)


@dataclass(frozen=True, eq=False)
class _Same:
    """A model as a key: the same object, not one of equal name."""

    encoder: Encoder | None

    def __hash__(self) -> int:
        return id(self.encoder)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.encoder is other.encoder


def shipped(encoder: Encoder | None = None) -> ClaimMatcher:
    """Return the matcher of the shipped claims for a model, made once."""
    return _shipped(_Same(encoder))
