"""Reads labelled and unlabelled texts into arrays; what a row does not say is unknown, never zero."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import models
from classifier.tfidf import heads
from store.text import fold, normalise

Floats = NDArray[np.float32]
Bits = NDArray[np.bool_]
Rows = NDArray[np.int64]

# The one head that only training has: is an English post false? It shapes the encoder and is then dropped.
EXTRA = ("english_false",)


@dataclass(frozen=True)
class Texts:
    """n texts with what is known of them.

    `targets` (n, 23) are 0, 1 or NaN for unknown, in the order of `heads()` and `EXTRA`; `groups` join near
    copies and are never split; `protected` marks a protected act without harm; `written` what was written
    for a set; `source` says where a row came from; `topics` is what a written text is about, or "".
    """

    texts: list[str]
    targets: Floats
    groups: list[str]
    protected: Bits
    written: Bits
    source: list[str]
    topics: list[str]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Sequence[int] | Rows | Bits) -> Texts:
        """Return some of the rows, by number or by mask."""
        chosen = np.arange(len(self))[np.asarray(rows, None if len(rows) else int)]
        return Texts(
            [self.texts[i] for i in chosen],
            self.targets[chosen],
            [self.groups[i] for i in chosen],
            self.protected[chosen],
            self.written[chosen],
            [self.source[i] for i in chosen],
            [self.topics[i] for i in chosen],
        )

    def known(self, head: str) -> Bits:
        """Return the target of `head` as bits, (n,); unknown counts as no."""
        return np.nan_to_num(self.targets[:, heads().index(head)]).astype(bool)


def joined(*parts: Texts) -> Texts:
    """Return the rows of all parts, in order."""
    return Texts(
        texts=[t for part in parts for t in part.texts],
        targets=np.vstack(
            [np.empty((0, len(heads()) + len(EXTRA)), np.float32), *(p.targets for p in parts)]
        ),
        groups=[g for part in parts for g in part.groups],
        protected=np.concatenate([np.zeros(0, bool), *(part.protected for part in parts)]),
        written=np.concatenate([np.zeros(0, bool), *(part.written for part in parts)]),
        source=[s for part in parts for s in part.source],
        topics=[t for part in parts for t in part.topics],
    )


def without(texts: Texts, apart: frozenset[str]) -> Texts:
    """Return `texts` but those whose folded text is in `apart`."""
    return texts.take([i for i, text in enumerate(texts.texts) if fold(text) not in apart])


def labelled(file: Path, *, written: bool) -> Texts:
    """Read rows `{id, text, about, act, harm, group?, judged?}`.

    `judged` names what people said of an exported decision; all else that its row holds is a model's guess
    and is unknown here. Raises `models.DataError` naming file and line.
    """
    scheme = models.labels()
    texts, targets, groups, protected, topics = [], [], [], [], []
    for number, row in _rows(file):
        try:
            harms, act = set(row["harm"]), row["act"]
            if act not in scheme.acts or harms - {*scheme.harms}:
                raise ValueError(f"nhãn lạ: {act} {harms}")
            texts.append(normalise(row["text"]))
            groups.append(str(row.get("group") or row["id"]))
            about = bool(row["about"])
            topics.append(str(row.get("topic") or "") if written else "")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise models.DataError(f"{file.name}, dòng {number}: {error}") from error
        targets.append(
            [
                about,
                *(act == name for name in scheme.acts),
                *(name in harms for name in scheme.harms),
                bool(harms),
                np.nan,
            ]
        )
        targets[-1] = _judged(targets[-1], row.get("judged"))
        protected.append(act in scheme.protected and not harms)
    return Texts(
        texts,
        np.array(targets, np.float32).reshape(-1, len(heads()) + len(EXTRA)),
        groups,
        np.array(protected, bool),
        np.full(len(texts), written),
        [file.stem] * len(texts),
        topics,
    )


def _judged(target: list[float], judged: Sequence[str] | None) -> list[float]:
    if judged is None:
        return target
    scheme = models.labels()
    names = {"about": ["about"], "act": scheme.acts, "harm": scheme.harms, "harmful": ["harmful"]}
    said = {head for field in judged for head in names.get(field, ())}
    return [value if name in said else np.nan for name, value in zip((*heads(), *EXTRA), target, strict=True)]


def partly(texts: Sequence[str], source: str, known: dict[str, float] | Sequence[dict[str, float]]) -> Texts:
    """Return texts of which only the heads in `known` are known, the same of all or one dict a text."""
    names = {name: i for i, name in enumerate((*heads(), *EXTRA))}
    targets = np.full((len(texts), len(names)), np.nan, np.float32)
    each = [known] * len(texts) if isinstance(known, dict) else known
    for row, said in zip(targets, each, strict=True):
        for name, value in said.items():
            row[names[name]] = value
    none = np.zeros(len(texts), bool)
    cleaned = [normalise(text) for text in texts]
    count = len(texts)
    groups = [f"{source}-{i}" for i in range(count)]
    return Texts(cleaned, targets, groups, none, none, [source] * count, [""] * count)


HARMLESS: dict[str, float] = dict.fromkeys((*models.labels().harms, "harmful"), 0.0)


def questions(file: Path, most: int, seed: int) -> Texts:
    """Return citizens' questions and official answers (UIT-ViCoV19QA): about COVID-19, and without harm."""
    rows = _sampled([row for _, row in _rows(file)], most, seed)
    acts = dict.fromkeys(models.labels().acts, 0.0)
    asked = partly(
        [r["question"] for r in rows], "questions", {"about": 1.0, **HARMLESS, **acts, "question": 1.0}
    )
    answered = partly([r["answer"] for r in rows[: len(rows) // 2]], "answers", {"about": 1.0, **HARMLESS})
    return joined(asked, answered)


def english(file: Path, most: int, seed: int) -> Texts:
    """Return English posts with real/fake labels (CONSTRAINT-2021 and a rumour set), for transfer."""
    rows = _sampled([row for _, row in _rows(file)], most, seed)
    return partly(
        [r["text"] for r in rows],
        "english",
        [{"about": 1.0, "english_false": float(r["label"] == "fake")} for r in rows],
    )


def plain(file: Path, most: int, seed: int, apart: frozenset[str] = frozenset()) -> Texts:
    """Return texts of which nothing is known, but those whose folded text is in `apart`."""
    rows = [
        r["text"] for _, r in _rows(file) if len(r["text"]) > 30 and fold(normalise(r["text"])) not in apart
    ]
    return partly(_sampled(rows, most, seed), file.stem, {})


def digest(file: Path) -> str:
    """Return the SHA-256 of a file, in hex; raises `models.DataError`."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise models.DataError(f"Không đọc được {file}: {error}") from error


def _sampled(rows: list[Any], most: int, seed: int) -> list[Any]:
    order = np.random.default_rng(seed).permutation(len(rows))[:most]
    return [rows[i] for i in order]


def _rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        lines = file.read_text(encoding="utf-8").split("\n")  # JSON may hold other line ends
    except (OSError, UnicodeDecodeError) as error:
        raise models.DataError(f"Không đọc được {file}: {error}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except ValueError as error:
                raise models.DataError(f"{file.name}, dòng {number}: {error}") from error
