"""What a training run is given: labelled, written and unlabelled texts, by its recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import models
from classifier.tfidf import heads
from classifier.training import data
from classifier.training.data import Bits, Texts, joined
from classifier.training.recipe import Recipe
from store.text import fold


@dataclass(frozen=True)
class Step:
    """Where a run is: what it does now, and how far, 0 to 1."""

    name: str
    done: float


Progress = Callable[[Step], None]


@dataclass(frozen=True)
class Material:
    """All texts of a run; each file, of those trained on and those kept out, with its SHA-256."""

    posts: Texts
    written: Texts
    decided: Texts
    held_out: dict[str, Texts]
    questions: list[tuple[Texts, int]]
    english: list[tuple[Texts, int]]
    plain: list[tuple[Texts, int]]
    trained_on: dict[str, str]
    kept_out: dict[str, str]

    @property
    def always(self) -> Texts:
        """What is trained on in every fold, and never measured."""
        return joined(self.written, self.decided)


def material(recipe: Recipe, folder: Path) -> Material:
    """Read the files that the recipe names; raises `models.DataError` for one that is missing or broken."""
    said = recipe.data
    pools = {**said.questions, **said.english, **said.plain}
    files = {
        name: _file(name, folder)
        for name in (said.posts, *said.written, *said.decided, *said.held_out, *pools)
    }
    posts = data.labelled(files[said.posts], written=False)
    apart = frozenset(fold(text) for text in posts.texts)
    # A pool is read once and drawn from in every epoch: twice what one epoch takes is variety enough.
    return Material(
        posts,
        joined(*(data.labelled(files[name], written=True) for name in said.written)),
        data.without(joined(*(data.labelled(files[name], written=False) for name in said.decided)), apart),
        {name: data.labelled(files[name], written=True) for name in said.held_out},
        [(data.questions(files[n], 2 * k, recipe.seed), k) for n, k in said.questions.items()],
        [(data.english(files[n], 2 * k, recipe.seed), k) for n, k in said.english.items()],
        [(data.plain(files[n], 2 * k, recipe.seed, apart), k) for n, k in said.plain.items()],
        {name: data.digest(file) for name, file in files.items() if name not in said.held_out},
        {name: data.digest(files[name]) for name in said.held_out},
    )


def bits(texts: Texts) -> Bits:
    """Return the targets of the heads that serve, (n, 22); unknown counts as no."""
    return np.asarray(np.nan_to_num(texts.targets[:, : len(heads())]).astype(bool))


def _file(name: str, folder: Path) -> Path:
    return models.path(name) if name.startswith("written/") else folder / name
