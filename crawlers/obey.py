"""Asks for robots.txt before anything else of a host, and lets through only what it allows."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from urllib.parse import urlsplit

import structlog
from scrapy import Request, Spider
from scrapy.downloadermiddlewares.offsite import OffsiteMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK

from crawlers.addresses import PrivateAddress
from crawlers.frontier import LONGEST_URL
from crawlers.gate import HostResting
from crawlers.hosts import PoliteCrawler
from crawlers.robots import RobotsForbidden, RobotsUnreachable, Rules, rules_of

log = structlog.get_logger("kiemtin.crawl")


class OffSite(IgnoreRequest):
    """A page, or what it redirects to, is not of the site of its source."""


class TooLong(IgnoreRequest):
    """An address is longer than any that is kept."""


class OwnSite(OffsiteMiddleware):
    """Lets through only what is of the site of the source: no other host is asked, nor sees a key.

    Scrapy's own lets pass what is not to be filtered as asked before, and drops the rest without a word.
    """

    def process_request(self, request: Request, spider: Spider | None = None) -> None:
        """Raise `OffSite` for a request to another host, `TooLong` for an address that cannot be kept."""
        if len(request.url) > LONGEST_URL:
            raise TooLong(request.url[:200])
        if self.crawler.spider and not self.should_follow(request, self.crawler.spider):
            raise OffSite(request.url)

    def request_scheduled(self, request: Request, spider: Spider) -> None:
        """Let everything be scheduled: what is dropped here is never heard of."""


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
        request.meta["robots"] = rules.allowance

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
