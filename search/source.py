"""A document as every index keeps it: plain values that go to JSON and come back."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from search.engine import Document
from search.terms import words

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
_PLAIN = (
    "post_id", "version", "cluster_id", "source", "kind", "act", "state", "flagged", "protected", "uncertain",
    "url",
)  # fmt: skip


def source(document: Document) -> dict[str, Any]:
    """Return what is kept of a document, and `said`: its words in a row, as they are searched.

    `published` is in whole seconds since 1970, or None.
    """
    said = document.text if document.text.startswith(document.title) else f"{document.title}\n{document.text}"
    return {
        **{name: getattr(document, name) for name in _PLAIN},
        "title": _sound(document.title),
        "text": _sound(document.text),
        "harm": list(document.harms),
        "province": list(document.provinces),
        "harmful": round(document.harmful, 6),
        "published": None if document.published is None else int(document.published.timestamp()),
        "said": " ".join(words(said)),
    }


def read(kept: dict[str, Any]) -> Document:
    """Return the document that was kept, without its vector."""
    seconds = kept["published"]
    return Document(
        **{name: kept[name] for name in _PLAIN},
        title=kept["title"],
        text=kept["text"],
        harms=tuple(kept["harm"]),
        provinces=tuple(kept["province"]),
        harmful=kept["harmful"],
        published=None if seconds is None else datetime.fromtimestamp(seconds, UTC),
    )


def comparable(document: Document) -> Document:
    """Return a document as `read` would give it back after it was kept."""
    return read(source(document))


def week(seconds: int) -> date:
    """Return the Monday, in Vietnam, of the week of a moment."""
    day = datetime.fromtimestamp(seconds, VIETNAM).date()
    return day - timedelta(days=day.weekday())


def _sound(text: str) -> str:
    # A lone surrogate is in no text that was accepted, but must not stop an index either.
    return unicodedata.normalize("NFC", text).encode("utf-8", "replace").decode()
