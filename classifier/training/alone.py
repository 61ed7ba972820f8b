"""Trains the linear model by itself: what serves where an encoder is too slow, and what it must beat."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold

from classifier.evaluate import summary
from classifier.evaluate.seen import split
from classifier.training import card, fuse, linear
from classifier.training.data import joined
from classifier.training.material import Progress, Step, bits, material
from classifier.training.recipe import Recipe


def publish(recipe: Recipe, folder: Path, target: Path, tell: Progress) -> dict[str, Any]:
    """Fit, measure and write a model of kind `tfidf` to `target`; return the figures.

    Raises `models.DataError` for data that are missing or broken.
    """
    given = material(recipe, folder)
    posts, targets = given.posts, bits(given.posts)
    logits = np.zeros(targets.shape)
    for number, (train, test) in enumerate(GroupKFold(recipe.count).split(posts.texts, groups=posts.groups)):
        tell(Step("linear", number / (recipe.count + 1)))
        fitted = linear.fit(joined(posts.take(train), given.always), "fold", recipe.seed)
        logits[test] = fitted.logits([posts.texts[i] for i in test])
    tell(Step("linear", recipe.count / (recipe.count + 1)))
    final = linear.fit(joined(posts, given.always), recipe.name, recipe.seed)
    model = replace(final, calibration=fuse.platt(logits, targets))
    model.save(target)
    crossed = fuse.crossed_alone(logits, targets, posts.groups)
    np.savez_compressed(
        target / "oof.npz",
        scores=crossed.astype(np.float32),
        targets=targets,
        protected=posts.protected,
        groups=np.array(posts.groups),
    )
    figures: dict[str, Any] = {
        "name": recipe.name,
        "posts": summary.of_posts(targets, posts.protected, posts.groups, split(crossed)),
        "written": {
            name: summary.of_written(bits(one), one.protected, model.score(one.texts), one.groups)
            for name, one in given.held_out.items()
        },
        "bytes": sum(file.stat().st_size for file in target.iterdir()),
        "trained_on": given.trained_on,
        "held_out": given.kept_out,
    }
    text = json.dumps(figures, ensure_ascii=False, indent=1) + "\n"
    (target / "metrics.json").write_text(text, encoding="utf-8")
    (target / "CARD.md").write_text(card.render(recipe, figures), encoding="utf-8")
    tell(Step("linear", 1.0))
    return figures
