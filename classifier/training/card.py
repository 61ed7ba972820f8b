"""Writes the model card: what the model is for, what it was made of, what was measured, where it fails."""

from __future__ import annotations

from typing import Any

import models
from classifier.training.recipe import Recipe


def render(recipe: Recipe, figures: dict[str, Any]) -> str:
    """Return the card as Markdown, from the recipe and the figures that `publish` measured."""
    posts = figures["posts"]
    harms = "\n".join(
        f"| {models.labels().name(harm, 'en')} | {row['positives']} | {_shown(row)} |"
        for harm, row in posts["harm_roc_auc"].items()
    )
    written = "\n".join(
        f"| {name} | {row['rows']} ({row['harmful']} harmful) | {_shown(row['roc_auc'])} |"
        f" {_shown(row['average_precision'])} | {_shown(row['recall_at_1pct_protected_flags'])} |"
        for name, row in figures["written"].items()
    )
    trained = "\n".join(f"| `{name}` | `{digest}` |" for name, digest in figures["trained_on"].items())
    return f"""# Model card: {recipe.name}

{_what(recipe, figures)}

## For what, and for what not

It orders the queue of trained reviewers. It decides nothing: every outcome is a person's. It must not be
used to judge people, to block posts, or to refer anything without the review that the product requires.

## Made of

The labels of the real posts are one careful pass of a large language model under the annotation guidelines;
on 739 other posts two passes agreed with Cohen's kappa 0.955 (harmful), 0.889 (act), 0.920 (about), but
passes of one model can share its errors and **no person has adjudicated them**. On the 2,880 posts of a
later round, two passes over 576 posts agreed with kappa 0.979 (harmful) and 0.862 (act). Harmful posts are
enriched in the first 2,336 posts. The written posts (functional and contrast sets) come from a language
model and were reread once.

The real posts come from ReINTEL (VLSP 2020 shared task, no licence stated), PoLsss (none stated),
UIT-ViCTSD and UIT-ViHSD (research use), a masked set of SMS frauds (none stated) and VAFC articles
(publisher's); unlabelled text also from UIT-ViCoV19QA (research use), English posts from CONSTRAINT-2021
and a rumour set (MIT). No text of them ships, nor do its words: features are hashes.

| trained on | SHA-256 |
|---|---|
{trained}

## Measured

All figures come from posts that the weights measured had not seen. 95 % intervals from resamples of whole
groups of near copies.

**Real posts**: grouped {recipe.count}-fold over `{recipe.data.posts}` ({posts["rows"]:,} posts,
{posts["harmful"]} harmful, {posts["protected"]:,} protected). What joins and calibrates the scores is fitted
without the fold that it is measured on.

| figure | value (95 % interval) |
|---|---|
| ROC-AUC, harmful | {_shown(posts["roc_auc"])} |
| average precision, harmful | {_shown(posts["average_precision"])} |
| recall when 1 % of protected posts are flagged | {_shown(posts["recall_at_1pct_protected_flags"])} |
| expected calibration error, harmful | {_shown(posts["calibration_error"])} |
| accuracy of the speech act | {_shown(posts["act_accuracy"])} |
| macro F1 of the speech act | {_shown(posts["act_macro_f1"])} |
| ROC-AUC, about COVID-19 | {_shown(posts["about_roc_auc"])} |

The threshold of the recall is chosen on the same scores, and is slightly optimistic.

{_parts(figures)}| harm | positives | ROC-AUC |
|---|--:|---|
{harms}

{_first_stage(figures)}**Written posts, never trained on**, by the shipped files:

| set | posts | ROC-AUC | average precision | recall at 1 % |
|---|---|---|---|---|
{written}

The shipped weights were then {_final(recipe)}, so these posts cannot measure them again.

## Where it fails

It reads a post by itself: a falsehood in sober words, a true event told without a source, and old news it
cannot know are hard for it. There is almost no text of the vaccine years among the real posts; vaccine
falsehood, evasion and incitement are known nearly only from written posts. Names of illnesses and agencies
raise its scores.
"""


def _what(recipe: Recipe, figures: dict[str, Any]) -> str:
    size = f"{figures['bytes'] / 1e6:.1f} MB in all."
    heads = """with 22 heads: whether a
post is about COVID-19, its speech act (11), its harms (9), whether it carries any harm"""
    if not recipe.encoder:
        return f"A logistic regression over words and parts of words, {heads}. {size}"
    layers = f"its lowest {recipe.layers} layers, " if recipe.layers else ""
    shape = f"{layers}windows of {recipe.max_length} tokens, {recipe.quantise}"
    return f"""One encoder (`{recipe.encoder}`, {shape}) {heads};
and a vector of a text's meaning, by which claims are matched. Each head is fused with a logistic regression
over words and parts of words (`tfidf/`), which is also the first stage: what it is sure to be off topic, the
encoder does not read.
{_trees(figures)}{size}"""


def _trees(figures: dict[str, Any]) -> str:
    if "each head by itself" not in figures["parts"]:
        return ""
    return """Whether a post carries harm is then said half by that head, half by boosted trees over all heads
(`trees.npz`). """


def _parts(figures: dict[str, Any]) -> str:
    if "parts" not in figures:
        return ""
    rows = "\n".join(
        f"| {name} | {_shown(row['roc_auc'])} | {_shown(row['average_precision'])} |"
        f" {_shown(row['recall_at_1pct_protected_flags'])} |"
        for name, row in {"as served": figures["posts"], **figures["parts"]}.items()
    )
    return f"| part | ROC-AUC | average precision | recall at 1 % |\n|---|---|---|---|\n{rows}\n\n"


def _first_stage(figures: dict[str, Any]) -> str:
    if "first_stage" not in figures:
        return ""
    stage = {name: _percent(share) for name, share in figures["first_stage"].items()}
    return f"""**First stage**: {stage["skipped"]} of these posts skip the encoder
({stage["skipped_of_off_topic"]} of those off topic); {stage["kept_of_covid"]} of posts about COVID-19 and
{stage["kept_of_harmful"]} of harmful ones do not. Its thresholds were chosen on the same held-out scores.

"""


def _final(recipe: Recipe) -> str:
    if not recipe.encoder:
        return "fitted on all real posts"
    if recipe.final == "mean":
        return f"made the mean of the {recipe.count} folds' weights, the linear model fitted on everything"
    return "trained on all real posts"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _shown(figure: dict[str, Any]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"
