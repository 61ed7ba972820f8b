"""The canonical form of a URL: by it a post is the same post, however it was linked."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

# Parameters that say how a visitor came, never what the page is.
_TRACKING = re.compile(
    r"^(?:utm_.*|fbclid|gclid|dclid|msclkid|zarsrc|mc_[ce]id|_ga|_gl|igshid|gidzl|spm|ref_src|cmpid)$"
)
# What a visit is told by where there are no cookies: vBulletin, phpBB, PHP.
_VISIT = re.compile(r"^(?:s|sid|PHPSESSID)=[0-9a-fA-F]{32}$")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_XENFORO_PAGE = re.compile(r"/(?:page-\d+|unread|latest|post-\d+)/?$")


def canonical_url(url: str) -> str:
    """Return `url` with lower-case scheme and host, no default port, fragment, user, session or tracking.

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
        (name, value)
        for name, value in parse_qsl(parts.query, True)
        if not _TRACKING.match(name.lower()) and not _VISIT.match(f"{name}={value}")
    ]
    path = quote(unquote(parts.path or "/"), safe="/:@!$&'()*+,;=~-._")
    query = urlencode(sorted(kept))
    if len(kept) == 1 and not kept[0][1] and "=" not in parts.query:
        # A path in the place of a query, as vBulletin 4 has it: `showthread.php?12-Chu-de/page2`.
        query = quote(unquote(parts.query), safe="/-._~")
    return urlunsplit((scheme, host, path, query, ""))


def thread_url(url: str) -> str:
    """Return the canonical URL of the first page of a forum thread."""
    parts = urlsplit(canonical_url(url))
    kept = [(name, value) for name, value in parse_qsl(parts.query, True) if name not in {"page", "pp", "p"}]
    path = _XENFORO_PAGE.sub("/", parts.path)
    return urlunsplit((parts.scheme, parts.netloc, path, urlencode(kept), ""))


def same_host(one: str, other: str) -> bool:
    """Say whether two URLs are of the same host and port."""
    return urlsplit(one).netloc.lower() == urlsplit(other).netloc.lower()
