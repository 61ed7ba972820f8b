"""Records of the release before come forward unchanged, and survive the loss of everything but the backup."""

from __future__ import annotations

from pathlib import Path

from bench.upgrade import drill


def test_records_of_the_release_before_come_forward_and_back_from_a_backup(tmp_path: Path) -> None:
    drilled = drill(tmp_path, (f"Uống nước tỏi khỏi bệnh, lần thứ {n}" for n in range(300)))
    assert (drilled.posts, drilled.cases) == (300, 30)
