"""`kiemtin doctor`: a sound installation passes, each fault is named with its remedy, nothing is changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kiemtin import checkup
from kiemtin.checkup import Finding, State
from kiemtin.house import House
from kiemtin.settings import load
from store import audit
from store.workers import join, leave


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A new installation with a worker, whose settings are those of the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KIEMTIN_DATA_DIR", str(tmp_path / "var"))
    made = House(load())
    made.prepare()
    made.settings.data_dir.chmod(0o700)
    with made.records.write() as session:
        join(session, ["score", "index"])
        audit.append(session, audit.SYSTEM, "backup.made", "backup:x")
    return made


def wrong() -> dict[str, Finding]:
    return {one.part: one for one in checkup.examine() if one.state is not State.OK}


def test_a_sound_installation_passes_and_each_fault_is_told_with_its_remedy(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wrong() == {}
    settings = house.settings
    settings.key_path.chmod(0o644)
    settings.data_dir.chmod(0o755)
    with house.records.write() as session:
        from sqlalchemy import select

        from store.work_tables import Worker

        leave(session, session.scalars(select(Worker.id)).one())
    (tmp_path / "policy.yaml").write_text("version: [")
    for name, value in {
        "POLICY_FILE": "policy.yaml", "MODEL": str(tmp_path), "HOST": "0.0.0.0", "MAIL_FROM": "a@b.vn",
        "FREE_MB": str(1 << 40), "SEARCH_URL": "http://127.0.0.1:1",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"KIEMTIN_{name}", value)
    found = wrong()
    faulty = {"key", "disk", "workers", "model", "front", "mail", "search"}
    assert {part for part, one in found.items() if one.state is State.FAULT} == faulty
    assert {part for part, one in found.items() if one.state is State.WARNING} == {"data", "policy"}
    assert all(one.fix for one in found.values())
    assert "chmod 600" in found["key"].fix


def test_archived_pages_without_an_address_behind_tls_are_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIEMTIN_SECURE_COOKIES", "true")
    monkeypatch.setenv("KIEMTIN_TRUSTED_PROXIES", "127.0.0.1")
    assert "KIEMTIN_FRAME_URL" in wrong()["front"].said
    monkeypatch.setenv("KIEMTIN_FRAME_URL", "https://luu.example")
    assert wrong() == {}


def test_what_is_not_there_is_said_and_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KIEMTIN_DATA_DIR", str(tmp_path / "var"))
    found = wrong()
    assert {"data", "key", "database"} <= set(found)
    assert "kiemtin migrate" in found["database"].fix
    assert list(tmp_path.iterdir()) == []


def test_the_command_gives_json_and_a_status(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from typer.testing import CliRunner

    from kiemtin.cli import app

    well = CliRunner().invoke(app, ["doctor", "--json"])
    assert well.exit_code == 0
    assert {one["state"] for one in json.loads(well.stdout or capsys.readouterr().out)} == {"ok"}
    monkeypatch.setenv("KIEMTIN_SMTP_HOST", "mail.example.vn")
    assert CliRunner().invoke(app, ["doctor", "--no-search"]).exit_code == 2
