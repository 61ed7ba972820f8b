"""Writes a new version of a policy: some numbers are changed where they stand, every comment stays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from numpy import format_float_positional

import models
from classifier.policy import Policy, parse


def revised(text: str, version: str, thresholds: Mapping[str, float], why: str) -> str:
    """Return the text of a policy with another version and other numbers in `thresholds`.

    `why` becomes a comment above them. Where `protected` has numbers for single acts, its `any` is changed.
    Raises `models.DataError` when the text is no policy, or what comes out does not hold.
    """
    before = parse(text)
    if version == before.version:
        raise models.DataError(f"Chính sách mới cần một phiên bản khác {version}.")
    root = yaml.compose(text, yaml.SafeLoader)
    block = _value(root, "thresholds")
    edits = [(_value(root, "version"), yaml_text(version))]
    for name, value in thresholds.items():
        node = _value(block, name)
        place = _value(node, "any") if isinstance(node, yaml.MappingNode) else node
        edits.append((place, format_float_positional(value)))  # YAML 1.1 takes 1e-05 for a word
    places = [(node.start_mark.index, node.end_mark.index, new) for node, new in edits]
    line = text.rfind("\n", 0, _key(root, "thresholds").start_mark.index) + 1
    comment = "".join(f"# {part}\n" for part in why.splitlines())
    for start, end, new in sorted([*places, (line, line, comment)], reverse=True):
        text = text[:start] + new + text[end:]
    if not _says(text, _meant(before, version, thresholds)):
        raise models.DataError("Không sửa được chính sách tại chỗ (dùng & và * của YAML?): hãy sửa bằng tay.")
    return text


def _says(text: str, meant: Policy) -> bool:
    try:
        return parse(text) == meant
    except models.DataError:
        return False


def _meant(before: Policy, version: str, changed: Mapping[str, float]) -> Policy:
    limits = before.thresholds
    values: dict[str, Any] = {**dict(limits), **changed}
    if "protected" in changed:
        values["protected"] = limits.protected.model_copy(update={"any": changed["protected"]})
    return before.model_copy(update={"version": version, "thresholds": limits.model_copy(update=values)})


def write_new(file: Path, text: str) -> None:
    """Write a policy to a file that is not there yet; raises `models.DataError`."""
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError as error:
        raise models.DataError(
            f"{file} đã có: chính sách mới cần một tệp mới, để bản cũ còn nguyên."
        ) from error
    except OSError as error:
        raise models.DataError(f"Không ghi được {file}: {error}") from error


def next_version(version: str) -> str:
    """Return a version that follows: `2026.11-2` after `2026.11-1`; one without such a number gets one."""
    found = re.fullmatch(r"(.*?-)(\d+)", version)
    return f"{found[1]}{int(found[2]) + 1}" if found else f"{version}-2"


def yaml_text(text: str) -> str:
    """Return a text as a YAML scalar in double quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _key(mapping: yaml.Node | None, name: str) -> yaml.Node:
    return _pair(mapping, name)[0]


def _value(mapping: yaml.Node | None, name: str) -> yaml.Node:
    return _pair(mapping, name)[1]


def _pair(mapping: yaml.Node | None, name: str) -> tuple[yaml.Node, yaml.Node]:
    if isinstance(mapping, yaml.MappingNode):
        for key, value in mapping.value:
            if key.value == name:
                return key, value
    raise models.DataError(f"Không thấy {name} trong chính sách.")
