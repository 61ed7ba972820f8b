"""Reads labelled rows; a row that cannot be read is refused with its line, and the others are measured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import models
from classifier.evaluate.labels import note_of
from classifier.score_file import MAX_TEXT
from store.text import normalise

Bits = NDArray[np.bool_]


@dataclass(frozen=True)
class Rows:
    """n labelled texts, normalised.

    `targets` (n, 22) are in the order of `classifier.tfidf.heads()`; `protected` (n,) marks a protected act
    without harm. `groups` are resampled whole: near copies, or the posts written on one topic. `sources`,
    `functions` and `topics` are empty where a row says nothing. `note` says where the labels come from.
    """

    name: str
    texts: list[str] = field(repr=False)
    targets: Bits = field(repr=False)
    protected: Bits = field(repr=False)
    groups: list[str] = field(repr=False)
    sources: list[str] = field(repr=False)
    functions: list[str] = field(repr=False)
    topics: list[str] = field(repr=False)
    note: str = ""
    files: tuple[tuple[str, str], ...] = ()
    """The name and SHA-256 of each file."""

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def about(self) -> Bits:
        return self.targets[:, 0]

    @property
    def acts(self) -> NDArray[np.int64]:
        """The number of each row's act, in the order of the label scheme."""
        return np.asarray(self.targets[:, 1 : 1 + len(models.labels().acts)].argmax(axis=1), np.int64)

    @property
    def harms(self) -> Bits:
        return self.targets[:, 1 + len(models.labels().acts) : -1]

    @property
    def harmful(self) -> Bits:
        return self.targets[:, -1]


@dataclass(frozen=True)
class Refused:
    """A row that could not be read."""

    file: str
    line: int
    reason: str


def read(file: Path, note: str = "") -> tuple[Rows, list[Refused]]:
    """Read rows `{id, text, about, act, harm, group?, source?, function?, topic?}`, one a line.

    `note` replaces what is known of where the labels come from. Raises `models.DataError` when the file
    cannot be read or holds no good row.
    """
    good: list[dict[str, Any]] = []
    bad: list[Refused] = []
    seen: set[str] = set()
    digest = hashlib.sha256()
    try:
        with file.open("rb") as opened:
            for number, line in _lines(opened, digest):
                row = _row(line, seen)
                if isinstance(row, str):
                    bad.append(Refused(file.name, number, row))
                else:
                    good.append(row)
    except OSError as error:
        raise models.DataError(f"Không đọc được {file}: {error}") from error
    if not good:
        first = f" Dòng {bad[0].line}: {bad[0].reason}." if bad else ""
        raise models.DataError(f"{file} không có dòng nào dùng được.{first}")
    return _rows(file, good, note or note_of(file), digest.hexdigest()), bad


def joined(parts: Sequence[Rows]) -> Rows:
    """Return all rows as one data set."""
    first = parts[0]
    if len(parts) == 1:
        return first
    notes = dict.fromkeys(part.note for part in parts)
    return replace(
        first,
        name=" + ".join(part.name for part in parts),
        note=" ".join(notes),
        files=tuple(file for part in parts for file in part.files),
        targets=np.vstack([part.targets for part in parts]),
        protected=np.concatenate([part.protected for part in parts]),
        texts=[text for part in parts for text in part.texts],
        groups=[group for part in parts for group in part.groups],
        sources=[source for part in parts for source in part.sources],
        functions=[function for part in parts for function in part.functions],
        topics=[topic for part in parts for topic in part.topics],
    )


def _lines(opened: Any, digest: Any) -> Iterator[tuple[int, bytes | None]]:
    """Yield numbered lines that hold something; None for one longer than any allowed text can make it."""
    longest = 12 * MAX_TEXT
    number = 0
    while line := opened.readline(longest):
        number += 1
        digest.update(line)
        if line.endswith(b"\n") or len(line) < longest:
            if line.strip():
                yield number, line
            continue
        while line and not line.endswith(b"\n"):
            line = opened.readline(1 << 20)
            digest.update(line)
        yield number, None


def _row(line: bytes | None, seen: set[str]) -> dict[str, Any] | str:
    """Return a row that holds to the form, or what is wrong with it."""
    if line is None:
        return f"dòng quá dài, quá {MAX_TEXT} ký tự"
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"không phải JSON: {error}"
    if not isinstance(row, dict):
        return "không phải một đối tượng JSON"
    wrong = next(_faults(row, seen), None)
    if wrong is None:
        seen.add(str(row["id"]))
    return wrong or row


def _faults(row: dict[str, Any], seen: set[str]) -> Iterator[str]:
    scheme = models.labels()
    name, text, act, harms = (row.get(key) for key in ("id", "text", "act", "harm"))
    if not isinstance(name, (str, int)) or isinstance(name, bool):
        yield "thiếu id (chữ hoặc số nguyên)"
    elif str(name) in seen:
        yield f"id {name} đã có ở dòng trước"
    if not isinstance(text, str):
        yield "thiếu text (chữ)"
    elif len(text) > MAX_TEXT:
        yield f"text dài {len(text)} ký tự, quá {MAX_TEXT}"
    else:
        row["text"] = normalise(text)
        if not row["text"]:
            yield "text trống"
    if not isinstance(row.get("about"), int) or row["about"] not in {0, 1}:
        yield "about phải là 0 hoặc 1"
    if act not in scheme.acts:
        yield f"act lạ: {act!r}; phải là một trong {', '.join(scheme.acts)}"
    if not isinstance(harms, list) or not all(isinstance(harm, str) for harm in harms):
        yield "harm phải là một danh sách chữ, có thể trống"
    elif unknown := sorted({*harms} - {*scheme.harms}):
        yield f"harm lạ: {', '.join(unknown)}; phải là {', '.join(scheme.harms)}"
    for key in ("group", "source", "function", "topic"):
        if not isinstance(row.get(key, ""), (str, int)):
            yield f"{key} phải là chữ"


def _rows(file: Path, rows: Sequence[dict[str, Any]], note: str, digest: str) -> Rows:
    scheme = models.labels()
    targets = np.zeros((len(rows), 2 + len(scheme.acts) + len(scheme.harms)), bool)
    for target, row in zip(targets, rows, strict=True):
        target[0] = bool(row["about"])
        target[1 + scheme.acts.index(row["act"])] = True
        for harm in row["harm"]:
            target[1 + len(scheme.acts) + scheme.harms.index(harm)] = True
        target[-1] = bool(row["harm"])

    def told(name: str) -> list[str]:
        return [str(row.get(name, "")) for row in rows]

    return Rows(
        name=file.stem,
        note=note,
        files=((file.name, digest),),
        texts=[row["text"] for row in rows],
        targets=targets,
        protected=np.array([row["act"] in scheme.protected and not row["harm"] for row in rows], bool),
        # Posts written on one topic share its words: twenty topics are twenty things seen, not 320.
        groups=[f"{file.stem}/{row.get('group') or row.get('topic') or row['id']}" for row in rows],
        sources=told("source"),
        functions=told("function"),
        topics=told("topic"),
    )
