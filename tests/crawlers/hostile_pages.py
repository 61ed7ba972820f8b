"""Sites of one fault each: where pages may lead, what they may be packed as, called, and made of."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

from tests.crawlers.hostile import (
    ARTICLE,
    BOMB,
    Answer,
    Ask,
    Site,
    article,
    bomb,
    head,
    site,
    whole,
    without_end,
)

# Where pages may lead: on and on.


def number(path: str) -> int:
    return int("".join(c for c in path if c.isdigit()) or 0)


def calendar(ask: Ask) -> Iterator[bytes]:
    """Answer with a page that leads to ten more."""
    ten = (number(ask.path) * 10 + n for n in range(1, 11))
    links = "".join(f"<link rel='alternate' type='application/rss+xml' href='/lich/{n}'>" for n in ten)
    return whole(f"<html><head>{links}</head><body>Lịch</body></html>".encode())(ask)


class _Everywhere(dict[str, Answer]):
    """One answer for all pages but the rules."""

    def __init__(self, answer: Answer) -> None:
        super().__init__({"/robots.txt": whole(b"")})
        self._answer = answer

    def get(self, path: str, default: object = None) -> Answer:
        return super().get(path, self._answer)


def many(line: str, page: str, kind: str) -> Site:
    """Return a site of which one page leads to 100,000."""
    body = page.format("".join(line.format(n=n) for n in range(100_000))).encode()
    return Site({"/nhieu": whole(body)}, kind, "/nhieu", pages_a_day=3)


_RSS = '<rss version="2.0"><channel>{}</channel></rss>'
_XENFORO = (
    "<div class='structItem structItem--thread'><div class='structItem-title'>"
    "<a href='/threads/chu-de.{n}/'>Chủ đề {n}</a></div></div>"
)
_PAGE = "<html><body>{}</body></html>"

ENDLESS: dict[str, Site] = {
    "feeds": Site(_Everywhere(calendar), root="/lich/0"),
    "entries": many("<item><link>/{n}</link></item>", _RSS, "feed"),
    "threads": many(_XENFORO, _PAGE, "forum"),
    "long addresses": Site(links=(f"/{'x' * 6000}", "/tot.html")),
}


# What a body may be packed as.


def packed(body: bytes, *codings: str) -> Site:
    return site(whole(body, *(f"Content-Encoding: {coding}" for coding in codings)))


def layers(body: bytes, number: int) -> bytes:
    for _ in range(number):
        body = gzip.compress(body, 0)
    return body


PACKED: dict[str, Site] = {
    "gzip of 10 GB": packed(BOMB, "gzip"),
    "gzip twice": packed(gzip.compress(BOMB), "gzip, gzip"),
    "gzip in two headers": packed(gzip.compress(BOMB), "gzip", "gzip"),
    "deflate of 10 GB": packed(bomb(10 << 30, 15), "deflate"),
    "bare deflate": packed(bomb(10 << 30, -15), "deflate"),
    "200 layers": packed(layers(ARTICLE, 200), *["gzip"] * 200),
    "plain as gzip": packed(ARTICLE, "gzip"),
    "plain as deflate": packed(ARTICLE, "deflate"),
    "unknown": packed(ARTICLE, "x-la"),
    "cut": packed(gzip.compress(ARTICLE)[:-12], "gzip"),
    "21 MB": site(whole(b"x" * 21_000_000)),
    "without end": site(without_end(head(), b"<p>" * 20_000)),
    "chunks without end": site(
        without_end(head("Transfer-Encoding: chunked"), b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
    ),
}


# What may stand in a page.


def within(markup: str) -> Site:
    return site(whole(article("Tin lạ", markup)))


_ENTITIES = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
_BOMB = (
    f'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a0 "ha">{_ENTITIES}<!ENTITY x SYSTEM "file:///etc/passwd">]>'
)


def sitemap_of_entities(ask: Ask) -> Iterator[bytes]:
    addresses = f"<url><loc>&a11;&x;</loc></url><url><loc>{ask.base}/tot.html</loc></url>"
    return whole(f"{_BOMB}<urlset>{addresses}</urlset>".encode())(ask)


_AGAIN = "<item><title>{}</title><link>/tot.html</link></item>"
_LINK = "<a href='tin-{n}-rat-hay-cua-cho.html'>Tin rất hay số {n} của chợ</a>"
_SECTION = (
    "<html><head><base href='http://169.254.169.254/'></head>"
    f"<body>{''.join(_LINK.format(n=n) for n in range(1000, 1009))}</body></html>"
)
_MB = 1_000_000

MARKUP: dict[str, Site] = {
    "10 MB of div": within("<div>" * (2 * _MB)),
    "10 MB of table": within("<table>" * (10 * _MB // 7)),
    "attribute of 5 MB": within(f"<p title='{'x' * 5 * _MB}'>a</p>"),
    "a million attributes": within(f"<p {' '.join(f'a{n}=b' for n in range(_MB))}>a</p>"),
    "NUL in the body": site(whole(article("Tin rỗng").replace(b" ", b"\0 "))),
    "base elsewhere": Site({"/muc": whole(_SECTION.encode())}, "site", "/muc"),
    "entities in a feed": Site(
        {"/rss.xml": whole((_BOMB + _RSS.format(_AGAIN.format("&a11;&x;"))).encode())}
    ),
    "entities in a sitemap": Site({"/s": sitemap_of_entities}, "sitemap", "/s"),
    "feed of 19 MB": Site({"/rss.xml": whole(_RSS.format(_AGAIN.format("x" * 19 * _MB)).encode())}),
}


# What a body may be called.


def called(*headers: str, body: bytes = ARTICLE) -> Site:
    return site(whole(body, *headers))


TYPES: dict[str, Site] = {
    "no type": site(whole(ARTICLE, "content-type-: ")),
    "image": called("Content-Type: image/png"),
    "junk": called(f"Content-Type: text/html; charset={'x' * 10_000}"),
    "no such charset": called("Content-Type: text/html; charset=khong-co"),
    "utf-7": called("Content-Type: text/html; charset=utf-7"),
    "a codec": called("Content-Type: text/html; charset=zlib_codec"),
    "NUL": called("Content-Type: text/html; charset=ut\0f-8"),
    "several": called(
        "Content-Type: image/png", "Content-Type: text/html; charset=utf-16", "Content-Type: a"
    ),
    "bytes": called("Content-Type: \xff\xfe; charset=\xff"),
    "picture": called("Content-Type: text/html", body=b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100),
}
