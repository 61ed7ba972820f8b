"""A document as blocks, from which page, PDF and DOCX are made. `**so**` is bold in any text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from reports.charts import Chart


@dataclass(frozen=True)
class Heading:
    text: str
    level: int = 2


@dataclass(frozen=True)
class Para:
    """A paragraph; a `small` one explains, and may be passed over."""

    text: str
    small: bool = False


@dataclass(frozen=True)
class Key:
    """The box that is read first: sentences, and the lead's own words in italics."""

    title: str
    sentences: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """One number with its name, and how it stands against the one before."""

    name: str
    value: str
    beside: str = ""


@dataclass(frozen=True)
class Figures:
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Bullets:
    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table; the columns `numbers`, by place, are set to the right. `widths` are shares of 100."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()
    widths: tuple[int, ...] = ()


@dataclass(frozen=True)
class Picture:
    chart: Chart
    caption: str


Block = Heading | Para | Key | Figures | Bullets | Table | Picture


@dataclass(frozen=True)
class Document:
    """A whole document: `kind` stands above the title ("BÁO CÁO"), `foot` says how it came about.

    The `annexes` come after the signature, on pages of their own.
    """

    kind: str
    title: str
    blocks: tuple[Block, ...]
    annexes: tuple[Block, ...] = ()
    foot: str = ""


_BOLD = re.compile(r"\*\*(.+?)\*\*")


def runs(text: str) -> Iterator[tuple[str, bool]]:
    """Cut a text into pieces, each bold or not."""
    at = 0
    for found in _BOLD.finditer(text):
        if found.start() > at:
            yield text[at : found.start()], False
        yield found[1], True
        at = found.end()
    if at < len(text):
        yield text[at:], False
