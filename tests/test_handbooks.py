"""The handbooks: both languages say as much, the label guide is whole and of our own words, the site builds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from PIL import Image

import models
from api.passwords import once
from kiemtin.cli import app
from tests.conftest import ROOT, shared
from tests.test_docs import commands

sys.path.insert(0, str(ROOT / "docs"))
import record

DOCS = ROOT / "docs"
PAIRS = sorted(path.name for path in (DOCS / "vi").glob("*.md"))
QUOTED = re.compile(r"“([^”]+)”")


def test_each_handbook_is_there_in_both_languages() -> None:
    assert sorted(path.name for path in (DOCS / "en").glob("*.md")) == PAIRS
    assert {"reviewer.md", "lead.md", "liaison.md", "auditor.md", "operator.md", "refuses.md"} <= set(PAIRS)


@pytest.mark.parametrize("name", PAIRS)
def test_both_languages_have_the_same_sections_tables_and_pictures(name: str) -> None:
    def shape(language: str) -> tuple[int, int, list[str]]:
        text = (DOCS / language / name).read_text("utf-8")
        return (
            len(re.findall(r"^#+ ", text, re.MULTILINE)),
            len(re.findall(r"^\|", text, re.MULTILINE)),
            re.findall(r"\]\((\.\./assets/[^)]+)\)", text),
        )

    assert shape("vi") == shape("en")


def test_the_label_guide_explains_every_label_with_its_meaning() -> None:
    text = (DOCS / "vi" / "reviewer.md").read_text("utf-8")
    scheme = models.labels()
    for key in (*scheme.acts, *scheme.harms):
        label = scheme.all[key]
        assert f"| {label.vi} | {label.means} |" in text, key


def test_a_label_has_no_words_that_a_comma_cut_off() -> None:
    import yaml

    for part in yaml.safe_load(models.read_text("labels.yaml")).values():
        for key, entry in part.items():
            assert set(entry) <= {"vi", "en", "means", "protected"}, key


def test_examples_are_of_our_own_written_set() -> None:
    rows = shared("data/functional_a.jsonl").read_text("utf-8").splitlines()
    ours = [json.loads(row)["text"] for row in rows]
    for language in ("vi", "en"):
        text = (DOCS / language / "reviewer.md").read_text("utf-8")
        found = QUOTED.findall(text)
        assert len(found) > 20
        for quote in found:
            assert any(one.startswith(quote.removesuffix("…")) for one in ours), quote


def test_commands_that_pages_name_are_there() -> None:
    known = set(commands(typer.main.get_command(app), "kiemtin"))
    for path in [p for folder in ("vi", "en", "adding", "decisions") for p in (DOCS / folder).glob("*.md")]:
        for said in re.findall(r"kiemtin ([a-z-]+(?: [a-z-]+)?)", path.read_text("utf-8")):
            first = said.split()[0]
            assert f"kiemtin {said}" in known or f"kiemtin {first}" in known, f"{path.name}: kiemtin {said}"


def test_pictures_are_small_and_each_is_shown_or_of_a_page() -> None:
    pictures = list((DOCS / "assets").rglob("*.png"))
    assert sum(path.stat().st_size for path in pictures) < 3_000_000
    for path in pictures:
        with Image.open(path) as image:
            image.verify()


def test_the_recording_is_asciinema_of_version_two() -> None:
    lines = (DOCS / "assets" / "demo.cast").read_text("utf-8").splitlines()
    head, events = json.loads(lines[0]), [json.loads(line) for line in lines[1:]]
    assert (head["version"], head["width"], head["height"]) == (2, 100, 30)
    times = [at for at, _, _ in events]
    assert times == sorted(times)
    assert all(kind == "o" for _, kind, _ in events)
    whole = "".join(text for _, _, text in events)
    assert not record.PASSWORD.search(whole)
    assert f"mật khẩu dùng một lần: \x1b[1m{record.MASK}" in whole
    for said in ("$ make run", "Bảy điều nên xem", "$ kiemtin audit verify"):
        assert said in whole, said


def test_a_one_time_password_is_masked_in_a_recording(tmp_path: Path) -> None:
    tape, password = record.Tape(), once()
    tape.add(1, f"mật khẩu dùng một lần: \x1b[1m{password}\x1b[0m\r\n")
    tape.write(tmp_path / "whole.cast")
    assert password not in (tmp_path / "whole.cast").read_text("utf-8")
    tape.add(1, f"mật khẩu: {password[:8]}")
    tape.add(1, f"\x1b[0m{password[8:]}")
    with pytest.raises(SystemExit, match="pieces"):
        tape.write(tmp_path / "pieces.cast")
    assert not (tmp_path / "pieces.cast").exists()


def test_the_site_builds_with_strict_links(tmp_path: Path) -> None:
    line = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--site-dir",
        str(tmp_path / "site"),
    ]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "site" / "vi" / "reviewer" / "index.html").exists()
    assert "ROC-AUC" in (tmp_path / "site" / "model-card" / "index.html").read_text("utf-8")
