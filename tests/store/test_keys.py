"""The key file is private, made once, and never replaced by surprise."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from store.keys import KeyFileError, Keys


def test_the_key_file_is_made_once_with_mode_0600(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "kiemtin.key"
    sealed = Keys.load(path).seal("tên")
    assert path.stat().st_mode & 0o777 == 0o600
    assert Keys.load(path).unseal(sealed) == "tên"
    assert [p.name for p in path.parent.iterdir()] == ["kiemtin.key"]


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kiemtin.key"
    Keys.load(path)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        Keys.load(path)


@pytest.mark.parametrize("content", ["", "không phải khóa", "abcd"])
def test_a_broken_key_is_an_error_not_a_new_key(tmp_path: Path, content: str) -> None:
    path = tmp_path / "kiemtin.key"
    path.touch(0o600)
    path.write_text(content)
    with pytest.raises(KeyFileError):
        Keys.load(path)
    assert path.read_text() == content


def _pseudonym(path: Path) -> str:
    return Keys.load(path).pseudonym("nguồn", "tên")


def test_processes_that_start_together_use_one_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert len(set(pool.map(_pseudonym, [tmp_path / "kiemtin.key"] * 8))) == 1


def test_one_name_at_two_sources_has_two_pseudonyms() -> None:
    keys = Keys(bytes(32))
    assert keys.pseudonym("a", "tên") == keys.pseudonym("a", "tên")
    assert keys.pseudonym("a", "tên") != keys.pseudonym("b", "tên")
    assert keys.pseudonym("a", "tên") != Keys(bytes(range(32))).pseudonym("a", "tên")
