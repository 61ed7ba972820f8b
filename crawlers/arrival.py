"""How a page that is to be shown is reached: by the rules of its host, and through its redirects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urldefrag, urlsplit

from scrapy.http import Response

from crawlers.fetch import heed
from crawlers.hosts import Hosts
from crawlers.reach import HOPS, Answer, NotReached, Reach
from crawlers.robots import Rules, rules_of

_HEADERS = (("Accept", "text/html,application/xhtml+xml,*/*;q=0.5"), ("Accept-Language", "vi"))
_WEB_PAGES = ("text/html", "application/xhtml+xml")
_GONE = frozenset({404, 410})


class CannotShow(Exception):
    """A page cannot be shown; the message says why."""


@dataclass(frozen=True)
class Arrival:
    """How a page came: redirects first, itself last; and what its host says to crawlers."""

    chain: Sequence[Answer]
    rules: Rules

    @property
    def page(self) -> Answer:
        return self.chain[-1]


async def arrive(hosts: Hosts, reach: Reach, url: str) -> Arrival:
    """Fetch a page when it is its host's turn, each redirect too; the time of `reach` begins to run.

    Raises `CannotShow`, and `HostResting` for a host that is to be left alone for now.
    """
    try:
        return await _arrive(hosts, reach, url)
    except NotReached as error:
        raise CannotShow(f"Không tải được trang: {error}.") from error


async def _arrive(hosts: Hosts, reach: Reach, url: str) -> Arrival:
    chain: list[Answer] = []
    for _ in range(HOPS + 1):
        host = urlsplit(url).netloc
        hosts.load([host])
        rules = hosts.rules(host) or await _ask_rules(hosts, reach, url)
        if not rules.readable:
            raise CannotShow(f"Không đọc được robots.txt của {host}, nên không tải trang.")
        if not rules.allows(url):
            raise CannotShow(f"robots.txt của {host} không cho phép tải trang này.")
        hosts.gate.slow(host, rules.seconds_apart)
        async with hosts.gate.turn(host):
            reach.begin()
            chain.append(await reach.ask(url, _HEADERS))
        if chain[-1].leads_to is None:
            await _check(hosts, host, chain[-1])
            return Arrival(chain, rules)
        url = urldefrag(chain[-1].leads_to).url
    raise CannotShow("Trang chuyển hướng quá nhiều lần.")


async def _ask_rules(hosts: Hosts, reach: Reach, url: str) -> Rules:
    parts = urlsplit(url)
    async with hosts.gate.turn(parts.netloc):
        try:
            answer = await reach.follow(f"{parts.scheme}://{parts.netloc}/robots.txt")
        except NotReached as error:
            if error.reason == "host/private":
                raise
            rules = Rules(None, "", datetime.now(UTC))
        else:
            rules = rules_of(answer.exchange.status, answer.body, datetime.now(UTC))
    await hosts.keep_rules(parts.netloc, rules)
    return rules


async def _check(hosts: Hosts, host: str, answer: Answer) -> None:
    """Raise `CannotShow` unless an answer is a page; a host that is busy is left alone."""
    status, media_type = answer.exchange.status, answer.header("content-type")
    headers = {"Retry-After": answer.header("retry-after")}
    said = Response(answer.exchange.url, status=status, headers=headers)
    await heed(hosts, host, said, datetime.now(UTC))
    if status in _GONE:
        raise CannotShow(f"Trang không còn: máy chủ trả lời {status}.")
    if status != 200:
        raise CannotShow(f"Không có trang: máy chủ trả lời {status}.")
    if not media_type.lower().startswith(_WEB_PAGES):
        raise CannotShow(f"Không phải trang web: {media_type or 'máy chủ không nói loại gì'}.")
