"""Asks public addresses for what a page needs, within limits: the only way out that the browser has."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from urllib.parse import urljoin

import httpcore
from w3lib.url import safe_url_string

from crawlers.addresses import Allowed, PrivateAddress
from store.archived import Exchange

Headers = tuple[tuple[str, str], ...]

HOPS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Seconds for one answer: one that hangs must not take the time of all others.
_SLOWEST = 10.0
_CONNECT = 5.0
_GZIP = 31  # zlib window bits that mean: a gzip header and trailer


@dataclass(frozen=True)
class Limits:
    """What a page may cost.

    `requests` in all; `size` in bytes of all answers, as they were sent, and `one` of a single one;
    `loading` and `seconds` from the request for the page on: until then it may ask for more, until then it
    must be shown; `height` of its picture in pixels.
    """

    requests: int = 200
    size: int = 30_000_000
    one: int = 10_000_000
    loading: float = 20.0
    seconds: float = 30.0
    height: int = 20_000


class NotReached(Exception):
    """An answer did not come, or was not asked for; `reason` is the word of its counter."""

    def __init__(self, reason: str, said: str = "") -> None:
        super().__init__(said or reason)
        self.reason = reason


@dataclass(frozen=True)
class Answer:
    """An answer as it was sent, and its `body` decoded of content coding."""

    exchange: Exchange
    body: bytes

    def header(self, name: str) -> str:
        """Return a header by its name in lower case, "" when it was not sent."""
        return _header(self.exchange.headers, name)

    @property
    def leads_to(self) -> str | None:
        """Where a redirect leads, None for what is none, or leads nowhere."""
        location = self.header("location")
        if self.exchange.status not in _REDIRECTS or not location:
            return None
        try:
            # Headers were read as Latin-1; what they hold may be any bytes.
            return urljoin(self.exchange.url, safe_url_string(location.encode("latin-1")))
        except ValueError:
            return None


class Reach:
    """Asks for one page and what belongs to it; an async context manager, for one event loop.

    Names are looked up here, every address that a name has is looked at, and the connection goes to one of
    those: neither a name that changes its address (DNS rebinding) nor a redirect leads inside. No cookies,
    no credentials. `exchanges` are all answers that came.
    """

    def __init__(self, allowed: Allowed, agent: str, limits: Limits) -> None:
        self.limits = limits
        self.exchanges: list[Exchange] = []
        self.refused: Counter[str] = Counter()
        self._agent = agent
        self._requests = 0
        self._size = 0
        self._began = float("inf")
        # The certificates that the machine trusts; an operator may add to them (SSL_CERT_FILE).
        self._pool = httpcore.AsyncConnectionPool(
            ssl.create_default_context(), max_connections=6, network_backend=_Looked(allowed)
        )

    async def __aenter__(self) -> Reach:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.aclose()

    def begin(self) -> None:
        """Let the time of the page run, unless it does already."""
        self._began = min(self._began, asyncio.get_running_loop().time())

    @property
    def loads_until(self) -> float:
        """When nothing more may be asked for, in the time of the event loop."""
        return self._began + self.limits.loading

    @property
    def ends(self) -> float:
        """When the page must be shown, in the time of the event loop."""
        return self._began + self.limits.seconds

    async def ask(self, url: str, headers: Headers = ()) -> Answer:
        """Return one answer, a redirect too; raises `NotReached`."""
        if self._requests >= self.limits.requests:
            raise NotReached("limit/requests")
        self._requests += 1
        try:
            now = asyncio.get_running_loop().time()
            async with asyncio.timeout_at(min(self.loads_until, now + _SLOWEST)):
                answer = await self._ask(url, headers)
        except PrivateAddress as error:
            raise NotReached("host/private", str(error)) from error
        except TimeoutError as error:
            raise NotReached("fetch/timeout", "máy chủ trả lời quá chậm") from error
        except NotReached:
            raise
        except Exception as error:
            # Whatever a server answers or an address is, the rest of the page goes on.
            raise NotReached(f"fetch/{type(error).__name__}", str(error)) from error
        self.exchanges.append(answer.exchange)
        return answer

    async def follow(self, url: str, headers: Headers = ()) -> Answer:
        """Return the answer at the end of redirects; raises `NotReached`."""
        for _ in range(HOPS + 1):
            answer = await self.ask(url, headers)
            if answer.leads_to is None:
                return answer
            url = answer.leads_to
        raise NotReached("fetch/redirects", "chuyển hướng quá nhiều lần")

    async def _ask(self, url: str, headers: Headers) -> Answer:
        at = datetime.now(UTC)
        sent = (("User-Agent", self._agent), ("Accept-Encoding", "gzip"), *headers)
        headers_sent = [(name.encode(), value.encode()) for name, value in sent]
        async with self._pool.stream("GET", url, headers=headers_sent) as response:
            received = tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in response.headers)
            stream = response.extensions["network_stream"]
            address, tls = stream.get_extra_info("server_addr"), stream.get_extra_info("ssl_object")
            certificate = tls.getpeercert(binary_form=True) if tls else None
            body = await self._body(response, _header(received, "content-length"))
        exchange = Exchange(
            at=at,
            url=url,
            status=response.status,
            headers=received,
            body=body,
            request_headers=sent,
            ip=address[0] if address else "",
            certificate=hashlib.sha256(certificate).hexdigest() if certificate else "",
        )
        return Answer(exchange, _decoded(_header(received, "content-encoding"), body, self.limits.size))

    async def _body(self, response: httpcore.Response, announced: str) -> bytes:
        if announced.isdecimal() and int(announced) > self.limits.one:
            raise NotReached("capture/oversize", "trả lời quá lớn")
        body = bytearray()
        async for chunk in response.aiter_stream():
            self._size += len(chunk)
            if self._size > self.limits.size:
                raise NotReached("limit/bytes")
            body += chunk
            if len(body) > self.limits.one:
                raise NotReached("capture/oversize", "trả lời quá lớn")
        return bytes(body)


class _Looked(httpcore.AsyncNetworkBackend):
    """Connects to public addresses only."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        for address in addresses:
            if address not in self._allowed:
                raise PrivateAddress(f"{host} leads to {address}")
        *others, last = addresses
        for address in others:
            try:
                return await self._network.connect_tcp(address, port, _CONNECT, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(last, port, _CONNECT, local_address, socket_options)


def _header(headers: Headers, name: str) -> str:
    return ", ".join(value for key, value in headers if key.lower() == name)


def _decoded(coding: str, body: bytes, largest: int) -> bytes:
    if coding.lower() in {"", "identity"}:
        return body
    if coding.lower() not in {"gzip", "x-gzip"}:
        raise NotReached("fetch/coding", f"mã hóa {coding}")
    inflate = zlib.decompressobj(_GZIP)
    try:
        decoded = inflate.decompress(body, largest)
    except zlib.error as error:
        raise NotReached("fetch/coding", str(error)) from error
    if inflate.unconsumed_tail:
        raise NotReached("capture/oversize", "trả lời phình quá lớn khi giải nén")
    return decoded
