"""`kiemtin backup` and `kiemtin restore` as an operator meets them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

from store import audit
from store.tables import Event, Post
from tests.factory import HARMFUL
from tests.kiemtin.program import Program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "old").mkdir()
    made = Program(tmp_path / "old")
    rows = [{"id": i, "text": text, "author": f"người {i}"} for i, text in enumerate(HARMFUL)]
    (made.folder / "posts.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    made.run("import", "posts.jsonl", "--quiet")
    made.run("work", "--until-idle", "--quiet")
    return made


def test_a_department_moves_to_another_machine_by_its_backup(program: Program, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    assert "Đã niêm phong lại" in program.run("keys", "rotate")
    shown = program.run("backup", str(copies))
    assert "nguyên vẹn" in shown
    assert "Tệp khóa" in shown
    (place,) = copies.iterdir()
    assert not (place / "kiemtin.key").exists()
    assert "nguyên vẹn" in program.run("restore", str(place), "--check")
    assert "đã có" in program.run("restore", str(place), expect=2)

    (tmp_path / "new").mkdir()
    moved = Program(tmp_path / "new")
    assert "--new-key" in moved.run("restore", str(place), expect=2)
    assert not (moved.folder / "var" / "kiemtin.db").exists()
    (moved.folder / "var").mkdir(exist_ok=True)
    shutil.copy2(program.folder / "var" / "kiemtin.key", moved.folder / "var" / "kiemtin.key")
    shown = moved.run("restore", str(place))
    assert "Đã khôi phục" in shown
    assert "không phải khóa" not in shown
    assert "cũ, chỉ để mở" in moved.run("keys", "list")
    assert "Chỉ mục khớp" in moved.run("search", "doctor")
    records = moved.records()
    with records.read() as session:
        assert len(session.scalars(select(Post)).all()) == len(HARMFUL)
        assert session.scalars(select(Event.action).order_by(Event.id.desc())).first() == "backup.restored"
        assert audit.verify(session).ok
    records.close()
    old = program.records()
    with old.read() as session:
        assert session.scalars(select(Event.action).order_by(Event.id.desc())).first() == "backup.made"
    old.close()


def test_the_key_goes_along_only_when_asked(program: Program, tmp_path: Path) -> None:
    program.run("backup", str(tmp_path / "copies"), "--with-key")
    (place,) = (tmp_path / "copies").iterdir()
    assert (place / "kiemtin.key").stat().st_mode & 0o077 == 0
    (tmp_path / "new").mkdir()
    moved = Program(tmp_path / "new")
    moved.run("restore", str(place))
    key = (moved.folder / "var" / "kiemtin.key").read_text()
    assert key == (program.folder / "var" / "kiemtin.key").read_text()


def test_a_key_of_another_installation_is_told(program: Program, tmp_path: Path) -> None:
    program.run("backup", str(tmp_path / "copies"))
    (place,) = (tmp_path / "copies").iterdir()
    (tmp_path / "new").mkdir()
    moved = Program(tmp_path / "new")
    assert "không phải khóa" in moved.run("restore", str(place), "--new-key")
