"""`kiemtin backup` and `kiemtin restore` as an operator meets them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

from store import audit, rotation
from store.keys import Keys
from store.people_tables import SecondFactor
from store.tables import Event, Post
from tests.factory import HARMFUL, NOW, person
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


def test_a_key_file_that_goes_along_opens_what_its_old_and_its_new_key_sealed(
    program: Program, tmp_path: Path
) -> None:
    """A change of keys was cut off after its first step: rows by both keys are in the copy."""
    path = program.folder / "var" / "kiemtin.key"
    records = program.records()
    with rotation.alone(path):
        rotation.begin(records, path)
    row = {"id": "new", "text": "Bài mới nói rằng uống cồn chữa khỏi COVID", "author": "người mới"}
    (program.folder / "new.jsonl").write_text(json.dumps(row))
    program.run("import", "new.jsonl", "--quiet")
    owner = person(records, "hoa").id
    with records.write() as session:
        factor = Keys.load(path).seal_factor("JBSWY3DPEHPK3PXP")
        session.add(SecondFactor(user_id=owner, sealed=factor, added_at=NOW))
    records.close()

    program.run("backup", str(tmp_path / "copies"), "--with-key")
    (place,) = (tmp_path / "copies").iterdir()
    assert (place / "kiemtin.key").stat().st_mode & 0o077 == 0
    (tmp_path / "new").mkdir()
    moved = Program(tmp_path / "new")
    assert "không phải khóa" not in moved.run("restore", str(place))
    restored = moved.folder / "var" / "kiemtin.key"
    assert restored.read_bytes() == path.read_bytes()

    keys, records = Keys.load(restored), moved.records()
    with records.read() as session:
        sealed = session.scalars(select(Post.author_sealed).order_by(Post.id)).all()
        assert keys.open_factor(session.scalars(select(SecondFactor.sealed)).one()) == "JBSWY3DPEHPK3PXP"
    records.close()
    new, old = keys.names
    assert [keys.sealer_of(one) for one in sealed] == [old] * len(HARMFUL) + [new]
    assert [keys.unseal(one) for one in sealed] == [*(f"người {i}" for i in range(len(HARMFUL))), "người mới"]


def test_a_key_of_another_installation_is_told(program: Program, tmp_path: Path) -> None:
    program.run("backup", str(tmp_path / "copies"))
    (place,) = (tmp_path / "copies").iterdir()
    (tmp_path / "new").mkdir()
    moved = Program(tmp_path / "new")
    assert "không phải khóa" in moved.run("restore", str(place), "--new-key")
