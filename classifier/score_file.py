"""Scores a file of `{id, text}` rows, of any length, in constant memory; a stopped run is gone on with."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import models
from classifier.assess import Assessment, assess
from classifier.model import Model
from classifier.policy import Policy

BATCH = 256
MAX_TEXT = 1_000_000
_FIELDS = (
    "about", "act", "acts", "harms", "harmful", "flagged", "protected", "uncertain", "priority", "model",
    "policy",
)  # fmt: skip


@dataclass(frozen=True)
class _Row:
    id: Any
    text: str


@dataclass(frozen=True)
class _Refused:
    line: int
    reason: str
    raw: str


_Line = tuple[int, _Row | _Refused]  # with its number in the file


@dataclass
class _Done:
    """How far a run is: bytes and lines read, bytes written to either file; `of` says what by what."""

    of: dict[str, Any]
    read: int = 0
    lines: int = 0
    written: int = 0
    refused: int = 0
    counters: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("rows", "refused", "flagged", "protected", "uncertain"), 0)
    )


def score_file(
    source: Path,
    target: Path,
    model: Model,
    policy: Policy,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, int]:
    """Write one row of scores to `target` for each good row of `source`, in order; return counters.

    A bad row goes to `target` + `.errors.jsonl` with its line and the reason, and the run goes on. Both files
    appear whole at the end. Until then they end in `.part`: a run that is stopped, however, is gone on with
    by the next one, unless the source, the model or the policy is another by then. `progress` is told bytes
    read and bytes in all. Raises `models.DataError` when the files themselves cannot be used.
    """
    errors = target.with_name(target.name + ".errors.jsonl")
    state = _beside(target, ".state")
    try:
        about = source.stat()
        given: dict[str, Any] = {
            "size": about.st_size, "at": about.st_mtime_ns, "model": model.name, "policy": policy.version,
        }  # fmt: skip
        done = _before(state, given, _beside(target), _beside(errors))
        with (
            source.open("rb") as file,
            _open(target, done.written) as out,
            _open(errors, done.refused) as bad,
        ):
            file.seek(done.read)
            for batch in _batches(_read(file, done.lines)):
                _score(batch, model, policy, (out, bad), Counter(done.counters), done)
                done.read, done.lines = file.tell(), batch[-1][0]
                for written in (out, bad):
                    written.flush()
                    os.fsync(written.fileno())
                _note(state, done)
                progress(done.read, given["size"])
        _beside(target).replace(target)
        if done.refused:
            _beside(errors).replace(errors)
        else:
            errors.unlink(missing_ok=True)
            _beside(errors).unlink()
        state.unlink(missing_ok=True)
    except OSError as error:
        raise models.DataError(f"Không chấm được {source}: {error}") from error
    return done.counters


def _score(
    batch: list[_Line],
    model: Model,
    policy: Policy,
    files: tuple[BinaryIO, BinaryIO],
    counters: Counter[str],
    done: _Done,
) -> None:
    good = [row for _, row in batch if isinstance(row, _Row)]
    for one in assess(good, model, policy):
        done.written += files[0].write(_json(_plain(one)))
        counters.update(rows=1, flagged=one.flagged, protected=one.protected, uncertain=one.uncertain)
    for _, row in batch:
        if isinstance(row, _Refused):
            counters["refused"] += 1
            done.refused += files[1].write(_json(vars(row)))
    done.counters = dict(counters)


def _plain(one: Assessment) -> dict[str, Any]:
    claims = [
        {"id": claim.claim_id, "similarity": claim.similarity, "confirmed": claim.confirmed}
        for claim in one.claims
    ]
    return {"id": one.id, **{name: getattr(one, name) for name in _FIELDS}, "claims": claims}


def _json(plain: dict[str, Any]) -> bytes:
    return json.dumps(plain, ensure_ascii=False).encode() + b"\n"


def _beside(path: Path, ending: str = ".part") -> Path:
    return path.with_name(path.name + ending)


def _before(state: Path, given: dict[str, Any], out: Path, bad: Path) -> _Done:
    """Return how far the last run came with the same source, model and policy."""
    try:
        done = _Done(**json.loads(state.read_text(encoding="utf-8")))
        whole = out.stat().st_size >= done.written and bad.stat().st_size >= done.refused
    except (OSError, ValueError, TypeError):
        return _Done(given)
    return done if done.of == given and whole else _Done(given)


def _note(state: Path, done: _Done) -> None:
    unfinished = _beside(state)
    unfinished.write_text(json.dumps(asdict(done)), encoding="utf-8")
    unfinished.replace(state)


def _open(path: Path, kept: int) -> BinaryIO:
    """Open what will be `path`, with the first `kept` bytes of the run before."""
    file = _beside(path).open("ab")
    file.truncate(kept)
    return file


def _batches(lines: Iterator[_Line]) -> Iterator[list[_Line]]:
    """Yield lines together, fewer where they are long, so that memory stays the same."""
    batch: list[_Line] = []
    size = 0
    for line in lines:
        batch.append(line)
        size += len(line[1].text) if isinstance(line[1], _Row) else 0
        if len(batch) == BATCH or size > MAX_TEXT:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _read(file: BinaryIO, number: int) -> Iterator[_Line]:
    # A character of JSON is at most 12 bytes (two \uXXXX), so a longer line cannot hold an allowed text.
    while line := file.readline(12 * MAX_TEXT):
        number += 1
        if not line.endswith(b"\n") and len(line) == 12 * MAX_TEXT:
            while line and not line.endswith(b"\n"):
                line = file.readline(1 << 20)
            yield number, _Refused(number, f"dòng quá dài, quá {MAX_TEXT} ký tự", "")
        elif line.strip():
            yield number, _row(number, line)


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
    if isinstance(row["id"], str) and any("\ud800" <= c <= "\udfff" for c in row["id"]):
        return "id có nửa ký tự (surrogate)"
    if not isinstance(row.get("text"), str):
        return "thiếu text (chữ)"
    return f"text dài {len(row['text'])} ký tự, quá {MAX_TEXT}" if len(row["text"]) > MAX_TEXT else ""
