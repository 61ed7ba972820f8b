"""Fetches one page as a crawl would, keeps nothing, and says what would be made of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import scrapy
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.http import Response
from twisted.python.failure import Failure

from crawlers.addresses import Allowed, PublicResolver
from crawlers.apart import Apart
from crawlers.crawl import TIMEOUT, settings
from crawlers.fetch import directives_of, exchanges
from crawlers.gate import Gate
from crawlers.hosts import Hosts, PoliteCrawler
from crawlers.kinds import KINDS, detect
from crawlers.reading.page import Raw, Reading, Unreadable
from crawlers.spider import charset_of, reason_of, request_of
from store.records import Records
from store.vocabulary import PageRole, SourceKind

_WHY = {
    "robots/forbidden": "robots.txt của máy chủ không cho phép trang này",
    "robots/unreachable": "không đọc được robots.txt, nên không tải gì của máy chủ",
    "host/private": "địa chỉ không phải của mạng công khai (KIEMTIN_CRAWL_PRIVATE mở mạng nội bộ)",
    "host/resting": "máy chủ đang được nghỉ; thử lại sau mười phút",
    "capture/oversize": "trang quá lớn",
    "capture/corrupt": "trang được nén sai, không giải nén được",
    "page/offsite": "trang chuyển hướng sang máy chủ khác",
    "page/address": "địa chỉ quá dài",
    "fetch/redirects": "trang chuyển hướng mãi không dứt",
    "source/without_key": "loại nguồn này cần khóa: xem KIEMTIN_YOUTUBE_KEY, KIEMTIN_FACEBOOK_TOKEN",
    "http": "máy chủ không đưa trang này",
    "fetch": "không nối được với máy chủ, hoặc nó không trả lời trọn vẹn",
}


@dataclass
class Probe:
    """What one fetch found. `kind` is the one asked for, or that which the page seems to be.

    `reason` says, in the words of the counters, why there is no `reading`; `said` the same at length.
    `apart` is how many seconds the rules of the host want between requests; 0 where they say nothing.
    """

    url: str
    kind: SourceKind | None
    robots: str = ""
    apart: float = 0.0
    status: int | None = None
    media_type: str = ""
    ip: str = ""
    size: int = 0
    seconds: float = 0.0
    directives: list[str] = field(default_factory=list)
    reading: Reading | None = None
    reason: str = ""
    said: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is something to take in, or to follow."""
        return self.reading is not None and bool(self.reading.items or self.reading.leads)

    def to_dict(self) -> dict[str, Any]:
        """Return the probe as JSON, with the first items and leads; no handles."""
        names = (
            "url", "kind", "robots", "apart", "status", "media_type", "ip", "size", "seconds", "directives",
            "reason", "said",
        )  # fmt: skip
        reading = self.reading or Reading()
        items = [
            {
                "title": item.title, "text": item.text[:300],
                "published": item.published.isoformat() if item.published else None,
            }
            for item in reading.items[:10]
        ]  # fmt: skip
        return {name: getattr(self, name) for name in names} | {
            "ok": self.ok, "items": items, "items_total": len(reading.items),
            "leads": [lead.url for lead in reading.leads[:10]], "leads_total": len(reading.leads),
        }  # fmt: skip


def probe(
    records: Records,
    url: str,
    kind: SourceKind | None = None,
    *,
    contact: str = "",
    opened: Sequence[str] = (),
    keys: Mapping[SourceKind, str] | None = None,
) -> Probe:
    """Fetch the page of a source, or one that may become a source, by the rules of its host.

    Blocks until done; a process can call it only once. Raises `ValueError` where `url` is no address for a
    source of `kind`.
    """
    PublicResolver.allowed = Allowed(opened)
    address = KINDS[kind].address(url) if kind else url
    found = Probe(address, kind)
    process = AsyncCrawlerProcess(settings(contact))
    logging.getLogger("scrapy").setLevel(logging.WARNING)
    with Apart(TIMEOUT) as apart, ThreadPoolExecutor(1, "probe") as executor:
        hosts = Hosts(records, executor, Gate())
        host = urlsplit(address).netloc
        hosts.load([host])
        crawler = PoliteCrawler(_Spider)
        crawler.hosts = hosts
        key = (keys or {}).get(kind, "") if kind else ""
        process.crawl(crawler, found=found, key=key, apart=apart)
        process.start()
        rules = hosts.rules(host)
    if rules is not None:
        found.apart = rules.seconds_apart
        found.robots = (
            "không đọc được" if not rules.readable else "cho phép" if rules.allows(address) else "cấm"
        )
    return found


class _Spider(scrapy.Spider):
    name = "probe"

    def __init__(self, found: Probe, key: str, apart: Apart) -> None:
        super().__init__()
        self.found = found
        self.key = key
        # A redirect must not take a key elsewhere, nor what is found there for the page that was asked for.
        self.allowed_domains = [(urlsplit(found.url).hostname or "").removeprefix("www.")]
        self.apart = apart

    async def start(self) -> AsyncIterator[Any]:
        self.began = time.perf_counter()
        credential = KINDS[self.found.kind].credential if self.found.kind else None
        if credential is not None and not self.key:
            self.found.reason, self.found.said = "source/without_key", _WHY["source/without_key"]
            return
        yield request_of(self.found.url, self.parse, self.failed, {}, {}, credential, self.key)

    async def parse(self, response: Response) -> None:
        found = self.found
        last = exchanges(response)[-1]
        found.seconds = time.perf_counter() - self.began
        found.url, found.status, found.ip, found.size = last.url, last.status, last.ip, len(response.body)
        found.media_type = (response.headers.get("Content-Type") or b"").decode("latin-1")
        found.directives = directives_of(last, response.body)
        raw = Raw(response.body, response.url, last.at, charset_of(response))
        try:
            if found.kind is None:
                found.kind, found.reading = await asyncio.to_thread(self.apart.read, detect, raw)
            else:
                read = KINDS[found.kind].reader(PageRole.ROOT)
                found.reading = await asyncio.to_thread(self.apart.read, read, raw)
        except Unreadable as error:
            found.reason, found.said = "page/unreadable", str(error)

    async def failed(self, failure: Failure) -> None:
        error = failure.value
        found = self.found
        found.seconds = time.perf_counter() - self.began
        found.reason = reason_of(error)
        found.said = _WHY.get(found.reason, _WHY.get(found.reason.partition("/")[0], ""))
        found.status = getattr(getattr(error, "response", None), "status", None)
