"""Opens the search engine that a setting names."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from search.engine import SearchEngine, SearchError

_HOW = "Đặt tantivy:THƯ_MỤC, hoặc http(s)://MÁY:9200 (nhiều máy cách nhau bằng dấu phẩy), hoặc để trống."


def open_engine(
    url: str,
    index: str = "kiemtin-posts",
    user: str = "",
    password: str = "",
    api_key: str = "",
    ca_file: str = "",
) -> SearchEngine:
    """Return the engine that `url` names: `tantivy:FOLDER`, or addresses of one cluster with commas between.

    The rest is for Elasticsearch alone: the alias to read, and how to sign in; `USER:PASSWORD@` may stand
    in the address instead. Raises `SearchError`; a server is first asked when it is used.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "tantivy" and rest:
        from search.embedded import TantivyEngine

        return TantivyEngine(Path(rest))
    if scheme not in {"http", "https"}:
        raise SearchError(f"KIEMTIN_SEARCH_URL={url!r} không đọc được. {_HOW}")
    hosts = []
    for address in url.split(","):
        host, found_user, found_password = _address(address.strip())
        hosts.append(host)
        user, password = user or found_user, password or found_password
    try:
        from search.elastic import Access, ElasticEngine
    except ModuleNotFoundError as error:
        raise SearchError(
            f"Thiếu thư viện {error.name}: cài bằng pip install 'kiemtin[elasticsearch]'."
        ) from error
    return ElasticEngine(Access(tuple(hosts), index, user, password, api_key, ca_file))


def _address(url: str) -> tuple[str, str, str]:
    try:
        parts = urlsplit(url)
        port = parts.port or 9200
    except ValueError as error:
        raise SearchError(f"KIEMTIN_SEARCH_URL có một địa chỉ không đọc được: {error}. {_HOW}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SearchError(f"KIEMTIN_SEARCH_URL có một địa chỉ không đọc được. {_HOW}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    path = parts.path.rstrip("/")
    return (
        f"{parts.scheme}://{host}:{port}{path}",
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )
