"""Public Vietnamese sources to begin with; none is crawled before an operator takes it up and resumes it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from crawlers.sources import SourceEntry, parse


@dataclass(frozen=True)
class Listed:
    """A source of the catalogue: its short name, the file (topic) it stands in, and what is known of it."""

    id: str
    topic: str
    entry: SourceEntry
    note: str


@cache
def listed() -> dict[str, Listed]:
    """Return the catalogue by id, in the order of its files; raises `SourcesError` where a file is wrong."""
    found: dict[str, Listed] = {}
    for file in sorted(files("crawlers.catalogue").iterdir(), key=lambda path: path.name):
        if not file.name.endswith(".yaml"):
            continue
        rows = yaml.safe_load(file.read_text(encoding="utf-8"))
        known = [(row.pop("id"), row.pop("note", "")) for row in rows]
        entries = parse([{**row, "verified": False} for row in rows])
        topic = file.name.removesuffix(".yaml")
        for (name, note), entry in zip(known, entries, strict=True):
            found[name] = Listed(name, topic, entry, note)
    return found
