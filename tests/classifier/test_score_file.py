"""A file is scored row by row; a bad row is an error of that row, and files appear whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import models
from classifier.score_file import MAX_TEXT, score_file
from tests.factory import HARMFUL, HARMLESS, model, policy

BAD = [
    b"{not json",
    b'["a list"]',
    b'{"text": "no id"}',
    b'{"id": true, "text": "a truth is no id"}',
    b'{"id": "x"}',
    b'{"id": "x", "text": 5}',
    b'{"id": "x", "text": "\xff\xfe"}',
    json.dumps({"id": "x", "text": "a" * (MAX_TEXT + 1)}).encode(),
    b"[" * 100_000,
    b'{"id": "x", "text": "' + b"a" * 13_000_000,
]


def test_good_rows_come_in_order_and_bad_ones_with_their_reason(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    good = [json.dumps({"id": i, "text": text}).encode() for i, text in enumerate((*HARMFUL, HARMLESS, ""))]
    lines = [line for pair in zip(good, [*BAD, *[b""] * 20], strict=False) for line in pair]
    source.write_bytes(b"\n".join(lines))
    counters = score_file(source, target, model(), policy())
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    assert [row["id"] for row in rows] == list(range(len(good)))
    assert sum(row["flagged"] for row in rows) == counters["flagged"] >= 7
    errors = [json.loads(line) for line in (tmp_path / "out.jsonl.errors.jsonl").read_text().splitlines()]
    assert [error["line"] for error in errors] == [2 * i + 2 for i in range(len(BAD))]
    assert all(error["reason"] for error in errors)
    assert counters["rows"] + counters["refused"] == len(good) + len(BAD)


def test_a_second_run_without_errors_leaves_no_old_error_file(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("x\n")
    score_file(source, target, model(), policy())
    source.write_text('{"id": 1, "text": "a"}\n')
    score_file(source, target, model(), policy())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_an_interrupted_run_leaves_no_half_file(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"id": 1, "text": "a"}\n')

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_file(source, target, model(), policy(), stop)
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_file_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(models.DataError, match="none"):
        score_file(tmp_path / "none.jsonl", tmp_path / "out.jsonl", model(), policy())
