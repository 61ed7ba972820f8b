"""The key by which an index of an archive (CDXJ) is sorted: a URL from its widest part to its narrowest.

The rule is "Searchable URL" of CDXJ 0.1.0 (specs.webrecorder.net/cdxj/0.1.0/#searchable-url): lower case, no
scheme, host turned round, `)`, path, query. As indexers of web archives do, addresses that lead to one page
get one key: the host without `www.` or `www2.`, no user, no default port, no fragment; dots and empty parts
of the path resolved, no slash at its end; percent-encoding undone and done again where a sign needs it;
arguments of the query sorted. Session numbers in an address are left in.
"""

from __future__ import annotations

import re
from posixpath import normpath
from urllib.parse import quote, unquote_to_bytes, urlsplit

_PORTS = {"http": 80, "https": 443}
# Printable ASCII apart from the space and what would be read as an escape or a fragment.
_PLAIN = "".join(letter for letter in map(chr, range(0x21, 0x7F)) if letter not in "#%")


def surt(url: str) -> str:
    """Return the key, without spaces; of what is no `http` URL, or a broken one, the URL itself."""
    try:
        parts = urlsplit(url.strip())
        default, port = _PORTS[parts.scheme], parts.port
        host = _host(parts.hostname or "")
    except (KeyError, ValueError):
        return url.replace(" ", "%20")
    path = normpath("/" + _escaped(parts.path).lstrip("/"))
    query = "&".join(sorted(_escaped(parts.query).split("&"), key=lambda one: one.split("=", 1)))
    shown = "" if port in {None, default} else f":{port}"
    return f"{','.join(reversed(host.split('.')))}{shown}){path}{'?' * bool(query)}{query}"


def _host(said: str) -> str:
    """Return a host as it is asked for, `www.` left away; raises `UnicodeError` (a `ValueError`) for none."""
    host = unquote_to_bytes(said).decode("utf-8").encode("idna").decode("ascii").lower().strip(".")
    return re.sub(r"^www\d*\.", "", host)


def _escaped(said: str) -> str:
    """Return a part in lower case, its encoding undone however often it was done, then done once."""
    plain = said.encode("utf-8")
    while (once := unquote_to_bytes(plain)) != plain:
        plain = once
    return quote(plain, safe=_PLAIN).lower()
