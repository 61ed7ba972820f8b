"""The threat model names, for each threat, tests that exist; a test that is renamed or removed shows here."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
THREATS = (
    "Crawled content as hostile input", "Insider reviewer", "Stolen laptop", "Compromised source",
    "Malicious import file", "Abused referral path", "Stolen token or session", "Operator mistakes", "Supply chain",
)  # fmt: skip


def rows(section: str) -> list[str]:
    """Return the rows of the table of a section, without its head."""
    _, _, after = PAGE.partition(f"\n## {section}\n")
    lines = [line for line in after.partition("\n## ")[0].splitlines() if line.startswith("|")]
    return lines[2:]


@cache
def written_in(path: str) -> frozenset[str]:
    """Return the tests of a file, as pytest finds them."""
    tree = ast.parse((ROOT / path).read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(one.name for one in tree.body if isinstance(one, kinds) and one.name.startswith("test_"))


@pytest.mark.parametrize("section", [*THREATS, "Reports of browsers"])
def test_each_threat_has_its_control_and_tests_that_exist(section: str) -> None:
    assert rows(section)
    for row in rows(section):
        threat, control, tests = (cell.strip() for cell in row.strip("|").split("|"))
        assert threat, row
        assert control, row
        named = NAMED.findall(tests)
        assert named, f"no test is named for: {threat}"
        assert not NAMED.sub("", tests).strip(), f"this is no test: {tests}"
        for path, name in named:
            assert (ROOT / path).exists(), path
            assert name in written_in(path), f"{path} has no test {name}"


def test_a_test_that_is_named_anywhere_on_the_page_exists() -> None:
    found = re.findall(r"(tests/[\w/]+\.py)::(\w+)", PAGE)
    assert len(found) > 60
    assert [one for one in found if one[1] not in written_in(one[0])] == []
