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
    b'{"id": "\\ud800", "text": "half a character"}',
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


class Stopped(BaseException):
    """As a signal does, from outside."""


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_run_that_was_stopped_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setattr("classifier.score_file.BATCH", 4)
    source, target, whole = (tmp_path / name for name in ("in.jsonl", "out.jsonl", "whole.jsonl"))
    rows = [json.dumps({"id": i, "text": text}) for i, text in enumerate([*HARMFUL, HARMLESS])]
    rows[2] = rows[9] = "hỏng"
    source.write_text("\n\n".join(rows) + "\n\n")
    expected = score_file(source, whole, model(), policy())
    steps = 0

    def stop(done: int, total: int) -> None:
        nonlocal steps
        steps += 1
        if steps == after:
            raise Stopped

    with pytest.raises(Stopped):
        score_file(source, target, model(), policy(), stop)
    assert not target.exists()
    # What was cut off in the middle of a row is not what the row was scored for.
    with (tmp_path / "out.jsonl.part").open("ab") as file:
        file.write(b'{"id": 5, "abo')
    told: list[int] = []
    assert score_file(source, target, model(), policy(), lambda done, _: told.append(done)) == expected
    assert len(told) == 4 - after
    for ending in ("", ".errors.jsonl"):
        assert Path(f"{target}{ending}").read_bytes() == Path(f"{whole}{ending}").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "in.jsonl", "out.jsonl", "out.jsonl.errors.jsonl", "whole.jsonl", "whole.jsonl.errors.jsonl",
    ]  # fmt: skip


@pytest.mark.parametrize("changed", ["source", "part", "state"])
def test_a_run_over_something_else_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    monkeypatch.setattr("classifier.score_file.BATCH", 2)
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps({"id": i, "text": HARMLESS}) + "\n" for i in range(6)))

    def stop(done: int, total: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        score_file(source, target, model(), policy(), stop)
    if changed == "source":
        source.write_text(source.read_text() + json.dumps({"id": 6, "text": "thêm"}) + "\n")
    elif changed == "part":
        (tmp_path / "out.jsonl.part").write_text("")
    else:
        (tmp_path / "out.jsonl.state").write_text("{")
    count = len(source.read_text().splitlines())
    assert score_file(source, target, model(), policy())["rows"] == count
    assert [json.loads(line)["id"] for line in target.read_text().splitlines()] == list(range(count))


def test_rows_have_the_stated_fields(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    claim = models.claims()[0]["claim"]
    source.write_text(json.dumps({"id": "a", "text": claim}) + "\n")
    score_file(source, target, model(), policy())
    row = json.loads(target.read_text())
    assert [*row] == [
        "id", "about", "act", "acts", "harms", "harmful", "flagged", "protected", "uncertain", "priority",
        "model", "policy", "claims",
    ]  # fmt: skip
    assert [*row["acts"]] == [*models.labels().acts]
    assert [*row["harms"]] == [*models.labels().harms]
    assert row["claims"][0]["id"] == models.claims()[0]["id"]
    assert [*row["claims"][0]] == ["id", "similarity", "confirmed"]
    assert isinstance(row["claims"][0]["confirmed"], bool)


def test_a_file_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(models.DataError, match="none"):
        score_file(tmp_path / "none.jsonl", tmp_path / "out.jsonl", model(), policy())
