"""Scores a file of `{id, text}` rows, of any length, in constant memory."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import models
from classifier.assess import assess
from classifier.model import Model
from classifier.policy import Policy

BATCH = 256
MAX_TEXT = 1_000_000
_FIELDS = frozenset(
    {"id", "about", "act", "acts", "harms", "harmful", "flagged", "protected", "uncertain"}
    | {"priority", "model", "policy"}
)


@dataclass(frozen=True)
class _Row:
    id: Any
    text: str


@dataclass(frozen=True)
class _Refused:
    line: int
    reason: str
    raw: str


def score_file(
    source: Path,
    target: Path,
    model: Model,
    policy: Policy,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, int]:
    """Write one row of scores to `target` for each good row of `source`, in order; return counters.

    A bad row goes to `target` + `.errors.jsonl` with its line and the reason, and the run goes on. Both
    files appear whole at the end. `progress` is told bytes read and bytes in all. Raises `models.DataError`
    when the files themselves cannot be used.
    """
    counters: Counter[str] = Counter(rows=0, refused=0, flagged=0, protected=0, uncertain=0)
    errors = target.with_name(target.name + ".errors.jsonl")
    unfinished = [path.with_name(path.name + ".part") for path in (target, errors)]
    try:
        total = source.stat().st_size
        with (
            source.open("rb") as file,
            unfinished[0].open("w", encoding="utf-8") as out,
            unfinished[1].open("w", encoding="utf-8") as bad,
        ):
            rows = _read(file)
            while batch := list(islice(rows, BATCH)):
                good = [row for row in batch if isinstance(row, _Row)]
                for one in assess(good, model, policy):
                    plain = {name: value for name, value in vars(one).items() if name in _FIELDS}
                    out.write(json.dumps(plain, ensure_ascii=False) + "\n")
                    counters.update(
                        rows=1, flagged=one.flagged, protected=one.protected, uncertain=one.uncertain
                    )
                for row in batch:
                    if isinstance(row, _Refused):
                        counters["refused"] += 1
                        bad.write(json.dumps(vars(row), ensure_ascii=False) + "\n")
                progress(file.tell(), total)
        unfinished[0].replace(target)
        if counters["refused"]:
            unfinished[1].replace(errors)
        else:
            errors.unlink(missing_ok=True)
    except OSError as error:
        raise models.DataError(f"Không chấm được {source}: {error}") from error
    finally:
        for path in unfinished:
            path.unlink(missing_ok=True)
    return dict(counters)


def _read(file: Any) -> Iterator[_Row | _Refused]:
    number = 0
    # A character of JSON is at most 12 bytes (two \uXXXX), so a longer line cannot hold an allowed text.
    while line := file.readline(12 * MAX_TEXT):
        number += 1
        if not line.endswith(b"\n") and len(line) == 12 * MAX_TEXT:
            while line and not line.endswith(b"\n"):
                line = file.readline(1 << 20)
            yield _Refused(number, f"dòng quá dài, quá {MAX_TEXT} ký tự", "")
        elif line.strip():
            yield _row(number, line)


def _row(number: int, line: bytes) -> _Row | _Refused:
    raw = line.decode("utf-8", "replace").rstrip("\n")[:1000]
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return _Refused(number, "không phải UTF-8", raw)
    except (ValueError, RecursionError) as error:
        return _Refused(number, f"không phải JSON: {error}", raw)
    wrong = _wrong(row)
    return _Refused(number, wrong, raw) if wrong else _Row(row["id"], row["text"])


def _wrong(row: Any) -> str:
    if not isinstance(row, dict):
        return "không phải một đối tượng JSON"
    if not isinstance(row.get("id"), (str, int)) or isinstance(row.get("id"), bool):
        return "thiếu id (chữ hoặc số nguyên)"
    if not isinstance(row.get("text"), str):
        return "thiếu text (chữ)"
    return f"text dài {len(row['text'])} ký tự, quá {MAX_TEXT}" if len(row["text"]) > MAX_TEXT else ""
