"""Loads a model by its folder."""

from __future__ import annotations

from pathlib import Path

import models
from classifier.model import Model
from classifier.tfidf import TfidfModel


def load(folder: Path | str | None = None) -> Model:
    """Return the model in `folder`, or the shipped one. Raises `models.DataError`."""
    return TfidfModel.load(Path(folder) if folder else models.path("tfidf"))
