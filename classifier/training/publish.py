"""Writes a trained model with what was measured: folder, held-out scores, figures and card."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.encoder.folder import TREES, About, FirstStage, seal
from classifier.encoder.model import ReaderModel
from classifier.encoder.runtime import Serving
from classifier.evaluate import summary
from classifier.evaluate.seen import split
from classifier.tfidf import TfidfModel, heads, to_scores
from classifier.training import boost, card, fuse
from classifier.training.data import Texts
from classifier.training.material import Step, bits
from classifier.training.recipe import Recipe
from classifier.training.run import Run

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]

# The first stage may keep one COVID post in 200, and one harmful post in 50, from the encoder: of those the
# linear model's word stands. Held out, ranking is no worse for it than with one harmful post in 200.
RECALL, RECALL_OF_HARM = 0.995, 0.98


def publish(run: Run, target: Path) -> dict[str, Any]:
    """Carry `run` to its end and write the model to `target`; return the figures.

    Figures of `posts` are out of fold, fusion and calibration included; figures of held-out sets come from
    the files as written, run as they will be served.
    """
    run.warm()
    encoder, linear = run.folds()
    posts = run.material.posts
    targets = bits(posts)
    read = fuse.crossed(encoder, linear, targets, posts.groups)
    fusion = fuse.fit(encoder, linear, targets, posts.groups)

    run.final()
    run.export(target)
    counted = replace(run.counted(), calibration=fuse.platt(linear, targets))
    counted.save(target / "tfidf")
    stage = first_stage(counted, linear, targets)
    said = to_scores(linear, counted.calibration)
    skipped = (said.about < stage.about) & (said.harmful < stage.harmful)
    heads_alone = np.where(skipped[:, None], fuse.crossed_alone(linear, targets, posts.groups), read)
    served = joined(run.recipe, target, heads_alone, targets, posts.groups)
    plain = fusion.to_json()
    about = About(
        name=run.recipe.name,
        heads=heads(),
        max_length=run.recipe.max_length,
        stride=run.recipe.stride,
        windows=run.recipe.windows,
        segment=run.recipe.segment,
        acts="softmax",
        first_stage=stage,
        fusion=plain["fusion"],
        calibration=plain["calibration"],
    )
    np.savez_compressed(
        target / "oof.npz",
        scores=served.astype(np.float32),
        before=heads_alone[:, -1].astype(np.float32),
        targets=targets,
        protected=posts.protected,
        groups=np.array(posts.groups),
    )
    seal(target, about)
    parts = {
        "each head by itself": heads_alone,
        "without a first stage": read,
        "encoder": _alone(encoder, targets, posts),
        "linear": _alone(linear, targets, posts),
    }
    figures = _figures(run, target, served, parts, skipped)
    (target / "metrics.json").write_text(
        json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    (target / "CARD.md").write_text(card.render(run.recipe, figures), encoding="utf-8")
    return figures


def joined(recipe: Recipe, target: Path, alone: Floats, targets: Bits, groups: list[str]) -> Floats:
    """Write the trees that join the heads (`trees.npz`); return held-out probabilities (n, 22) as served.

    `alone` (n, 22) are those of each head by itself. With few harmful posts there are no trees.
    """
    harmful = targets[:, -1]
    if min(harmful.sum(), len(harmful) - harmful.sum()) < boost.LEAST:
        return alone
    boost.fit(alone, harmful, groups, recipe.seed).save(target / TREES)
    served = alone.copy()
    served[:, -1] = boost.crossed(alone, harmful, groups, recipe.seed)
    return served


def first_stage(model: TfidfModel, logits: Floats, targets: Bits) -> FirstStage:
    """Return the thresholds below which the encoder is skipped, from held-out logits (n, 22): `RECALL` of
    COVID posts pass the first, `RECALL_OF_HARM` of harmful posts pass one or the other."""
    said = to_scores(logits, model.calibration)
    about = float(np.quantile(said.about[targets[:, 0]], 1 - RECALL))
    missed = targets[:, -1] & (said.about < about)
    allowed = int((1 - RECALL_OF_HARM) * targets[:, -1].sum())
    low = np.sort(said.harmful[missed])
    harmful = float(low[min(allowed, len(low) - 1)]) if len(low) else 1.0
    # Rounded down: what is on the line must pass.
    return FirstStage(about=_down(about), harmful=_down(harmful))


def _down(share: float) -> float:
    return float(np.floor(share * 1e6) / 1e6)


def _figures(
    run: Run, target: Path, served: Floats, parts: dict[str, Floats], skipped: Bits
) -> dict[str, Any]:
    posts, targets = run.material.posts, bits(run.material.posts)
    model = ReaderModel.load(target, Serving(threads=run.recipe.threads))
    written: dict[str, Any] = {}
    for name, texts in run.material.held_out.items():
        run.tell(Step(name, 0.0))
        written[name] = summary.of_written(
            bits(texts), texts.protected, model.score(texts.texts), texts.groups
        )
    return {
        "name": run.recipe.name,
        "posts": summary.of_posts(targets, posts.protected, posts.groups, split(served)),
        "parts": {
            name: summary.of_posts(targets, posts.protected, posts.groups, split(scores), resamples=200)
            for name, scores in parts.items()
        },
        "first_stage": {
            "skipped": round(float(skipped.mean()), 4),
            "skipped_of_off_topic": round(float(skipped[~targets[:, 0]].mean()), 4),
            "kept_of_covid": round(float(1 - skipped[targets[:, 0]].mean()), 4),
            "kept_of_harmful": round(float(1 - skipped[targets[:, -1]].mean()), 4),
        },
        "written": written,
        "bytes": sum(file.stat().st_size for file in target.rglob("*") if file.is_file()),
        "trained_on": run.material.trained_on,
        "held_out": run.material.kept_out,
    }


def _alone(logits: Floats, targets: Bits, posts: Texts) -> Floats:
    """Return calibrated probabilities of one part by itself: the other's logits are nothing."""
    return fuse.crossed(logits, np.zeros_like(logits), targets, posts.groups)
