"""What is fuzzed: each target takes any bytes, and may only end well or with the error that people are shown."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import models
from classifier import policy
from crawlers import sources
from crawlers.imports import rows, warc
from crawlers.imports.mapping import Mapping, MappingError, RowRefused
from crawlers.imports.rows import FileUnreadable
from crawlers.kinds import KINDS
from crawlers.reading.articles import read_article
from crawlers.reading.page import Raw, Unreadable
from crawlers.sources import SourcesError
from evidence.verify import verify
from search import terms
from store.vocabulary import PostKind

CORPUS = Path(__file__).parent / "corpus"
_AT = datetime(2026, 11, 20, tzinfo=UTC)
_MOST = 2000
_FOLDER = Path(tempfile.mkdtemp(prefix="kiemtin-fuzz-"))


def html(data: bytes) -> None:
    """Read bytes as a page of every kind of source."""
    raw = Raw(data, "https://bao.example/bai/1", _AT)
    for read in (read_article, *(kind.root for kind in KINDS.values())):
        try:
            found = read(raw)
        except Unreadable:
            continue
        for item in found.items:
            item.text.encode()


def table(data: bytes) -> None:
    """Read bytes as a CSV file that is imported."""
    _rows(_file("x.csv", data))


def lines(data: bytes) -> None:
    """Read bytes as a JSONL file that is imported."""
    _rows(_file("x.jsonl", data))


def captures(data: bytes) -> None:
    """Read bytes as a WARC file that is imported."""
    try:
        for _ in islice(warc.read(_file("x.warc.gz", data)), _MOST):
            pass
    except FileUnreadable:
        pass


def query(data: bytes) -> None:
    """Read bytes as a search, and look for it in themselves: marks lie within the text, in order."""
    typed = data.decode("utf-8", "replace")
    excerpt, marks = terms.excerpt("tiêu đề", typed, terms.parse(typed))
    last = 0
    for start, end in marks:
        assert last <= start < end <= len(excerpt)
        last = end


def bundle(data: bytes) -> None:
    """Verify bytes as an evidence bundle: whatever is wrong is a finding, never an exception."""
    verify(_file("x.zip", data))


def policies(data: bytes) -> None:
    """Read bytes as a policy file."""
    try:
        policy.load_policy(_file("policy.yaml", data))
    except models.DataError:
        pass


def source_list(data: bytes) -> None:
    """Read bytes as a list of sources."""
    try:
        sources.load(_file("sources.yaml", data))
    except SourcesError:
        pass


TARGETS: dict[str, Callable[[bytes], None]] = {
    "html": html,
    "csv": table,
    "jsonl": lines,
    "warc": captures,
    "query": query,
    "bundle": bundle,
    "policy": policies,
    "sources": source_list,
}


def _rows(path: Path) -> None:
    try:
        mapping = Mapping.of(rows.columns(path), {})
        for row in islice(rows.read(path), _MOST):
            try:
                mapping.post(row, "thử", PostKind.SOCIAL, "vi", 1)
            except RowRefused:
                pass
    except (FileUnreadable, MappingError):
        pass


def _file(name: str, data: bytes) -> Path:
    path = _FOLDER / name
    path.write_bytes(data)
    return path
