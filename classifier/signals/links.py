"""Web addresses in folded text, and which of them hide where they lead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from classifier.signals.data import read

if TYPE_CHECKING:
    from tldextract import TLDExtract

# Labels joined by dots. The look behind lets one search start per run of such characters; labels are
# possessive, so a run that is no address is left at once.
_ADDRESS = re.compile(
    r"(?P<scheme>\bhttps?:// ?)?(?<![\w.-])(?P<mail>(?<=@))?(?P<host>\w[\w-]{0,62}+(?:\.\w[\w-]{0,62}+)++)"
    r"(?::\d{1,5})?(?P<path>/\S{0,200})?"
)
_LONGEST: Final = 253  # characters of a host name (RFC 1035)
_DOTTED = re.compile(r"\.[^\W_]")
_NO_FULL_STOP = re.compile(r" ?(?:\[\.\]|\(\.\)|\[dot\]|\(dot\)) ?")  # trocap[.]com, as warnings write it
_BARE = ("https://", "http://", "<url>", "www.")


@dataclass(frozen=True)
class Address:
    """A web address in a text: its host and path, and the parts of the host by the public suffix list."""

    host: str
    path: str
    said: str  # as it stands in the text
    under: str  # the labels before the registrable name: "a.b" of a.b.vietcombank.com.vn
    name: str  # the registrable name without its ending: "vietcombank"
    ending: str  # "com.vn"
    is_link: bool  # False for the host of a mail address, and for two words joined by a full stop


def find(folded: str) -> Iterator[Address]:
    """Yield the addresses of a folded text, in order."""
    text = _NO_FULL_STOP.sub(".", folded) if "." in folded and _NO_FULL_STOP.search(folded) else folded
    if _DOTTED.search(text) is None:
        return
    endings, known = _endings(), _known()
    for match in _ADDRESS.finditer(text):
        host, path = match["host"], match["path"] or ""
        last = host.rpartition(".")[2]
        if len(host) > _LONGEST or (last.isdigit() and match["scheme"] is None):
            continue  # no host; 1.000.000, 17.30
        marked = match["scheme"] is not None or host.startswith("www.") or bool(path)
        if not marked and last not in endings and host not in known:
            continue
        parts = _split(host)
        if not parts[2] and match["scheme"] is None:
            continue
        yield Address(host, path, match.group().strip(), *parts, is_link=match["mail"] is None)


def bare_link(folded: str) -> str | None:
    """Return what shows that a link stands in the text although no address can be read."""
    return next((sign for sign in _BARE if sign in folded), None)


def hides(address: Address) -> bool:
    """Say whether the address is a shortened link, or leads into a closed group or to a private contact."""
    host = address.host.removeprefix("www.")
    if host in _shorteners():
        return len(address.path) > 1
    return any(
        host == joined and len(address.path) > len(path) + 1 and address.path.startswith(f"/{path}")
        for joined, path in _joins()
    )


def _split(host: str) -> tuple[str, str, str]:
    found = _suffixes()(host)
    return found.subdomain, found.domain, found.suffix


@cache
def _suffixes() -> TLDExtract:
    from tldextract import TLDExtract  # it takes long to import, and most posts have no address

    # No list is fetched and nothing is cached on disk: the snapshot that comes with the library.
    return TLDExtract(suffix_list_urls=(), cache_dir=None)


@cache
def _endings() -> frozenset[str]:
    return frozenset(read("sites.yaml")["endings"])


@cache
def _shorteners() -> frozenset[str]:
    return frozenset(read("sites.yaml")["shorteners"])


@cache
def _known() -> frozenset[str]:
    return _shorteners() | {host for host, _ in _joins()}


@cache
def _joins() -> tuple[tuple[str, str], ...]:
    return tuple((row["host"], row["path"]) for row in read("sites.yaml")["joins"])
