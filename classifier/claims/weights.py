"""The formulas by which evidence is weighed, as data: `kiemtin claims calibrate` writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from scipy.special import expit

import models

# What the rank of a claim is made of: how alike a piece is to the claim, and to its correction.
TERMS = ("meaning", "meaning_of_correction", "words", "words_of_correction")
# What is looked at closely of the best claims; see `classifier.claims.evidence`.
FEATURES = (
    "rank", "lead", "meaning", "meaning_best", "words", "words_best", "covered", "shared", "pieces",
)  # fmt: skip
FILE = "claim_matching.json"

Number = Annotated[float, Field(allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ranking(_Strict):
    """One way to weigh. `rank` orders claims, a weighted sum; below `floor` none is looked at closely.

    `verify` with `intercept` gives the log odds that the piece is about the claim.
    """

    rank: dict[str, Number]
    floor: Number
    verify: dict[str, Number]
    intercept: Number

    @model_validator(mode="after")
    def _known(self) -> Ranking:
        if unknown := ({*self.rank} - {*TERMS}) | ({*self.verify} - {*FEATURES}):
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        return self

    def terms(self) -> tuple[float, ...]:
        """Return the weights of TERMS, 0 for those that do not count."""
        return tuple(self.rank.get(name, 0.0) for name in TERMS)

    def probability(self, features: ArrayLike) -> float:
        """Return the probability that goes with FEATURES of one claim in one text."""
        weights = np.array([self.verify.get(name, 0.0) for name in FEATURES])
        return float(expit(self.intercept + weights @ np.asarray(features, np.float64)))


class Weights(_Strict):
    """How to weigh with an encoder, chosen for the one named, and by words alone."""

    encoder: str
    both: Ranking
    words: Ranking

    def write(self, file: Path, **told: Mapping[str, object]) -> None:
        """Write the weights to `file`, with what is `told` of how they were chosen."""
        plain = {"told": told, **self.model_dump()}
        file.write_text(json.dumps(plain, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def load_weights(file: Path | None = None) -> Weights:
    """Read weights, those that ship if no file is given; raises `models.DataError`."""
    try:
        text = file.read_text(encoding="utf-8") if file else models.read_text(FILE)
        plain = json.loads(text)
        if isinstance(plain, dict):
            plain.pop("told", None)
        return Weights.model_validate(plain)
    except (OSError, ValueError, ValidationError) as error:
        raise models.DataError(f"Không đọc được trọng số so khớp tuyên bố {file or FILE}: {error}") from error
