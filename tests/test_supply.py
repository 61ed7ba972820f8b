"""What the run path is made of: pinned by hash, under known licences, listed as CycloneDX."""

from __future__ import annotations

import re
import sys
import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "docs"))
import supply


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    try:
        return supply.sbom()
    except SystemExit as error:
        pytest.skip(str(error))


def test_the_sbom_is_of_the_run_path_alone(document: dict[str, Any]) -> None:
    names = {canonicalize_name(one["name"]) for one in document["components"]}
    assert names == supply.run_path()
    assert {"fastapi", "cryptography", "psycopg"} <= names
    assert not names & {"pytest", "torch", "mypy", "cyclonedx-bom"}
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["metadata"]["component"]["name"] == "kiemtin"
    assert all(one["version"] and one["purl"] for one in document["components"])
    # The whole takes ten seconds to hold against the schema; `make sbom` does.
    supply.check({**document, "components": document["components"][:3], "dependencies": []})


def test_no_library_of_the_run_path_has_a_licence_outside_the_list(document: dict[str, Any]) -> None:
    found = supply.licences(document)
    outside = {name: licence for name, licence in found.items() if not supply.is_allowed(licence)}
    assert outside == {}


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("MIT AND AGPL-3.0-only", False),
        ("GPL-2.0-only OR MIT", True),
        ("", False),
        ("Own", False),
    ],
)
def test_an_expression_is_allowed_by_one_whole_choice(expression: str, allowed: bool) -> None:
    assert supply.is_allowed(expression) is allowed


def test_the_page_of_licences_has_every_library_that_is_installed(document: dict[str, Any]) -> None:
    """Run `make licences` when this fails. Another Python may need fewer libraries."""
    page = supply.PAGE.read_text()
    missing = {one for one in supply.licences(document).items() if supply.row(*one) not in page}
    assert missing == set()


def test_the_run_path_is_pinned_by_hash_to_the_versions_that_are_tested() -> None:
    """Run `make lock` when this fails."""
    text = (ROOT / "requirements.run.lock").read_text()
    entries = re.findall(r"^([\w.-]+)==(\S+)[^\n]*((?:\n    --hash=sha256:[0-9a-f]{64}[^\n]*)+)", text, re.M)
    pinned = {canonicalize_name(name): version for name, version, _ in entries}
    assert len(entries) == len(re.findall(r"^[\w.-]+", text, re.M))
    assert "://" not in text
    needs = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {canonicalize_name(Requirement(need).name) for need in needs} <= set(pinned)
    tested = dict(
        line.split("==") for line in (ROOT / "requirements.lock").read_text().split() if "==" in line
    )
    tested = {canonicalize_name(name): version for name, version in tested.items()}
    assert {n: v for n, v in pinned.items() if n in tested} == {n: tested[n] for n in pinned if n in tested}
