"""The spider: walks one source, feed to articles or forum to threads, and no further."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

import scrapy
from scrapy.exceptions import DownloadCancelledError, IgnoreRequest
from scrapy.http import Response
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from crawlers.addresses import PrivateAddress
from crawlers.articles import read_article
from crawlers.canonical import thread_url
from crawlers.feeds import read_feed
from crawlers.fetch import exchanges
from crawlers.forums import read_forum
from crawlers.frontier import FIRST, LONGEST, Due
from crawlers.gate import HostResting
from crawlers.intake import Fetched, Intake, Leads
from crawlers.page import Item, Unreadable
from crawlers.robots import RobotsForbidden, RobotsUnreachable, directives
from store.archived import Exchange
from store.tables import Source
from store.vocabulary import PageRole, PostKind, SourceKind

T = TypeVar("T")

LISTING_PAGES = 2


@dataclass(frozen=True)
class Plan:
    """How a crawl goes about its sources.

    `at_once`: ask the sources whether they are due or not; `first`: how far apart a new source is asked;
    `revisit`: an article is not fetched again before so long.
    """

    at_once: bool = True
    first: timedelta = FIRST
    revisit: timedelta = timedelta(hours=6)


class SourceSpider(scrapy.Spider):
    """Crawls one source. Reading and writing happen in `executor`, one page at a time."""

    name = "source"

    # A source may say that nothing is new; that is an answer, not an error.
    handle_httpstatus_list: ClassVar[list[int]] = [304]

    def __init__(
        self,
        source: Source,
        intake: Intake,
        executor: Executor,
        plan: Plan,
        moved: Callable[[int, int], None],
    ) -> None:
        super().__init__(name=f"source-{source.id}")
        self.source = source
        self.intake = intake
        self.executor = executor
        self.plan = plan
        self.moved = moved
        self.allowed_domains = [(urlsplit(source.url or "").hostname or "").removeprefix("www.")]
        self.asked: set[str] = set()
        self.left: int | None = None

    async def start(self) -> AsyncIterator[Any]:
        """Ask for what is due of the source."""
        self.left = await self._aside(self.intake.pages_left)
        due = await self._aside(lambda: self.intake.begin(at_once=self.plan.at_once, first=self.plan.first))
        for request in await self._ask(due):
            yield request

    async def parse_feed(self, response: Response) -> AsyncIterator[scrapy.Request]:
        """Keep a feed and ask for the articles it names that were not seen lately."""
        entries = await self._read(response, lambda: read_feed(response.body))
        if entries is not None:
            urls = tuple(entry.url for entry in entries)
            leads = Leads(PageRole.ARTICLE, urls, self.plan.revisit)
            for request in await self._keep(response, PostKind.ARTICLE, leads=leads):
                yield request

    async def parse_article(self, response: Response) -> None:
        """Keep an article."""
        item = await self._read(
            response, lambda: read_article(response.body, response.url, _charset(response))
        )
        if item is not None:
            await self._keep(response, PostKind.ARTICLE, (item,))

    async def parse_forum(self, response: Response) -> AsyncIterator[scrapy.Request]:
        """Keep a page of a forum; ask for its threads, or for the next page of its thread."""
        page = await self._read(response, lambda: read_forum(response.body, response.url, _charset(response)))
        if page is None:
            return
        if page.items:
            following = (page.next_page,) if page.next_page else ()
            leads = Leads(PageRole.THREAD, following, LONGEST, thread=thread_url(response.url))
        else:
            leads = Leads(PageRole.THREAD, page.threads, min(self.plan.revisit, FIRST))
        for request in await self._keep(response, PostKind.FORUM, page.items, leads):
            yield request
        number = response.meta.get("page", 1)
        if not page.items and page.next_page and number < LISTING_PAGES:
            # Older pages of a listing are looked at with the first one; they have no turn of their own.
            for request in await self._ask([], [page.next_page], page=number + 1):
                yield request

    def failed(self, failure: Failure) -> None:
        """Count what could not be fetched, by its reason, and let it be tried again."""
        reason = _reason(failure.value)
        self.intake.counters[reason] += 1
        # Scrapy puts the request on the failure.
        page: Due | None = failure.request.meta.get("due")  # type: ignore[attr-defined]
        if page is not None:
            rests = failure.value.seconds if isinstance(failure.value, HostResting) else 0.0
            self.executor.submit(self.intake.lose, page, reason, rests)
        self._step()

    async def _ask(self, due: Sequence[Due], urls: Sequence[str] = (), **meta: Any) -> list[scrapy.Request]:
        fresh = [page for page in due if page.url not in self.asked]
        if self.left is not None:
            fresh, later = fresh[: self.left], fresh[self.left :]
            self.left -= len(fresh)
            if later:
                await self._aside(lambda: self.intake.put_off(later))
        requests = [self._request(page.url, page.role, {**meta, "due": page}) for page in fresh]
        requests += [self._request(url, PageRole.ROOT, meta) for url in urls if url not in self.asked]
        self.asked.update(request.url for request in requests)
        self.asked.update(page.url for page in fresh)
        self.intake.counters["page/asked"] += len(requests)
        self.moved(0, len(requests))
        return requests

    def _request(self, url: str, role: PageRole, meta: dict[str, Any]) -> scrapy.Request:
        read = {PageRole.ARTICLE: self.parse_article, PageRole.THREAD: self.parse_forum}
        root = self.parse_feed if self.source.kind == SourceKind.RSS else self.parse_forum
        page: Due | None = meta.get("due")
        headers = {}
        if self.source.conditional and page is not None:
            known = {"If-None-Match": page.etag, "If-Modified-Since": page.last_modified}
            headers = {name: value for name, value in known.items() if value}
        return scrapy.Request(
            url, read.get(role, root), errback=self.failed, headers=headers, meta=meta, dont_filter=True
        )

    async def _read(self, response: Response, read: Callable[[], T]) -> T | None:
        page: Due | None = response.meta.get("due")
        if response.status == 304:
            if page is not None:
                await self._aside(lambda: self.intake.same(page))
            self._step()
            return None
        try:
            return await self._aside(read)
        except Unreadable as error:
            self.logger.warning("%s: %s", response.url, error)
            self.intake.counters["page/unreadable"] += 1
            if page is not None:
                await self._aside(lambda: self.intake.lose(page, "page/unreadable"))
            self._step()
            return None

    async def _keep(
        self, response: Response, kind: PostKind, items: Sequence[Item] = (), leads: Leads | None = None
    ) -> list[scrapy.Request]:
        media_type = (response.headers.get("Content-Type") or b"").decode("latin-1")
        chain = exchanges(response)
        fetched = Fetched(media_type, response.body, chain, _came(response, chain))
        due = await self._aside(
            lambda: self.intake.take(fetched, kind, items, response.meta.get("due"), leads)
        )
        requests = await self._ask(due)
        self._step()
        return requests

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


def _came(response: Response, chain: Sequence[Exchange]) -> dict[str, Any]:
    """Return what a capture says beside the page: who answered, how it was reached, by which rules."""
    *before, last = chain
    return {
        "ip": last.ip,
        "certificate": last.certificate,
        "robots": response.meta.get("robots"),
        "directives": directives(
            (value.decode("latin-1") for value in response.headers.getlist("X-Robots-Tag")), response.body
        ),
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
