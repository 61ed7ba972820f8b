"""Assesses posts: one thing flows through, each station adds to it, nothing is read but the arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import models
from classifier import signals
from classifier.claims import ClaimMatch, ClaimMatcher
from classifier.model import Model, Span
from classifier.policy import Policy
from classifier.rules import Rule
from store.text import normalise


class Assessable(Protocol):
    """A post as the classifier sees it: an id and a text, never an author."""

    @property
    def id(self) -> Any: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True)
class Assessment:
    """One scoring of one text by one model and policy version.

    `about`, `harmful` and the values of `acts` and `harms` are probabilities; `found` are the harms named;
    `referable` the referral rules that hold; `priority` is 0 to 100; `spans` are characters of the text.
    """

    id: Any
    about: float
    act: str
    acts: dict[str, float]
    harms: dict[str, float]
    harmful: float
    found: tuple[str, ...]
    flagged: bool
    protected: bool
    uncertain: bool
    referable: tuple[str, ...]
    priority: float
    claims: tuple[ClaimMatch, ...]
    spans: tuple[Span, ...]
    why: Rule
    model: str
    policy: str

    def to_dict(self) -> dict[str, Any]:
        """Return the assessment as plain JSON."""
        plain = {**vars(self), "why": self.why.to_dict()}
        plain["claims"] = [asdict(claim) for claim in self.claims]
        plain["spans"] = [asdict(span) for span in self.spans]
        return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Assessment:
        """Return the assessment that `to_dict` gave."""
        return cls(
            **{
                **plain,
                "found": tuple(plain["found"]),
                "referable": tuple(plain["referable"]),
                "claims": tuple(ClaimMatch(**claim) for claim in plain["claims"]),
                "spans": tuple(Span(**span) for span in plain["spans"]),
                "why": Rule.from_dict(plain["why"]),
            }
        )


def assess(
    posts: Sequence[Assessable], model: Model, policy: Policy, claims: ClaimMatcher | None = None
) -> list[Assessment]:
    """Score posts in one batch, in order; pure: a post's assessment does not depend on the others."""
    texts = [normalise(post.text) for post in posts]
    scheme = models.labels()
    scores = model.score(texts)
    matches = (claims or ClaimMatcher.shipped()).match(texts, policy.thresholds.claim)
    result = []
    for i, (post, text) in enumerate(zip(posts, texts, strict=True)):
        acts = _named(scheme.acts, scores.acts[i])
        harms = _named(scheme.harms, scores.harms[i])
        harmful = round(float(scores.harmful[i]), 6)
        judged = policy.judge(
            harmful=harmful,
            protected=sum(acts[act] for act in scheme.acts if act in scheme.protected),
            harms=harms,
            claim=matches[i][0].similarity if matches[i] else None,
            signals=signals.evaluate(text),
        )
        result.append(
            Assessment(
                id=post.id,
                about=round(float(scores.about[i]), 6),
                act=max(acts, key=lambda act: acts[act]),
                acts=acts,
                harms=harms,
                harmful=harmful,
                found=judged.found,
                flagged=judged.flagged,
                protected=judged.protected,
                uncertain=judged.uncertain,
                referable=judged.referable,
                priority=judged.priority,
                claims=matches[i],
                spans=model.spans(text) if judged.flagged or judged.uncertain else (),
                why=judged.why,
                model=model.name,
                policy=policy.version,
            )
        )
    return result


def _named(names: Sequence[str], row: Sequence[float]) -> dict[str, float]:
    return {name: round(float(value), 6) for name, value in zip(names, row, strict=True)}
