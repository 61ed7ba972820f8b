"""The canonical form of a URL: by it a post is the same post, however it was linked."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

# Parameters that say how a visitor came, never what the page is.
_TRACKING = re.compile(
    r"^(?:utm_.*|fbclid|gclid|dclid|msclkid|zarsrc|mc_[ce]id|_ga|_gl|igshid|gidzl|spm|ref_src|cmpid)$"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_XENFORO_PAGE = re.compile(r"/(?:page-\d+|unread|latest|post-\d+)/?$")


def canonical_url(url: str) -> str:
    """Return `url` with lower-case scheme and host, no default port, fragment, user or tracking parameters.

    Other parameters are sorted. Raises `ValueError` for what is not an http or https URL.
    """
    parts = urlsplit(url.strip())
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"not an http URL: {url[:200]!r}")
    host = (
        parts.hostname.rstrip(".").encode("idna").decode() if not parts.hostname.isascii() else parts.hostname
    )
    if ":" in host:
        host = f"[{host}]"
    if parts.port is not None and parts.port != _DEFAULT_PORTS[scheme]:
        host = f"{host}:{parts.port}"
    kept = [
        (name, value) for name, value in parse_qsl(parts.query, True) if not _TRACKING.match(name.lower())
    ]
    path = quote(unquote(parts.path or "/"), safe="/:@!$&'()*+,;=~-._")
    return urlunsplit((scheme, host, path, urlencode(sorted(kept)), ""))


def thread_url(url: str) -> str:
    """Return the canonical URL of the first page of a forum thread."""
    parts = urlsplit(canonical_url(url))
    kept = [(name, value) for name, value in parse_qsl(parts.query, True) if name not in {"page", "pp", "p"}]
    path = _XENFORO_PAGE.sub("/", parts.path)
    return urlunsplit((parts.scheme, parts.netloc, path, urlencode(kept), ""))


def same_host(one: str, other: str) -> bool:
    """Say whether two URLs are of the same host and port."""
    return urlsplit(one).netloc.lower() == urlsplit(other).netloc.lower()
