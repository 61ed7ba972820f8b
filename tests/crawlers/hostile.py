"""Sites of one fault each, over bare sockets: whatever a server may do, on purpose or by accident.

Each site has an address of its own on loopback, so that one that is down does not take others with it.
"""

from __future__ import annotations

import socket
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Event, Thread
from typing import ClassVar

PARAGRAPH = "Sáng nay chợ Bãi Sậy mở cửa trở lại sau mười ngày nghỉ để khử khuẩn, tiểu thương dọn hàng. "


class HangUp(Exception):
    """The server closes the connection."""


class Reset(Exception):
    """The server breaks the connection off (RST)."""


@dataclass(frozen=True)
class Ask:
    """A request: what it asks for, the root of the site that it asks, and a pause that ends with the server."""

    path: str
    base: str
    pause: Callable[[float], None]


Answer = Callable[[Ask], Iterator[bytes]]


@dataclass(frozen=True)
class Site:
    """A site that answers as it should at `/robots.txt`, `/rss.xml` and `/tot.html`, and else with `answers`.

    Its feed leads to `links`.
    """

    answers: Mapping[str, Answer] = field(default_factory=dict)
    kind: str = "feed"
    root: str = "/rss.xml"
    links: tuple[str, ...] = ("/loi.html", "/tot.html")
    pages_a_day: int | None = None

    def answer(self, ask: Ask) -> Iterator[bytes]:
        if answer := self.answers.get(ask.path):
            return answer(ask)
        if ask.path == "/robots.txt":
            return whole(b"User-agent: *\nDisallow: /kin/\n", "Content-Type: text/plain")(ask)
        if ask.path == "/rss.xml":
            return whole(feed(ask.base, self.links), "Content-Type: application/rss+xml")(ask)
        if ask.path == "/tot.html":
            return whole(article(f"Tin của {ask.base}"))(ask)
        return whole(b"", status="404 Not Found")(ask)


def site(answer: Answer) -> Site:
    """Return a site whose feed leads to a page with a fault, then to one without."""
    return Site({"/loi.html": answer})


def whole(body: bytes, *headers: str, status: str = "200 OK") -> Answer:
    """Return a page that is answered as it should be, but for `headers` and `status`."""
    return lambda ask: iter((head(*headers, f"Content-Length: {len(body)}", status=status), body))


def head(*headers: str, status: str = "200 OK") -> bytes:
    named = headers if any(one.lower().startswith("content-type") for one in headers) else (HTML, *headers)
    return "\r\n".join([f"HTTP/1.1 {status}", *named, "", ""]).encode("latin-1")


HTML = "Content-Type: text/html; charset=utf-8"


def article(title: str, more: str = "") -> bytes:
    body = f"<article><h1>{title}</h1><p>{title}. {PARAGRAPH * 3}</p></article>"
    return (
        f"<!doctype html><html><head><title>{title}</title></head><body>{body}{more}</body></html>".encode()
    )


def feed(base: str, links: tuple[str, ...]) -> bytes:
    items = "".join(f"<item><link>{base}{link}</link></item>" for link in links)
    return f'<rss version="2.0"><channel>{items}</channel></rss>'.encode()


class Server(ThreadingTCPServer):
    """Serves sites by the address at which they are asked; `asked` are the paths asked for, by site."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, sites: Mapping[str, Site]) -> None:
        super().__init__(("0.0.0.0", 0), _Handler)
        self.port: int = self.server_address[1]
        self.sites = {f"127.1.{n >> 8}.{n & 255}": name for n, name in enumerate(sites, 1)}
        self.by_name = sites
        self.asked: dict[str, list[str]] = {name: [] for name in sites}
        self.stopped = Event()

    def entries(self) -> list[dict[str, object]]:
        """Return the sites as a list of sources."""
        return [
            {
                "name": name, "kind": site.kind, "url": f"http://{address}:{self.port}{site.root}",
                "legal_basis": "thử", "rate": 50, "pages_a_day": site.pages_a_day,
            }
            for address, name in self.sites.items()
            for site in (self.by_name[name],)
        ]  # fmt: skip

    def pause(self, seconds: float) -> None:
        if self.stopped.wait(seconds):
            raise HangUp


@contextmanager
def serving(sites: Mapping[str, Site]) -> Iterator[Server]:
    with Server(sites) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.stopped.set()
            server.shutdown()
            thread.join()


class _Handler(BaseRequestHandler):
    server: Server
    request: socket.socket
    _LINGER: ClassVar[bytes] = struct.pack("ii", 1, 0)

    def handle(self) -> None:
        address = self.request.getsockname()[0]
        name = self.server.sites[address]
        base = f"http://{address}:{self.server.port}"
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(HangUp, OSError):
            while path := self._path():
                self.server.asked[name].append(path)
                try:
                    for chunk in self.server.by_name[name].answer(Ask(path, base, self.server.pause)):
                        self.request.sendall(chunk)
                except Reset:
                    self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, self._LINGER)
                    self.request.close()
                    return

    def _path(self) -> str | None:
        asked = b""
        while b"\r\n\r\n" not in asked:
            got = self.request.recv(65536)
            if not got:
                return None
            asked += got
        return asked.split(b" ", 2)[1].decode("latin-1")


# What a server may do to a connection.


def drip(ask: Ask) -> Iterator[bytes]:
    yield head()
    while True:
        yield b"<p>"
        ask.pause(0.3)


def drip_of_headers(ask: Ask) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"X"
        ask.pause(0.3)


def silence(ask: Ask) -> Iterator[bytes]:
    ask.pause(60)
    yield b""


def cut(start: bytes, how: type[HangUp | Reset] = HangUp) -> Answer:
    """Return an answer that goes so far and no further."""

    def answer(ask: Ask) -> Iterator[bytes]:
        yield start
        raise how

    return answer


def without_end(start: bytes, more: bytes) -> Answer:
    def answer(ask: Ask) -> Iterator[bytes]:
        yield start
        while True:
            yield more

    return answer


def twice(ask: Ask) -> Iterator[bytes]:
    """Answer once more than was asked: for what is asked next."""
    yield from whole(article("Tin thật"))(ask)
    yield from whole(article("Tin giả mạo"))(ask)


_OK = b"HTTP/1.1 200 OK\r\n"
_HALF = head("Content-Length: 50000") + b"<p>" * 1000
_LINES = b"".join(b"X-%d: %s\r\n" % (n, b"x" * 8000) for n in range(100))
ARTICLE = article("Tin lạ")

WIRE: dict[str, Site] = {
    "drip": site(drip),
    "drip of headers": site(drip_of_headers),
    "silence": site(silence),
    "nothing": site(cut(b"")),
    "reset": site(cut(_HALF, Reset)),
    "truncated": site(cut(_HALF)),
    "broken chunks": site(cut(head("Transfer-Encoding: chunked") + b"5\r\n<html\r\nzz\r\n" + b"\xff" * 999)),
    "unending chunk": site(cut(head("Transfer-Encoding: chunked") + b"FFFFFFFFFFFF\r\n" + b"<p>" * 999)),
    "HTTP/0.9": site(cut(ARTICLE)),
    "not HTTP": site(cut(b"\0\xff\x16\x03\x01" * 1000)),
    "header without end": site(without_end(_OK + b"X: x\r\n", (b" " + b"x" * 8000 + b"\r\n") * 100)),
    "headers without end": site(without_end(_OK, _LINES)),
    "continue without end": site(without_end(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)),
    "header of 60 kB": site(whole(ARTICLE, "X: " + "x" * 60_000)),
    "2000 headers": site(whole(ARTICLE, *(f"X-{n}: {n}" for n in range(2000)))),
    "NUL in headers": site(whole(ARTICLE, "X: a\0b", 'ETag: "\0"', "Last-Modified: \0")),
    "NUL in a name": site(whole(ARTICLE, "X\0: a")),
    "bytes in headers": site(whole(ARTICLE, "X: \xff\xfe; a\x80", "ETag: \xff", "Content-Type: \xff; a")),
    "cookies": site(whole(ARTICLE, *(f"Set-Cookie: a{n}={'x' * 400}" for n in range(500)))),
    "two lengths": site(whole(ARTICLE, "Content-Length: 7")),
    "negative length": site(cut(head("Content-Length: -5") + ARTICLE)),
    "empty": site(whole(b"")),
    "status 999": site(whole(ARTICLE, status="999 La")),
    "status 99999": site(whole(ARTICLE, status="99999 La")),
    "status abc": site(whole(ARTICLE, status="abc La")),
    "status 304": site(whole(b"", status="304 Not Modified")),
    "status 204": site(whole(b"", status="204 No Content")),
    "twice": site(twice),
}


# Where a server may send one.


def to(location: str, *headers: str) -> Answer:
    """Return a redirect; `PORT` is the port of all sites."""

    def answer(ask: Ask) -> Iterator[bytes]:
        port = ask.base.rpartition(":")[2]
        return whole(b"", f"Location: {location.replace('PORT', port)}", *headers, status="302 Found")(ask)

    return answer


def onwards(ask: Ask) -> Iterator[bytes]:
    number = int(ask.path.strip("/").removesuffix(".html").replace("loi", "0"))
    return whole(b"x" * 1_000_000, f"Location: /{number + 1}.html", status="301 Moved")(ask)


_REFRESH = (
    b"<html><head><meta http-equiv='refresh' content='0; url=/xa.html'></head><body>Xin cho</body></html>"
)

REDIRECTS: dict[str, Site] = {
    "robbed": site(whole(ARTICLE)),
    "to itself": site(to("/loi.html")),
    "to and fro": Site({"/loi.html": to("/b.html"), "/b.html": to("/loi.html")}),
    "ever on": Site({"/loi.html": onwards, **{f"/{n}.html": onwards for n in range(20)}}),
    "file": site(to("file:///etc/passwd")),
    "data": site(to("data:text/html,<p>x")),
    "script": site(to("javascript:alert(1)")),
    "mail": site(to("mailto:a@b.example")),
    "no port": site(to("http://127.0.0.1:99999/")),
    "no address": site(to("http://[::1")),
    "metadata": site(to("http://169.254.169.254/latest/")),
    "loopback": site(to("//[::1]/")),
    "number": site(to("http://2130706433:PORT/")),
    "NUL": site(to("http://a\0b/")),
    "spaces": site(to("http://a b c/")),
    "user": site(to("http://u:p@127.9.9.9:PORT/")),
    "other site": site(to("http://127.1.0.1:PORT/tot.html")),
    "two places": site(to("/tot.html", "Location: http://169.254.169.254/")),
    "long": site(to("/" + "x" * 15_000)),
    "backslash": site(to("\\\\127.9.9.9:PORT\\x")),
    "forbidden": site(to("/kin/a.html")),
    "refresh": site(whole(ARTICLE, "Refresh: 0; url=/xa.html")),
    "meta refresh": site(whole(_REFRESH)),
}


def bomb(size: int, wbits: int) -> bytes:
    """Return so many zeros, packed without packing them all: the same block over and over."""
    packer, unit = zlib.compressobj(9, zlib.DEFLATED, wbits), bytes(1 << 24)
    first, again = (packer.compress(unit) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + again * (size // len(unit) - 1)


BOMB = bomb(10 << 30, 31)


# What may be the rules: each leads to `/kin/a.html` everywhere.

_RULES = b"User-agent: *\nDisallow: /kin/\n"


def ruled(rules: Answer) -> Site:
    return Site({"/robots.txt": rules, "/kin/a.html": whole(ARTICLE)}, links=("/kin/a.html", "/tot.html"))


def rules(body: bytes, *headers: str, status: str = "200 OK") -> Site:
    return ruled(whole(body, *headers, status=status))


ROBOTS: dict[str, Site] = {
    "30 MB": rules(_RULES + b"Disallow: /x\n" * 2_400_000),
    "without end": ruled(without_end(head() + _RULES, b"Disallow: /x\n" * 10_000)),
    "bomb": rules(BOMB, "Content-Encoding: gzip"),
    "plain as gzip": rules(_RULES, "Content-Encoding: gzip"),
    "drip": ruled(drip),
    "to itself": ruled(to("/robots.txt")),
    "elsewhere": ruled(to("http://127.9.9.9:PORT/robots.txt")),
    "204": rules(b"", status="204 No Content"),
    "206": rules(_RULES, status="206 Partial Content"),
    "100,000 rules": rules(_RULES + b"".join(b"Disallow: /%d/*a*b*c$\n" % n for n in range(100_000))),
    "20,000 agents": rules(b"".join(b"User-agent: a%d\n" % n for n in range(20_000)) + _RULES),
    "UTF-16": rules(_RULES.decode().encode("utf-16")),
    "NUL": rules(_RULES.replace(b"User", b"\0User")),
    "only CR": rules(_RULES.replace(b"\n", b"\r")),
    "delay": rules(_RULES + b"Crawl-delay: 1e308\n"),
    "delay without end": rules(_RULES + b"Crawl-delay: inf\n"),
    "rate": rules(_RULES + b"Request-rate: 1/" + b"9" * 4000 + b"\n"),
    "retry in thirty years": rules(b"", "Retry-After: 999999999", status="429 Busy"),
    "retry at the end of time": rules(b"", "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", status="503 Busy"),
    "HTML": Site({"/robots.txt": whole(b"<html><body>Trang chu</body></html>")}, links=("/tot.html",)),
    "bytes": Site({"/robots.txt": whole(bytes(range(256)) * 1000)}, links=("/tot.html",)),
}
