"""The documentation names every setting, command, route and word, and its links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from api.app import create_api
from api.desk import Desk
from kiemtin.cli import app
from kiemtin.settings import Settings
from search.open import open_engine
from store.archive import Archive
from store.records import Records
from tests.conftest import ROOT

DOCS = {str(path.relative_to(ROOT / "docs")): path.read_text() for path in (ROOT / "docs").rglob("*.md")}
WORDS = (
    "Source",
    "Capture",
    "Post",
    "Cluster",
    "Assessment",
    "Claim",
    "Case",
    "Decision",
    "Referral",
    "Bundle",
    "Event",
)


def commands(command: Any, name: str) -> Iterator[str]:
    for sub, found in getattr(command, "commands", {}).items():
        yield from commands(found, f"{name} {sub}")
    if not hasattr(command, "commands"):
        yield name


def test_every_setting_is_documented() -> None:
    for name in Settings.model_fields:
        assert f"`KIEMTIN_{name.upper()}`" in DOCS["operator.md"], name


def test_every_command_is_documented() -> None:
    found = list(commands(typer.main.get_command(app), "kiemtin"))
    assert len(found) >= 17
    for name in found:
        assert f"`{name}`" in DOCS["operator.md"], name


def test_every_route_is_documented(sqlite: Records, tmp_path: Path) -> None:
    made = create_api(Desk(sqlite, open_engine(f"tantivy:{tmp_path / 's'}"), Archive(tmp_path)))
    paths = set(made.openapi()["paths"])
    assert len(paths) > 20
    for path in paths:
        ending = path.rsplit("/", 1)[-1]
        assert path in DOCS["developer.md"] or f"`/{ending}`" in DOCS["developer.md"], path


def test_every_word_of_the_product_is_explained() -> None:
    for word in WORDS:
        assert re.search(rf"^\| {word} \|", DOCS["concepts.md"], re.MULTILINE), word


def test_every_metric_is_documented(sqlite: Records, tmp_path: Path) -> None:
    from api.watch import Meters

    meters = Meters(Desk(sqlite, open_engine(f"tantivy:{tmp_path / 's'}"), Archive(tmp_path)))
    for family in meters.registry.collect():
        assert family.name in DOCS["operator/monitoring.md"], family.name


def test_links_and_make_targets_lead_somewhere() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        text = path.read_text()
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            assert "://" in link or (path.parent / link).exists(), f"{path.name}: {link}"
        for target in re.findall(r"`make ([a-z]+)[ `]", text):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{path.name}: make {target}"
