"""The spider: walks one source, from its own page to those that it leads to, and no further."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from gzip import BadGzipFile
from typing import Any, TypeVar
from urllib.parse import urlsplit

import scrapy
from scrapy.exceptions import CloseSpider, DownloadCancelledError, IgnoreRequest
from scrapy.http import Response
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from crawlers.addresses import PrivateAddress
from crawlers.apart import Apart
from crawlers.fetch import came, exchanges
from crawlers.frontier import FIRST, Due
from crawlers.gate import HostResting
from crawlers.intake import Fetched, Intake
from crawlers.kinds import KINDS, Credential, address
from crawlers.obey import OffSite, TooLong
from crawlers.reading.page import Raw, Reading, Unreadable
from crawlers.robots import RobotsForbidden, RobotsUnreachable
from store.archived import ArchiveError, Exchange
from store.tables import Source
from store.vocabulary import PageRole, SourceKind

T = TypeVar("T")

LISTING_PAGES = 2
# An official interface says in its answer why it refuses; the reader of its kind makes it plain.
_ANSWERS = (304,)
_OFFICIAL_ANSWERS = (304, 400, 401, 403, 404)


@dataclass(frozen=True)
class Plan:
    """How a crawl goes about its sources.

    `at_once`: ask the sources whether they are due or not; `first`: how far apart a new source is asked;
    `revisit`: an article is not fetched again before so long; `since`: what was published before is left;
    `keys`: those of official interfaces, by kind of source.
    """

    at_once: bool = True
    first: timedelta = FIRST
    revisit: timedelta = timedelta(hours=6)
    since: datetime | None = None
    keys: Mapping[SourceKind, str] = field(default_factory=dict)


class SourceSpider(scrapy.Spider):
    """Crawls one source. Pages are read `apart`, one at a time, and written in `executor`, its thread."""

    name = "source"

    def __init__(
        self,
        source: Source,
        intake: Intake,
        executor: Executor,
        apart: Apart,
        plan: Plan,
        moved: Callable[[], None],
    ) -> None:
        super().__init__(name=f"source-{source.id}")
        self.source = source
        self.kind = KINDS[SourceKind(source.kind)]
        self.intake = intake
        self.executor = executor
        self.apart = apart
        self.plan = plan
        self.moved = moved
        self.allowed_domains = [(urlsplit(address(source)).hostname or "").removeprefix("www.")]
        self.asked: set[str] = set()
        self.left: int | None = None

    async def start(self) -> AsyncIterator[Any]:
        """Ask for what is due of the source."""
        self.left = await self._aside(self.intake.pages_left)
        due = await self._aside(lambda: self.intake.begin(at_once=self.plan.at_once, first=self.plan.first))
        if self.kind.credential is not None and not self.plan.keys.get(SourceKind(self.source.kind)):
            await self._lost(due[0] if due else None, "source/without_key")
            return
        for request in await self._ask(due):
            yield request

    async def parse(self, response: Response) -> AsyncIterator[scrapy.Request]:
        """Keep a page and what is on it; ask for what it leads to, and for older pages of a listing."""
        page: Due | None = response.meta.get("due")
        if response.status == 304:
            if page is not None:
                await self._aside(lambda: self.intake.same(page))
            self._done()
            return
        # The time of the request, for what a page says of "yesterday".
        chain = exchanges(response)
        raw = Raw(
            response.body, response.url, chain[-1].at, charset_of(response), page.thread if page else None
        )
        read = self.kind.reader(page.role if page is not None else PageRole.LISTING)
        try:
            reading = await self._aside(lambda: self.apart.read(read, raw))
        except Unreadable as error:
            self.logger.warning("%s: %s", response.url, error)
            refused = f"http/{response.status}" if response.status >= 400 else "page/unreadable"
            await self._lost(page, refused, str(error))
            return
        for request in await self._keep(response, chain, reading, page):
            yield request
        number = response.meta.get("page", 1)
        if reading.older and number < LISTING_PAGES:
            # Older pages of a listing are looked at with the first one; they have no turn of their own.
            for request in await self._ask([], [reading.older], page=number + 1):
                yield request

    async def failed(self, failure: Failure) -> None:
        """Count what could not be fetched, by its reason, and let it be tried again."""
        error = failure.value
        rests = error.seconds if isinstance(error, HostResting) else 0.0
        # Scrapy puts the request on the failure.
        page: Due | None = failure.request.meta.get("due")  # type: ignore[attr-defined]
        await self._lost(page, reason_of(error), rests=rests)

    async def _ask(self, due: Sequence[Due], urls: Sequence[str] = (), **meta: Any) -> list[scrapy.Request]:
        fresh = [page for page in due if page.url not in self.asked]
        if self.left is not None:
            fresh, later = fresh[: self.left], fresh[self.left :]
            urls = urls[: self.left - len(fresh)]
            self.left -= len(fresh) + len(urls)
            if later:
                await self._aside(lambda: self.intake.put_off(later))
        requests = [self._request(page.url, {**meta, "due": page}) for page in fresh]
        requests += [self._request(url, meta) for url in urls if url not in self.asked]
        self.asked.update(request.url for request in requests)
        self.asked.update(page.url for page in fresh)
        self.intake.counters["page/asked"] += len(requests)
        self.moved()
        return requests

    def _request(self, url: str, meta: dict[str, Any]) -> scrapy.Request:
        page: Due | None = meta.get("due")
        headers = {}
        if self.source.conditional and page is not None:
            known = {"If-None-Match": page.etag, "If-Modified-Since": page.last_modified}
            headers = {name: value for name, value in known.items() if value}
        key = self.plan.keys.get(SourceKind(self.source.kind), "")
        return request_of(url, self.parse, self.failed, headers, meta, self.kind.credential, key)

    async def _keep(
        self, response: Response, chain: Sequence[Exchange], reading: Reading, page: Due | None
    ) -> list[scrapy.Request]:
        media_type = (response.headers.get("Content-Type") or b"").replace(b"\0", b" ").decode("latin-1")
        fetched = Fetched(
            media_type, response.body, chain, came(chain, response.meta.get("robots"), response.body)
        )
        try:
            due = await self._aside(
                lambda: self.intake.take(
                    fetched, reading, page, revisit=self.plan.revisit, since=self.plan.since
                )
            )
        except ArchiveError as error:
            # What cannot be kept must not be asked for: all that is due stays due.
            self.logger.error("%s: %s", response.url, error)
            self.intake.counters["archive/unwritten"] += 1
            raise CloseSpider("archive_unwritten") from error
        requests = await self._ask(due)
        self._done()
        return requests

    async def _lost(self, page: Due | None, reason: str, said: str = "", rests: float = 0.0) -> None:
        self.intake.counters[reason] += 1
        if page is not None:
            await self._aside(lambda: self.intake.lose(page, reason, said, rests))
        self._done()

    async def _aside(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.executor, work)

    def _done(self) -> None:
        self.intake.done += 1
        self.moved()


def request_of(
    url: str,
    parse: Callable[[Response], Any],
    failed: Callable[[Failure], Any],
    headers: Mapping[str, str],
    meta: Mapping[str, Any],
    credential: Credential | None,
    key: str,
) -> scrapy.Request:
    """Return the request for a page; one of an official interface carries its key."""
    headers, meta = dict(headers), {**meta, "handle_httpstatus_list": list(_ANSWERS)}
    if credential is not None:
        headers[credential.header] = credential.before + key
        # Unpacked bytes only, so that the key can be blotted out where an answer repeats it.
        headers["Accept-Encoding"] = "identity"
        meta |= {
            "secret": key, "dont_obey_robotstxt": True, "handle_httpstatus_list": list(_OFFICIAL_ANSWERS),
        }  # fmt: skip
    return scrapy.Request(url, parse, errback=failed, headers=headers, meta=meta, dont_filter=True)


def charset_of(response: Response) -> str | None:
    """Return the charset that the server names."""
    content_type = (response.headers.get("Content-Type") or b"").decode("latin-1").lower()
    _, found, charset = content_type.partition("charset=")
    return charset.split(";")[0].strip(" \"'") or None if found else None


_REASONS: dict[type[BaseException], str] = {
    OffSite: "page/offsite",
    TooLong: "page/address",
    HostResting: "host/resting",
    PrivateAddress: "host/private",
    RobotsForbidden: "robots/forbidden",
    RobotsUnreachable: "robots/unreachable",
    # A body over the limit, or packed over and over.
    DownloadCancelledError: "capture/oversize",
    # What is packed otherwise than its server says.
    BadGzipFile: "capture/corrupt",
    zlib.error: "capture/corrupt",
    EOFError: "capture/corrupt",
}


def reason_of(error: BaseException | None) -> str:
    """Return the counter of why a page could not be fetched."""
    for kind, reason in _REASONS.items():
        if isinstance(error, kind):
            return reason
    if isinstance(error, HttpError):
        return f"http/{error.response.status}"
    # What Scrapy ignores by itself: a body that swells over the limit, one redirect after the other.
    if isinstance(error, IgnoreRequest):
        return "capture/oversize" if "MAXSIZE" in str(error) else "fetch/redirects"
    return f"fetch/{type(error).__name__}"
