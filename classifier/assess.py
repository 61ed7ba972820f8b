"""Assesses posts: one thing flows through, each station adds to it, nothing is read but the arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Protocol

import models
from classifier import places, signals
from classifier.claims import ClaimMatch, ClaimMatcher, day_of
from classifier.claims.match import shipped
from classifier.judgement import Free, Judgement, Protected
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

    `about`, `harmful` and the values of `acts` and `harms` are probabilities; `judged` is what the policy
    says of them, and alone holds grounds for a referral; `spans` are characters of the text. `places` are
    those that the text names: code, name, and today's province.
    """

    id: Any
    about: float
    act: str
    acts: dict[str, float]
    harms: dict[str, float]
    harmful: float
    judged: Judgement
    claims: tuple[ClaimMatch, ...]
    spans: tuple[Span, ...]
    model: str
    policy: str
    places: tuple[tuple[str, str, str], ...] = ()

    @property
    def flagged(self) -> bool:
        return self.judged.flagged

    @property
    def protected(self) -> bool:
        return self.judged.protected

    @property
    def uncertain(self) -> bool:
        return self.judged.uncertain

    @property
    def found(self) -> tuple[str, ...]:
        return self.judged.found

    @property
    def priority(self) -> float:
        return self.judged.priority

    @property
    def severity(self) -> float:
        return self.judged.severity

    @property
    def why(self) -> Rule:
        return self.judged.why

    def to_dict(self) -> dict[str, Any]:
        """Return the assessment as plain JSON, what was judged beside what was scored."""
        plain = {name: value for name, value in vars(self).items() if name != "judged"}
        plain |= {name: getattr(self, name) for name in _JUDGED if name != "referable"}
        plain["referable"] = self.judged.referable if isinstance(self.judged, Free) else ()
        plain["why"] = self.why.to_dict()
        plain["claims"] = [asdict(claim) for claim in self.claims]
        plain["spans"] = [asdict(span) for span in self.spans]
        return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Assessment:
        """Return the assessment that `to_dict` gave; raises `ValueError` for one that cannot be."""
        scored = {name: value for name, value in plain.items() if name not in _JUDGED}
        claims = tuple(ClaimMatch(**claim) for claim in plain["claims"])
        spans = tuple(Span(**span) for span in plain["spans"])
        named = tuple((code, name, province) for code, name, province in plain.get("places", ()))
        return cls(
            **{**scored, "judged": _judgement(plain), "claims": claims, "spans": spans, "places": named}
        )


_JUDGED = ("found", "flagged", "protected", "uncertain", "referable", "priority", "severity", "why")


def _judgement(plain: dict[str, Any]) -> Judgement:
    common: dict[str, Any] = {
        "uncertain": plain["uncertain"], "found": tuple(plain["found"]), "priority": plain["priority"],
        "severity": plain.get("severity", 0.0), "why": Rule.from_dict(plain["why"]),
    }  # fmt: skip
    if not plain["protected"]:
        return Free(flagged=plain["flagged"], referable=tuple(plain["referable"]), **common)
    if plain["flagged"] or plain["referable"]:
        raise ValueError("protected speech is never flagged and has no grounds for a referral")
    return Protected(**common)


def assess(
    posts: Sequence[Assessable],
    model: Model,
    policy: Policy,
    claims: ClaimMatcher | None = None,
    now: datetime | None = None,
) -> list[Assessment]:
    """Score posts in one batch, in order; pure: a post's assessment does not depend on the others.

    A post with `published_at` is compared with the claims that held on that day, any other with those that
    hold `now`. Without `claims` they are those that ship.
    """
    texts = [normalise(post.text) for post in posts]
    scheme = models.labels()
    scores = model.score(texts)
    days = [day_of(getattr(post, "published_at", None), now) for post in posts]
    matches = (claims or shipped(model)).match(texts, scores.pieces, days, policy.thresholds.claim)
    result = []
    for i, (post, text) in enumerate(zip(posts, texts, strict=True)):
        acts = _named(scheme.acts, scores.acts[i])
        harms = _named(scheme.harms, scores.harms[i])
        harmful = round(float(scores.harmful[i]), 6)
        judged = policy.judge(
            harmful=harmful,
            acts=acts,
            harms=harms,
            claim=_best(matches[i]),
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
                judged=judged,
                claims=matches[i],
                spans=model.spans(text) if judged.flagged or judged.uncertain else (),
                model=model.name,
                policy=policy.version,
                places=places.named(text),
            )
        )
    return result


def judge_again(kept: Assessment, text: str, model: Model, policy: Policy) -> Assessment:
    """Judge by another policy what a model scored before; the scores are those that were kept.

    `text` is the one that was scored, `model` the one that scored it: it is asked only for the spans of what
    now comes before a person. Claims that were too unlike for the policy before are not looked for.
    """
    text = normalise(text)
    claims = tuple(filter(None, (claim.under(policy.thresholds.claim) for claim in kept.claims)))
    judged = policy.judge(
        harmful=kept.harmful,
        acts=kept.acts,
        harms=kept.harms,
        claim=_best(claims),
        signals=signals.evaluate(text),
    )
    shown = judged.flagged or judged.uncertain
    spans = (kept.spans or model.spans(text)) if shown else ()
    return replace(
        kept, judged=judged, claims=claims, spans=spans, policy=policy.version, places=places.named(text)
    )


def _best(claims: Sequence[ClaimMatch]) -> float | None:
    return claims[0].similarity if claims else None


def _named(names: Sequence[str], row: Sequence[float]) -> dict[str, float]:
    return {name: round(float(value), 6) for name, value in zip(names, row, strict=True)}
