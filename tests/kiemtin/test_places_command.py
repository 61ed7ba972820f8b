"""The provinces of an installation, and the commands about the places that posts name."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from kiemtin.cli import app
from kiemtin.settings import SettingsError, load
from store.records import Records
from tests.factory import Place


def test_an_installation_names_its_provinces_by_code_or_any_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # no .env there
    for said, codes in {
        "": (), " ": (), "79": ("79",), "TP.HCM": ("79",), "Bình Dương, 79 ,Vũng Tàu": None,
        "Bình Dương, 79, Hải Dương": ("79", "31"), "ha noi": ("01",),
    }.items():  # fmt: skip
        monkeypatch.setenv("KIEMTIN_PROVINCES", said)
        if codes is None:
            with pytest.raises(SettingsError, match=r"KIEMTIN_PROVINCES: .*không có tỉnh Vũng Tàu"):
                load()
        else:
            assert load().province_codes == codes


def test_places_are_shown_and_filled_for_records_of_before(
    monkeypatch: pytest.MonkeyPatch, sqlite: Records
) -> None:
    monkeypatch.setenv("KIEMTIN_DATABASE_URL", sqlite.url)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*line: str) -> str:
        answer = CliRunner().invoke(app, ["places", *line])
        assert answer.exit_code == 0, answer.output
        return answer.output

    shown = run("find", "Ở Q7 và Hải Dương [bold]")
    for words in ("Quận 7", "TP. Hồ Chí Minh", "Hải Dương", "Hải Phòng"):
        assert words in shown
    assert "Không nêu nơi nào" in run("find", "hòa bình")
    Place(sqlite).take("Hà Nội có ca mới", "Hôm nay trời đẹp")
    assert "Đã đọc 2 bài; 1 bài nêu nơi khác trước" in run("fill")
    assert "Đã đọc 2 bài; 0 bài nêu nơi khác trước" in run("fill")
