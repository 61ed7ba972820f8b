"""What ships as data: the label scheme, the policy, the claims, and the weights with their card."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml


class DataError(Exception):
    """A shipped or given data file cannot be used; the message names the file and what is wrong in it."""


@dataclass(frozen=True)
class Label:
    """One act or harm: its key in code and data, its names, and what it means (in Vietnamese)."""

    key: str
    vi: str
    en: str
    means: str
    protected: bool


@dataclass(frozen=True)
class Labels:
    """The label scheme. The order of `acts` and `harms` is the order of every score vector."""

    acts: tuple[str, ...]
    harms: tuple[str, ...]
    protected: frozenset[str]
    all: dict[str, Label]

    def name(self, key: str, language: str = "vi") -> str:
        """Return the name of an act or harm; an unknown key is its own name."""
        label = self.all.get(key)
        if label is None:
            return key
        return label.en if language == "en" else label.vi


@cache
def labels() -> Labels:
    """Return the label scheme of `labels.yaml`."""
    scheme = yaml.safe_load(read_text("labels.yaml"))
    found = {
        key: Label(key, entry["vi"], entry["en"], entry["means"], bool(entry.get("protected")))
        for part in ("acts", "harms")
        for key, entry in scheme[part].items()
    }
    return Labels(
        acts=tuple(scheme["acts"]),
        harms=tuple(scheme["harms"]),
        protected=frozenset(key for key in scheme["acts"] if found[key].protected),
        all=found,
    )


def claims() -> list[dict[str, Any]]:
    """Return the shipped claims: `{id, claim, paraphrases, harm, verdict, correction, source}`."""
    return [json.loads(line) for line in read_text("claims.jsonl").split("\n") if line]


def path(name: str) -> Path:
    """Return the path of a shipped file or folder; raises `DataError`."""
    found = Path(str(files("models") / name))
    if not found.exists():
        raise DataError(f"Thiếu {name} trong bản cài đặt: cài lại Kiểm Tin.")
    return found


def read_text(name: str) -> str:
    """Return the text of a shipped file."""
    return path(name).read_text(encoding="utf-8")
