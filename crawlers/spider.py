"""The spider: walks one source, feed to articles or forum to threads, and no further."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import scrapy
from scrapy.exceptions import DownloadCancelledError, IgnoreRequest
from scrapy.http import Response
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from crawlers.addresses import PrivateAddress
from crawlers.articles import read_article
from crawlers.feeds import read_feed
from crawlers.fetch import exchanges
from crawlers.forums import read_forum
from crawlers.gate import HostResting
from crawlers.intake import Fetched, Intake
from crawlers.page import Unreadable
from crawlers.robots import RobotsForbidden, RobotsUnreachable
from store.tables import Source
from store.vocabulary import PostKind, SourceKind

T = TypeVar("T")

THREAD_PAGES = 50
LISTING_PAGES = 2


class SourceSpider(scrapy.Spider):
    """Crawls one source. Reading and writing happen in `executor`, one page at a time."""

    name = "source"

    def __init__(
        self,
        source: Source,
        intake: Intake,
        executor: Executor,
        revisit: timedelta,
        moved: Callable[[int, int], None],
    ) -> None:
        super().__init__(name=f"source-{source.id}")
        self.source = source
        self.intake = intake
        self.executor = executor
        self.revisit = revisit
        self.moved = moved
        self.allowed_domains = [(urlsplit(source.url or "").hostname or "").removeprefix("www.")]
        self.asked: set[str] = set()

    async def start(self) -> AsyncIterator[Any]:
        """Ask for the source itself."""
        first = self.parse_feed if self.source.kind == SourceKind.RSS else self.parse_forum
        for request in self._ask([self.source.url or ""], first):
            yield request

    async def parse_feed(self, response: Response) -> AsyncIterator[scrapy.Request]:
        """Keep a feed and ask for the articles it names that were not seen lately."""
        entries = await self._read(response, lambda: read_feed(response.body))
        if entries is None:
            return
        await self._keep(response, PostKind.ARTICLE)
        urls = [entry.url for entry in entries]
        recent = await self._aside(lambda: self.intake.recent(urls, self.revisit))
        self.intake.counters["page/recent"] += len(recent)
        for request in self._ask([url for url in urls if url not in recent], self.parse_article):
            yield request

    async def parse_article(self, response: Response) -> None:
        """Keep an article."""
        item = await self._read(
            response, lambda: read_article(response.body, response.url, _charset(response))
        )
        if item is not None:
            await self._keep(response, PostKind.ARTICLE, item)

    async def parse_forum(self, response: Response) -> AsyncIterator[scrapy.Request]:
        """Keep a forum page; ask for its threads, and for the page after it."""
        page = await self._read(response, lambda: read_forum(response.body, response.url, _charset(response)))
        if page is None:
            return
        await self._keep(response, PostKind.FORUM, *page.items)
        pages = response.meta.get("page", 1)
        for request in self._ask(page.threads, self.parse_forum):
            yield request
        if page.next_page and pages < (THREAD_PAGES if page.items else LISTING_PAGES):
            for request in self._ask([page.next_page], self.parse_forum, page=pages + 1):
                yield request

    def failed(self, failure: Failure) -> None:
        """Count what could not be fetched, by its reason."""
        error = failure.value
        self.intake.counters[_reason(error)] += 1
        self._step()

    def _ask(self, urls: Any, callback: Any, **meta: Any) -> list[scrapy.Request]:
        fresh = [url for url in dict.fromkeys(urls) if url not in self.asked]
        self.asked.update(fresh)
        self.moved(0, len(fresh))
        return [
            scrapy.Request(url, callback, errback=self.failed, meta=meta, dont_filter=True) for url in fresh
        ]

    async def _read(self, response: Response, read: Callable[[], T]) -> T | None:
        try:
            return await self._aside(read)
        except Unreadable as error:
            self.logger.warning("%s: %s", response.url, error)
            self.intake.counters["page/unreadable"] += 1
            self._step()
            return None

    async def _keep(self, response: Response, kind: PostKind, *items: Any) -> None:
        headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, values in response.headers.items()
            for value in values
        )
        media_type = (response.headers.get("Content-Type") or b"").decode("latin-1")
        fetched = Fetched(response.url, response.status, headers, media_type, response.body, _came(response))
        await self._aside(lambda: self.intake.take(fetched, kind, items))
        self._step()

    async def _aside(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.executor, work)

    def _step(self) -> None:
        self.moved(1, 0)


def _charset(response: Response) -> str | None:
    content_type = (response.headers.get("Content-Type") or b"").decode("latin-1").lower()
    _, found, charset = content_type.partition("charset=")
    return charset.split(";")[0].strip(" \"'") or None if found else None


_REASONS: dict[type[BaseException], str] = {
    HostResting: "host/resting",
    PrivateAddress: "host/private",
    RobotsForbidden: "robots/forbidden",
    RobotsUnreachable: "robots/unreachable",
    # A body over the limit.
    DownloadCancelledError: "capture/oversize",
}


def _came(response: Response) -> dict[str, Any]:
    """Return what a capture says beside the page: who answered, how it was reached, by which rules."""
    *before, last = exchanges(response)
    return {
        "ip": last.ip,
        "certificate": last.certificate,
        "robots": response.meta.get("robots"),
        "before": [{"url": one.url, "status": one.status, "at": one.at.isoformat()} for one in before],
    }


def _reason(error: BaseException | None) -> str:
    for kind, reason in _REASONS.items():
        if isinstance(error, kind):
            return reason
    if isinstance(error, HttpError):
        return f"http/{error.response.status}"
    # One that swells over the limit while being unpacked is ignored, not cancelled.
    if isinstance(error, IgnoreRequest) and "MAXSIZE" in str(error):
        return "capture/oversize"
    return f"fetch/{type(error).__name__}"
