"""Writes the model card: what the model is for, what it was made of, what was measured, where it fails."""

from __future__ import annotations

from typing import Any

import models


def render(version: str, figures: dict[str, Any], features: int) -> str:
    """Return the card as Markdown."""
    posts, written = figures["posts"], figures["written"]
    harms = "\n".join(
        f"| {models.labels().name(harm, 'en')} | {row['positives']} | {_shown(row)} |"
        for harm, row in posts["harm_roc_auc"].items()
    )
    return f"""# Model card: {version}

A logistic regression over TF-IDF features ({features:,} words and parts of words, with and without
diacritics) with 22 outputs: whether a post is about COVID-19, its speech act (11), its harms (9), and
whether it carries any harm.

## For what, and for what not

It orders the queue of trained reviewers. It decides nothing: every outcome is a person's. It must not be
used to judge people, to block posts, or to refer anything without the review that the product requires.

## Made of

`posts_train` (5,216 real Vietnamese posts of 2019-2021), `functional_a` (280 written posts, twice) and the
contrast sets C to H (1,920 written posts). The labels of the real posts are one careful pass of a large
language model under the annotation guidelines; on 739 other posts two passes agreed with Cohen's kappa
0.955 (harmful), 0.889 (act), 0.920 (about), but passes of one model can share its errors and **no person
has adjudicated them**. On the 2,880 posts of a later round, two passes over 576 posts agreed with kappa
0.979 (harmful) and 0.862 (act). Harmful posts are enriched in the first 2,336 posts. The written posts come
from a language model and were reread once.

The posts come from ReINTEL (VLSP 2020 shared task, no licence stated), PoLsss (none stated), UIT-ViCTSD and
UIT-ViHSD (research use), a masked set of SMS frauds (none stated) and VAFC articles (publisher's). Their
text is not shipped; the weights hold single words and word parts that occur in at least two posts.

## Measured

All figures come from posts the fitted weights had not seen. 95 % intervals from {300} resamples of whole
groups of near copies.

**Real posts**: grouped 5-fold over `posts_train` ({posts["rows"]:,} posts, {posts["harmful"]} harmful,
{posts["protected"]:,} protected); the written sets were always in training.

| figure | value (95 % interval) |
|---|---|
| ROC-AUC, harmful | {_shown(posts["roc_auc"])} |
| average precision, harmful | {_shown(posts["average_precision"])} |
| recall when 1 % of protected posts are flagged | {_shown(posts["recall_at_1pct_protected_flags"])} |
| accuracy of the speech act | {_shown(posts["act_accuracy"])} |
| macro F1 of the speech act | {_shown(posts["act_macro_f1"])} |
| ROC-AUC, about COVID-19 | {_shown(posts["about_roc_auc"])} |

The threshold of the recall was chosen on the same out-of-fold scores, as were the two numbers that calibrate
each output: both are slightly optimistic.

| harm | positives | ROC-AUC |
|---|--:|---|
{harms}

**Written posts**: contrast set H ({written["rows"]} posts, {written["harmful"]} harmful), held out whole;
ROC-AUC {_shown(written["roc_auc"])}, average precision {_shown(written["average_precision"])}, recall at 1 %
protected flags {_shown(written["recall_at_1pct_protected_flags"])}. H holds quiet falsehoods and alarming
truths on broad themes, and is the hardest of the sets.

The shipped weights were then fitted on everything above, so none of these sets can measure them again.

## Where it fails

It counts words: irony without a marker, a falsehood in sober words, and news quoted without a source mislead
it. There is almost no text of the vaccine years among the real posts. Vaccine, evasion and incitement are
known nearly only from written posts. Names of illnesses and agencies raise its scores.
"""


def _shown(figure: dict[str, Any]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"
