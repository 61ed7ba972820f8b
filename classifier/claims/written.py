"""The written sets as claims and questions: what weights are chosen on; no shipped claim is among them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import models
from classifier.claims.base import ClaimBase, Known
from store.claim_facts import Facts
from store.text import fold, normalise

# Functions of the written sets. The wordings of a claim: plain, without dấu, teencode, hedged. Posts about
# it: chain message, debunk, question, press denial, rebuttal, personal story. Posts that are not: a lawful
# look-alike, another subject. Correct advice stands for the correction.
_WORDINGS = ("F1", "F2", "F3", "F5")
_ABOUT = ("F4", "F6", "F7", "F8", "F15", "F16")
_NOT_ABOUT = ("F13", "F14")
_ADVICE, _OTHER = "F12", "F14"
SLOTS = len(_WORDINGS)


@dataclass(frozen=True)
class Question:
    """A text, the number of the claim it is about or -1, and which wording of that claim it is or -1.

    `topic` is the number of the claim it was written beside.
    """

    text: str
    claim: int
    wording: int
    topic: int


@dataclass(frozen=True)
class Written:
    """The claims of the written sets, and what is asked of them."""

    claims: tuple[Facts, ...]
    questions: tuple[Question, ...]

    @classmethod
    def read(cls, files: Iterable[Path]) -> Written:
        """Read sets of rows `{topic, function, text, harm}`; raises `models.DataError`."""
        topics: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
        for file in files:
            for row in rows(file, "topic", "function", "text"):
                topics.setdefault((file.stem, row["topic"]), {})[row["function"]] = row
        claims: list[Facts] = []
        asked: list[Question] = []
        for said in topics.values():
            if not {*_WORDINGS, _ADVICE} <= {*said}:
                continue
            number = len(claims)
            texts = {name: normalise(row["text"]) for name, row in said.items()}
            wordings = tuple(texts[name] for name in _WORDINGS)
            made = Facts(
                f"written-{number}", wordings[0], "situation", "false", texts[_ADVICE], "–", wordings[1:]
            )
            claims.append(made)
            for place, text in enumerate(wordings):
                asked += [Question(one, number, place, number) for one in dict.fromkeys((text, fold(text)))]
            asked += [Question(texts[name], number, -1, number) for name in _ABOUT if name in texts]
            asked += [Question(texts[name], -1, -1, number) for name in _NOT_ABOUT if name in texts]
            if _OTHER in texts:
                # Rumours are copied: a known wording among words about something else.
                copied = (f"{texts[_OTHER]}\n{wordings[0]}", f"{fold(wordings[0])}\n{texts[_OTHER]}")
                asked += [Question(text, number, -1, number) for text in copied]
        return cls(tuple(claims), tuple(asked))

    def base(self, without: int = -1) -> ClaimBase:
        """Return the claims, each without one of its wordings."""
        return ClaimBase(tuple(Known(_without(one, without)) for one in self.claims))


def _without(facts: Facts, place: int) -> Facts:
    wordings = [facts.wording, *facts.paraphrases]
    if place >= 0:
        del wordings[place]
    return replace(facts, wording=wordings[0], paraphrases=tuple(wordings[1:]))


def rows(file: Path, *names: str) -> Iterator[dict[str, Any]]:
    """Read JSON lines that have all `names`; raises `models.DataError` naming file and line."""
    try:
        for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
            if not line.strip():
                continue
            row = json.loads(line)
            if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in names):
                raise models.DataError(f"{file}, dòng {number}: thiếu {', '.join(names)}")
            yield row
    except (OSError, ValueError) as error:
        raise models.DataError(f"Không đọc được {file}: {error}") from error


# Of the comments, every other one is left for measuring.
_COMMENTS = slice(0, 4000, 2)


def unrelated(folder: Path) -> list[str]:
    """Return real posts and comments that are, nearly all, about other things; raises `models.DataError`."""
    posts = [row["text"] for row in rows(folder / "posts_unlabelled.jsonl", "text")]
    comments = [row["text"] for row in rows(folder / "news_comments.jsonl", "text")]
    return list(dict.fromkeys(filter(None, map(normalise, [*posts, *comments[_COMMENTS]]))))
