"""robots.txt (RFC 9309) that fails closed: where the rules cannot be read, nothing is fetched."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog
from protego import Protego
from scrapy import Request
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK

from crawlers.addresses import PrivateAddress
from crawlers.gate import HostResting

if TYPE_CHECKING:
    from crawlers.hosts import PoliteCrawler

log = structlog.get_logger("kiemtin.crawl")

AGENT = "KiemTin"
KEPT = timedelta(hours=24)
# RFC 9309 2.5: at least so many bytes are parsed; what is beyond may be left.
LONGEST = 500 * 1024
_TOO_MANY = 429


_HEAD = 65_536
_META = re.compile(r"<meta\s[^>]{1,500}>")
_NAME = re.compile(r"""name\s*=\s*["']?([\w-]+)""")
_CONTENT = re.compile(r"""content\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_DIRECTIVES = frozenset({"noindex", "noarchive", "nofollow", "nosnippet", "none"})


class RobotsForbidden(IgnoreRequest):
    """robots.txt does not allow this page."""


class RobotsUnreachable(IgnoreRequest):
    """robots.txt could not be read, so nothing of the host is fetched."""


@dataclass(frozen=True)
class Rules:
    """The rules of one host, as it answered at `at`; without an answer `status` is None."""

    status: int | None
    text: str
    at: datetime

    @property
    def readable(self) -> bool:
        """Whether the answer says what is allowed: a file, or its absence.

        RFC 9309 2.3.1.3: client errors mean that there are no rules; 2.3.1.4: server errors and silence
        mean that nothing is allowed. "Too many requests" is no word about rules, and closes too.
        """
        return self.status is not None and (
            self.status == 200 or (400 <= self.status < 500 and self.status != _TOO_MANY)
        )

    @cached_property
    def _parsed(self) -> Protego:
        return Protego.parse(self.text if self.status == 200 else "")

    def allows(self, url: str) -> bool:
        """Say whether this crawler may fetch `url`."""
        return self.readable and bool(self._parsed.can_fetch(url, AGENT))

    @property
    def seconds_apart(self) -> float:
        """How far apart requests must be by `Crawl-delay` and `Request-rate`; 0 where neither is said."""
        if not self.readable:
            return 0.0
        rate = self._parsed.request_rate(AGENT)
        by_rate = rate.seconds / rate.requests if rate is not None and rate.requests else 0.0
        return max(float(self._parsed.crawl_delay(AGENT) or 0.0), by_rate)


def rules_of(status: int, body: bytes, at: datetime) -> Rules:
    """Return the rules that an answer to /robots.txt holds."""
    text = body[:LONGEST].decode("utf-8-sig", "ignore") if status == 200 else ""
    # A NUL would end the text in some databases, and means nothing in a robots.txt.
    return Rules(status, text.replace("\0", ""), at)


def directives(tags: Iterable[str], body: bytes) -> list[str]:
    """Return what a page asks of those who keep it, such as `noindex` and `noarchive`, sorted.

    From `X-Robots-Tag` headers and from `<meta name="robots">` near the start of the page; what is said to
    other crawlers by name is left out, `none` stands for what it means.
    """
    said = []
    for value in tags:
        # `agent: directives`, or only directives; one with a value (`max-snippet: 5`) is none of ours.
        agent, colon, rest = value.lower().partition(":")
        if not colon or "," in agent:
            said.append(value.lower())
        elif agent.strip() == AGENT.lower():
            said.append(rest)
    for meta in _META.findall(body[:_HEAD].decode("latin-1").lower()):
        name, content = _NAME.search(meta), _CONTENT.search(meta)
        if name and content and name.group(1) in {"robots", AGENT.lower()}:
            said.append(content.group(1) or content.group(2) or "")
    found = {word.strip() for value in said for word in value.split(",")} & _DIRECTIVES
    return sorted(found - {"none"} | ({"nofollow", "noindex"} if "none" in found else set()))


class FailClosedRobots:
    """Asks each host for its rules before anything else, keeps to them, and notes them for the capture.

    The crawler carries the `hosts` of its process, which keep rules for 24 hours, also beyond a run.
    """

    def __init__(self, crawler: PoliteCrawler) -> None:
        self._crawler = crawler
        self._hosts = crawler.hosts

    @classmethod
    def from_crawler(cls, crawler: PoliteCrawler) -> FailClosedRobots:
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Raise `RobotsForbidden` or `RobotsUnreachable` unless the rules of the host allow `request`."""
        if request.meta.get("dont_obey_robotstxt"):
            return
        host = urlsplit(request.url).netloc
        rules = await self._rules(request.url, host)
        if not rules.readable:
            raise RobotsUnreachable(f"robots.txt of {host}: {rules.status or 'no answer'}")
        if not rules.allows(request.url):
            raise RobotsForbidden(request.url)
        self._hosts.gate.slow(host, rules.seconds_apart)
        request.meta["robots"] = {"status": rules.status, "at": rules.at.isoformat(), "allows": True}

    async def _rules(self, url: str, host: str) -> Rules:
        kept = self._hosts.rules(host)
        if kept is not None:
            return kept
        asking = self._hosts.asking
        if host not in asking:
            # All who come meanwhile, from whatever source, wait for the one answer.
            asking[host] = asyncio.ensure_future(self._ask(url, host))
        return await asyncio.shield(asking[host])

    async def _ask(self, url: str, host: str) -> Rules:
        request = Request(
            f"{urlsplit(url).scheme}://{host}/robots.txt",
            priority=1000,
            callback=NO_CALLBACK,
            meta={"dont_obey_robotstxt": True},
        )
        try:
            response: Response = await self._crawler.engine.download_async(request)
            rules = rules_of(response.status, response.body, datetime.now(UTC))
        except (PrivateAddress, HostResting):
            raise
        except Exception as error:  # noqa: BLE001 whatever else kept us from an answer closes the host
            log.warning("robots.unreachable", host=host, why=type(error).__name__)
            rules = Rules(None, "", datetime.now(UTC))
        finally:
            del self._hosts.asking[host]
        await self._hosts.keep_rules(host, rules)
        return rules
