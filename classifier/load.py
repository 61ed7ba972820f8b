"""Loads a model by its folder, whatever kind it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import models
from classifier.model import Model

if TYPE_CHECKING:
    from classifier.encoder.runtime import Serving


def folder_of(folder: Path | str | None = None) -> Path:
    """Return `folder`, or that of the shipped model: `reader`, or `tfidf` in a copy without it.

    Raises `models.DataError` when there is neither.
    """
    if folder:
        return Path(folder)
    linear = models.path("tfidf")
    reader = linear.with_name("reader")
    return reader if (reader / "model.json").exists() else linear


def load(folder: Path | str | None = None, serving: Serving | None = None) -> Model:
    """Return the model in `folder`, or the shipped one, run as `serving` says. Raises `models.DataError`."""
    place = folder_of(folder)
    kind = _kind(place / "model.json")
    # Each kind imports its own libraries, and only those.
    if kind == "reader":
        from classifier.encoder.model import ReaderModel

        return ReaderModel.load(place, serving)
    if kind == "tfidf":
        from classifier.tfidf import TfidfModel

        return TfidfModel.load(place)
    raise models.DataError(f"Mô hình {place}: không có loại {kind!r}; có reader và tfidf.")


def _kind(file: Path) -> object:
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise models.DataError(f"Không đọc được mô hình {file.parent}: {error}") from error
    return about.get("kind", "tfidf") if isinstance(about, dict) else None
