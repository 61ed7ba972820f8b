"""Opens the search engine that a setting names."""

from __future__ import annotations

from pathlib import Path

from search.embedded import TantivyEngine
from search.engine import SearchEngine, SearchError


def open_engine(url: str) -> SearchEngine:
    """Return the engine that `url` names: `tantivy:FOLDER`. Raises `SearchError`."""
    scheme, _, rest = url.partition(":")
    if scheme == "tantivy" and rest:
        return TantivyEngine(Path(rest))
    if scheme in {"http", "https", "elasticsearch"}:
        raise SearchError(
            "Bản này chưa có Elasticsearch. Đặt KIEMTIN_SEARCH_URL=tantivy:THƯ_MỤC, hoặc để trống."
        )
    raise SearchError(f"KIEMTIN_SEARCH_URL={url!r} không đọc được. Đặt tantivy:THƯ_MỤC, hoặc để trống.")
