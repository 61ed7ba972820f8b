"""The commands by which the model learns from the desk, over a whole installation."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

import models
from api.accounts import NoSuchUser
from kiemtin.cli import app
from review.errors import NotAllowed, ReasonNeeded
from review.permissions import Person
from store.records import Records
from store.tables import Case, Event, User
from store.vocabulary import Outcome, Role
from tests.conftest import shared
from tests.factory import HARMFUL, HARMLESS, Place
from tests.review.test_learning import again, decide
from tests.scored import Told, put

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in an installation of its own; raises what the command raised."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KIEMTIN_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("KIEMTIN_DATABASE_URL", raising=False)

    def ran(*arguments: str) -> str:
        result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    ran("migrate")
    return ran


@pytest.fixture
def records(run: Run, tmp_path: Path) -> Records:
    run("user", "add", "lan", "--role", "lead")
    run("user", "add", "hoa")
    made = Records(f"sqlite:///{tmp_path / 'var' / 'kiemtin.db'}")
    place = Place(made)
    place.take(*HARMFUL[:3], f"{HARMFUL[3]} Gọi 0912 345 678 nhé", HARMLESS)
    place.work()
    return made


def person(records: Records, login: str, role: Role) -> Person:
    with records.read() as session:
        return Person(session.scalars(select(User.id).where(User.login == login)).one(), role)


def rows(file: Path) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_what_is_decided_goes_out_to_be_learned_and_the_rest_to_be_labelled(
    run: Run, records: Records, tmp_path: Path
) -> None:
    lan, hoa = person(records, "lan", Role.LEAD), person(records, "hoa", Role.REVIEWER)
    with records.read() as session:
        cases = list(session.scalars(select(Case.id).order_by(Case.id)))
    now = datetime.now(UTC)
    decide(records, hoa, cases[0], Outcome.CORRECT, now)
    again(records, lan, lan, cases[0], Outcome.CORRECT)
    decide(records, hoa, cases[3], Outcome.CORRECT, now)

    shown = run("model", "export-decisions", "out.jsonl", "--as", "lan")
    assert "decisions/exported" in shown
    assert "không che được" in shown
    (row,) = rows(tmp_path / "out.jsonl")
    assert (row["harmful"], row["people"], row["source"]) == (True, 2, "decisions")

    run("model", "export-decisions", "out.jsonl", "--as", "lan", "--single")
    assert sorted(row["people"] for row in rows(tmp_path / "out.jsonl")) == [1, 2]
    assert "0912 345 678" not in (tmp_path / "out.jsonl").read_text()
    with pytest.raises(ReasonNeeded):
        run("model", "export-decisions", "out.jsonl", "--as", "lan", "--single", "--raw")
    run(
        "model",
        "export-decisions",
        "out.jsonl",
        "--as",
        "lan",
        "--single",
        "--raw",
        "--reason",
        "dấu hiệu lừa",
    )
    assert "0912 345 678" in (tmp_path / "out.jsonl").read_text()
    tomorrow = (now + timedelta(days=2)).strftime("%Y-%m-%d")
    run("model", "export-decisions", "out.jsonl", "--as", "lan", "--single", "--since", tomorrow)
    assert rows(tmp_path / "out.jsonl") == []

    for login, refused in (("hoa", NotAllowed), ("ai-do", NoSuchUser)):
        with pytest.raises(refused):
            run("model", "export-decisions", "no.jsonl", "--as", login)
    assert not (tmp_path / "no.jsonl").exists()
    assert "Nguyên vẹn" in run("audit", "verify")
    with records.read() as session:
        events = session.scalars(select(Event).where(Event.action == "decisions.exported")).all()
    assert len(events) == 4
    assert {event.actor for event in events} == {lan.actor}

    shown = run("model", "sample", "mẫu.jsonl", "--as", "lan", "--size", "2", "--seed", "7")
    assert "sample/pool" in shown
    found = rows(tmp_path / "mẫu.jsonl")
    assert sorted(row["chosen"] for row in found) == ["random", "uncertainty"]
    assert len({row["group"] for row in found}) == 2
    with pytest.raises(NotAllowed):
        run("model", "sample", "no.jsonl", "--as", "hoa")


def test_the_drift_of_weeks_on_the_screen_and_in_a_file(run: Run, tmp_path: Path) -> None:
    records = Records(f"sqlite:///{tmp_path / 'var' / 'kiemtin.db'}")
    shown = run("model", "drift", "--weeks", "4")
    assert "không có bài" in shown
    assert "chưa so được" in shown
    now = datetime.now(UTC)
    for back in (5, 4, 3, 2):
        put(records, [Told(now - timedelta(weeks=back), f"bài số {i}", 0.1 + i / 1000) for i in range(120)])
    put(records, [Told(now - timedelta(weeks=1), f"bài mới {i}", 0.6 + i / 1000) for i in range(120)])
    shown = run("model", "drift", "--weeks", "6", "--json", "drift.json")
    assert "đổi nhiều" in shown
    assert "kiemtin model evaluate" in shown
    found = json.loads((tmp_path / "drift.json").read_text())
    assert [week["level"] for week in found["weeks"]][-3:] == ["stable", "changed", None]
    assert len(found["weeks"]) == 6


def test_the_examples_can_be_built_again(tmp_path: Path) -> None:
    folder = shared("data/functional_a.jsonl").parent
    target = tmp_path / "examples.jsonl"
    assert CliRunner().invoke(app, ["model", "examples", str(folder), str(target)]).exit_code == 0
    assert target.read_text() == models.read_text("examples.jsonl")
