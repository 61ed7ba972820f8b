"""Matching posts with fact-checked claims: what is found, what is found falsely, and how long it takes.

Found: each paraphrase of the claims that ship is asked for while it is left out of the index (of every
twelfth claim at a time, so that the others stay whole); `recall@1` is how often its claim ranks first. False:
real posts that are not about COVID-19, and comments under news, none of which weights or thresholds were
chosen on, should be confirmed to be about no claim. Intervals: bootstrap, 95 %, over claims and over posts.

Ours is the model of `KIEMTIN_MODEL`, or the one that ships, with the words; `KIEMTIN_BENCH_ENCODER=frozen`
puts the encoder that nobody trained in its place. References in the same run: words alone, and that frozen
encoder alone, by the best cosine to any wording. `KIEMTIN_BENCH_SHOW=1` prints what was confirmed, to be
read.

Latency is of one post against 171, 10,000 and 100,000 claims: sentences of real posts as wordings, and made
up vectors of 384 numbers in clusters, for exact search costs the same whatever they mean.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.corpus import sentences, shared_files
from bench.frozen import Frozen
from bench.measure import Measure
from bench.questions import latencies
from classifier.claims.base import ClaimBase, Known
from classifier.claims.evidence import Finder, read
from classifier.claims.lexical import Lexical
from classifier.claims.match import ClaimMatcher
from classifier.claims.meaning import Meaning, Scale
from classifier.claims.weights import load_weights
from classifier.load import load
from classifier.model import Model, Pieces
from classifier.policy import load_policy
from classifier.vectors import Kept
from store.claim_facts import Facts
from store.shares import wilson
from store.text import fold, normalise

_FOLDS = 12
_POSTS, _COMMENTS = 3000, 1500
_DAY = date(2022, 1, 1)
_RESAMPLES = 2000


@dataclass(frozen=True)
class _Reader:
    """What reads texts: its vectors of claims, kept, and its pieces of posts."""

    model: Model | Frozen

    @cached_property
    def kept(self) -> Kept:
        return Kept(self.model)

    def pieces(self, texts: Sequence[str]) -> Sequence[Pieces]:
        if isinstance(self.model, Frozen):
            return self.model.pieces(texts)
        return [one for i in range(0, len(texts), 64) for one in self.model.score(texts[i : i + 64]).pieces]


def run() -> Iterable[Measure]:
    """Measure what is found, what is found falsely, and latency."""
    shared_files("posts_train.jsonl", "news_comments.jsonl")
    frozen = _Reader(Frozen())
    own = os.environ.get("KIEMTIN_BENCH_ENCODER") != "frozen"
    ours = _Reader(load(os.environ.get("KIEMTIN_MODEL"))) if own else frozen
    yield from _found(ours, frozen)
    yield from _false(ours)
    yield from _start(ours)
    for number in (171, 10_000, 100_000):
        yield from _latency(number)


@dataclass(frozen=True)
class _Answer:
    """To one question: whether its claim ranked first, and whether it was shown and confirmed."""

    claim: int
    stripped: bool
    first: bool
    shown: bool
    confirmed: bool


def _found(ours: _Reader, frozen: _Reader) -> Iterator[Measure]:
    both, words, alone = _answers(ours), _answers(None), _alone(frozen)
    for stripped, name, goal in (
        (False, "as written", 0.95), (True, "all without diacritics", 0.9),
    ):  # fmt: skip
        mine = [one for one in both if one.stripped == stripped]
        claims = [one.claim for one in mine]
        value, spread = _share([one.first for one in mine], claims)
        for what, others in (("words alone", words), ("the frozen encoder alone", alone)):
            theirs = [one.first for one in others if one.stripped == stripped]
            yield Measure(
                "claims", f"recall@1, {name}, against {what}", value, _share(theirs, claims)[0],
                f"≥ {goal} ({spread})", value >= goal, "share",
            )  # fmt: skip
        for what, held in (
            ("shown", [one.shown for one in mine]), ("confirmed", [one.confirmed for one in mine]),
        ):  # fmt: skip
            share, around = _share(held, claims)
            before = [getattr(one, what) for one in words if one.stripped == stripped]
            yield Measure(
                "claims", f"its claim first and {what}, {name}, against words alone", share,
                _share(before, claims)[0], f"none ({around})", True, "share",
            )  # fmt: skip


def _answers(reader: _Reader | None) -> list[_Answer]:
    """Ask for every paraphrase where it is left out; without a reader, by words."""
    known, limits = ClaimBase.shipped().known, load_policy().thresholds.claim
    model, kept = (reader.model, reader.kept) if reader else (None, None)
    found = []
    for slot in range(max(len(one.facts.paraphrases) for one in known)):
        for fold_ in range(_FOLDS):
            out = [
                i for i, one in enumerate(known) if i % _FOLDS == fold_ and slot < len(one.facts.paraphrases)
            ]
            base = ClaimBase(tuple(_without(one, slot) if i in out else one for i, one in enumerate(known)))
            matcher = ClaimMatcher(base, model, kept=kept, cohort=base)
            for stripped in (False, True):
                texts = [normalise(known[i].facts.paraphrases[slot]) for i in out]
                texts = [fold(text) for text in texts] if stripped else texts
                pieces = reader.pieces(texts) if reader else ()
                ranked = matcher.evidence(texts, pieces, [_DAY] * len(texts))
                shown = matcher.match(texts, pieces, [_DAY] * len(texts), limits)
                for i, (_, evidence), matches in zip(out, ranked, shown, strict=True):
                    first = bool(evidence) and evidence[0].claim == i
                    match = (
                        matches[0] if first and matches and matches[0].claim_id == known[i].facts.id else None
                    )
                    found.append(
                        _Answer(i, stripped, first, match is not None, match is not None and match.confirmed)
                    )
    return found


def _without(known: Known, slot: int) -> Known:
    said = known.facts.paraphrases
    return replace(known, facts=replace(known.facts, paraphrases=said[:slot] + said[slot + 1 :]))


def _alone(reader: _Reader) -> list[_Answer]:
    """Ask in the same order by the best cosine to any other wording."""
    known = ClaimBase.shipped().known
    said = [(i, normalise(text)) for i, one in enumerate(known) for text in one.wordings]
    owner = np.array([i for i, _ in said])
    vectors = reader.kept.of([text for _, text in said])
    found = []
    for slot in range(max(len(one.facts.paraphrases) for one in known)):
        for fold_ in range(_FOLDS):
            out = [
                i for i, one in enumerate(known) if i % _FOLDS == fold_ and slot < len(one.facts.paraphrases)
            ]
            for stripped in (False, True):
                for i in out:
                    text = normalise(known[i].facts.paraphrases[slot])
                    asked = reader.kept.of([fold(text) if stripped else text])[0]
                    alike = np.where([one == text for _, one in said], -1, vectors @ asked)
                    found.append(_Answer(i, stripped, bool(owner[alike.argmax()] == i), False, False))
    return found


def _false(ours: _Reader) -> Iterator[Measure]:
    """Yield how often posts about other things are confirmed, or shown, to be about a claim."""
    limits = load_policy().thresholds.claim
    sets = {"posts not about COVID-19": _others()[:_POSTS], "comments under news": _comments()[:_COMMENTS]}
    matcher = ClaimMatcher(ClaimBase.shipped(), ours.model, kept=ours.kept)
    words = ClaimMatcher(ClaimBase.shipped())
    for name, texts in sets.items():
        days = [_DAY] * len(texts)
        mine = matcher.match(texts, ours.pieces(texts), days, limits)
        theirs = words.match(texts, (), days, limits)
        sure = [any(one.confirmed for one in found) for found in mine]
        for what, goal, held, before in (
            ("confirmed", 0.005, sure, [any(one.confirmed for one in found) for found in theirs]),
            ("shown", 0.02, [bool(found) for found in mine], [bool(found) for found in theirs]),
        ):
            share, around = _share(held, range(len(texts)))
            yield Measure(
                "claims", f"{name}: falsely {what}, against words alone", share,
                round(float(np.mean(before)), 4), f"≤ {goal} ({around})", share <= goal, "share",
            )  # fmt: skip
        if os.environ.get("KIEMTIN_BENCH_SHOW"):
            for text, found in zip(texts, mine, strict=True):
                for one in found:
                    if one.confirmed:
                        said = [one.similarity, text[one.start : one.end], one.claim]
                        print(json.dumps(said, ensure_ascii=False), file=sys.stderr)


def _start(ours: _Reader) -> Iterator[Measure]:
    """Yield how long a process takes to be ready to match, when vectors of claims were kept and when not."""
    with tempfile.TemporaryDirectory() as folder:
        taken = []
        for _ in range(2):
            began = time.perf_counter()
            ClaimMatcher(ClaimBase.shipped(), ours.model, Path(folder))
            taken.append(round(time.perf_counter() - began, 2))
    yield Measure(
        "claims",
        "a warm start of the matcher, against a cold one",
        taken[1],
        taken[0],
        "≤ 1 s",
        taken[1] <= 1,
        "s",
    )


def _others() -> list[str]:
    (file,) = shared_files("posts_train.jsonl")
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]
    texts = list(dict.fromkeys(normalise(row["text"]) for row in rows if not row["about"]))
    random.Random(7).shuffle(texts)
    return texts


def _comments() -> list[str]:
    # Every other of the first 4,000 was used to choose weights; these are not.
    (file,) = shared_files("news_comments.jsonl")
    lines = file.read_text(encoding="utf-8").split("\n")[1:4000:2]
    return list(dict.fromkeys(normalise(json.loads(line)["text"]) for line in lines))


def _share(held: Sequence[bool], groups: Sequence[int]) -> tuple[float, str]:
    """Return a share, and its 95 % interval: by resampling whole groups, Wilson's where all are alike."""
    hits = np.bincount(groups, np.asarray(held, float))
    sizes = np.bincount(groups).astype(float)
    there = sizes > 0
    hits, sizes = hits[there], sizes[there]
    draw = np.random.default_rng(7)
    times = draw.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=_RESAMPLES)
    low, high = np.quantile((times @ hits) / (times @ sizes), (0.025, 0.975))
    if low == high:
        low, high = wilson(float(hits.sum()), float(sizes.sum()))
    return round(float(hits.sum() / sizes.sum()), 4), f"95 %: {low:.4f} to {high:.4f}"


def _latency(number: int) -> Iterator[Measure]:
    """Yield milliseconds for one post of six sentences against `number` claims, by meaning and words."""
    draw = np.random.default_rng(number)
    said = sentences()
    texts = list(
        dict.fromkeys(
            f"{said[i % len(said)]} {said[(i * 7 + i // len(said)) % len(said)]}" for i in range(number)
        )
    )
    known = tuple(
        Known(Facts(f"c-{i}", text, "situation", "false", "Không đúng.", "–")) for i, text in enumerate(texts)
    )
    middle = draw.standard_normal((200, 384))
    vectors = _unit(middle[draw.integers(0, 200, len(known))] + draw.standard_normal((len(known), 384)))
    meaning = Meaning(
        Scale(np.zeros(384, np.float32), 0.13), vectors.astype(np.float16), np.arange(len(known)), vectors,
        np.zeros_like(vectors),
    )  # fmt: skip
    lexical = Lexical.of(known)
    finder = Finder(ClaimBase(known), load_weights().both, lexical, meaning)
    posts = [" ".join(said[i : i + 6]) for i in range(50, 50 + 6 * 40, 6)]
    spans = [_spans(said[i : i + 6]) for i in range(50, 50 + 6 * 40, 6)]
    pieces = [Pieces(one, vectors[draw.integers(0, len(vectors), len(one))]) for one in spans]
    turn = iter(range(10**9))

    def ask(meant: Meaning | None, one: Finder) -> None:
        i = next(turn) % len(posts)
        one.find(read([posts[i]], [pieces[i]] if meant else [], lexical, meant), [_DAY])

    by_words = Finder(ClaimBase(known), load_weights().words, lexical)
    both, words = latencies(lambda: ask(meaning, finder), lambda: ask(None, by_words))
    for name in ("p50", "p95"):
        mine, theirs = getattr(both, name), getattr(words, name)
        yield Measure(
            "claims", f"{name}, a post against {number:,} claims, against words alone", mine, theirs,
            "p95 ≤ 250", both.p95 <= 250, "ms",
        )  # fmt: skip


def _spans(parts: Sequence[str]) -> NDArray[np.int32]:
    ends = np.cumsum([len(part) + 1 for part in parts]) - 1
    starts = [0, *(ends[:-1] + 1)]
    return np.array([(0, ends[-1]), *zip(starts, ends, strict=True)], np.int32)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)
