"""Asks hosts for pages, politely, and keeps what was said on the wire as it was said."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.core.downloader.handlers.http11 import (
    HTTP11DownloadHandler,
    _LenientHTTP11ClientFactory,
    _LenientHTTP11ClientProtocol,
    _LenientHTTPClientParser,
)
from scrapy.exceptions import DownloadCancelledError
from scrapy.http import Response

from crawlers.addresses import PrivateAddress, PublicResolver, literal
from crawlers.robots import directives
from store.archived import Exchange

if TYPE_CHECKING:
    from crawlers.hosts import Hosts, PoliteCrawler

# What a host is left alone for when it says "too many requests" and not for how long.
TOO_MANY_SECONDS = 30.0
# Of status line and headers; browsers take as much.
LARGEST_HEAD = 256 * 1024
# No server packs a page more than once on purpose; each coding costs a look at all its bytes.
MOST_CODINGS = 3
_BUSY = frozenset({429, 503})
_EXCHANGES = "kiemtin_exchanges"


class PoliteHandler(HTTP11DownloadHandler):
    """Takes its turn at the host, refuses private addresses, and remembers each exchange.

    The crawler carries the `hosts` of its process. A host that is busy (429, 503) is left alone for as long
    as its `Retry-After` says, at least 30 seconds.
    """

    def __init__(self, crawler: PoliteCrawler) -> None:
        super().__init__(crawler)
        self._pool._factory = _Factory
        self._hosts = crawler.hosts

    async def download_request(self, request: Request) -> Response:
        hosts = self._hosts
        host, name = urlsplit(request.url).netloc, urlsplit(request.url).hostname or ""
        address = literal(name)
        if address is not None and address not in PublicResolver.allowed:
            raise PrivateAddress(f"{request.url} is a private address")
        async with hosts.gate.turn(host):
            at = datetime.now(UTC)
            try:
                response: Response = await super().download_request(request)
            except Exception as error:
                if name in PublicResolver.refused:
                    raise PrivateAddress(f"{name} leads to {PublicResolver.refused[name]}") from error
                await hosts.failed(host)
                raise
        # A pooled connection was looked at when it was made; this holds for whatever way it was made.
        if response.ip_address is not None and response.ip_address not in PublicResolver.allowed:
            raise PrivateAddress(f"{request.url} was answered by {response.ip_address}")
        if response.status >= 500:
            await hosts.failed(host)
        else:
            hosts.answered(host)
        await heed(hosts, host, response, at)
        codings = b",".join(response.headers.getlist("Content-Encoding")).split(b",")
        if len(codings) > MOST_CODINGS:
            raise DownloadCancelledError(f"{request.url} is packed {len(codings)} times")
        # A redirect and a retry carry the list on: the last one is the answer, those before are how it came.
        request.meta.setdefault(_EXCHANGES, []).append(_exchange(request, response, at))
        return response


class _Parser(_LenientHTTPClientParser):
    """Gives up an answer whose head does not end; Twisted limits each line of it, not how many there are."""

    _head = 0

    def lineReceived(self, line: bytes) -> None:
        self._head += len(line) + 1
        if self._head > LARGEST_HEAD:
            raise ValueError(f"the head of an answer is over {LARGEST_HEAD} bytes")
        super().lineReceived(line)


class _Protocol(_LenientHTTP11ClientProtocol):
    def request(self, request: Any) -> Any:
        answer = super().request(request)
        # As Scrapy puts its own parser in the place of Twisted's.
        self._parser.__class__ = _Parser
        return answer


class _Factory(_LenientHTTP11ClientFactory):
    def buildProtocol(self, addr: object) -> _Protocol:
        return _Protocol(self._quiescentCallback)  # type: ignore[no-untyped-call]


def exchanges(response: Response) -> tuple[Exchange, ...]:
    """Return how a response came: redirects and failed attempts first, itself last."""
    return tuple(response.meta.get(_EXCHANGES, ()))


def came(chain: Sequence[Exchange], robots: dict[str, Any] | None, body: bytes) -> dict[str, Any]:
    """Return what a capture says beside the page: who answered, how it was reached, by which rules."""
    *before, last = chain
    return {
        "ip": last.ip,
        "certificate": last.certificate,
        "robots": robots,
        "directives": directives_of(last, body),
        "before": [{"url": one.url, "status": one.status, "at": one.at.isoformat()} for one in before],
    }


def directives_of(answer: Exchange, body: bytes) -> list[str]:
    """Return what an answer, whose `body` is unpacked, asks of those who keep it."""
    return directives((value for name, value in answer.headers if name.lower() == "x-robots-tag"), body)


async def heed(hosts: Hosts, host: str, response: Response, at: datetime) -> None:
    """Leave a host alone that says it is busy, for as long as it asks."""
    if response.status in _BUSY:
        await hosts.rest(host, max(TOO_MANY_SECONDS, retry_after(response, at)))


def retry_after(response: Response, now: datetime) -> float:
    """Return the seconds that `Retry-After` asks for, as a number or a date; 0 when it says nothing sound."""
    value = (response.headers.get("Retry-After") or b"").decode("latin-1").strip()
    if re.fullmatch(r"\d{1,9}", value):
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    until = until.replace(tzinfo=UTC) if until.tzinfo is None else until
    return max(0.0, (until - now).total_seconds())


def _exchange(request: Request, response: Response, at: datetime) -> Exchange:
    """Return what is kept of an exchange: all of it, but no key of ours, sent or repeated in the answer."""
    certificate = response.certificate
    secret: str = request.meta.get("secret", "")
    return Exchange(
        at=at,
        method=request.method,
        url=request.url,
        request_headers=tuple((name, _blotted(value, secret)) for name, value in _pairs(request.headers)),
        status=response.status,
        headers=_pairs(response.headers),
        body=response.body.replace(secret.encode(), b"*" * len(secret)) if secret else response.body,
        ip=str(response.ip_address or ""),
        certificate=certificate.digest("sha256").decode().replace(":", "").lower() if certificate else "",
    )


def _blotted(value: str, secret: str) -> str:
    return value.replace(secret, "*" * len(secret)) if secret else value


# In a header only these are sound (RFC 9110, 5.5); at others archives and databases stop.
_UNSOUND = re.compile(rb"[^\t -~]")


def _pairs(headers: Mapping[bytes, Sequence[bytes]]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name.decode("latin-1"), _sound(value)) for name, values in headers.items() for value in values
    )


def _sound(part: bytes) -> str:
    return _UNSOUND.sub(lambda found: b"%%%02X" % ord(found.group()), part).decode("ascii")
