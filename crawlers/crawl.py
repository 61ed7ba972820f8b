"""Runs a crawl of several sources in one process, politely: nothing that robots.txt does not allow."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from scrapy.crawler import AsyncCrawlerProcess, Crawler
from sqlalchemy import select

from crawlers.addresses import Allowed, PublicResolver
from crawlers.apart import Apart
from crawlers.gate import Gate
from crawlers.hosts import Hosts, PoliteCrawler
from crawlers.intake import Intake
from crawlers.kinds import address
from crawlers.reading.page import LARGEST
from crawlers.robots import AGENT
from crawlers.sources import SourceEntry, sync
from crawlers.spider import Plan, SourceSpider
from store import audit
from store.archive import Archive
from store.keys import Keys
from store.records import Records
from store.tables import Source
from store.tasks import is_crawled
from store.vocabulary import RunState

log = structlog.get_logger("kiemtin.crawl")


@dataclass(frozen=True)
class Progress:
    """How far the crawl of a source is: its counters until now, and how many pages are done with."""

    source: str
    done: int
    counters: Counter[str]


OnProgress = Callable[[Sequence[Progress]], None]

_PLAN = Plan()
_HANDLER = "crawlers.fetch.PoliteHandler"
TIMEOUT = 30.0


def crawl(
    records: Records,
    archive: Archive,
    keys: Keys,
    entries: Sequence[SourceEntry],
    *,
    on_progress: OnProgress = lambda progress: None,
    contact: str = "",
    plan: Plan = _PLAN,
    opened: Sequence[str] = (),
    timeout: float = TIMEOUT,
) -> dict[str, int]:
    """Crawl the given sources and return the counters of all, added up.

    Blocks until done; a process can call it only once, for its event loop cannot start again. SIGINT and
    SIGTERM end it after the pages in hand; what is not done stays due.
    Who calls it holds the sources (`store.tasks.take_crawls`): no host is asked by two processes at once.
    Only public addresses are asked, and those in the networks of `opened`; raises `ValueError` for what is
    no network. A page that has not come whole after `timeout` seconds, or takes as many of processor time to
    be read, is given up.
    """
    PublicResolver.allowed = Allowed(opened)
    if opened:
        log.warning("crawl.private_opened", networks=list(opened))
    with archive:
        _report_torn(records, archive)
        with Apart(timeout) as apart:
            return _crawl(
                records, archive, keys, entries, on_progress, settings(contact, timeout), plan, apart
            )


def _crawl(
    records: Records,
    archive: Archive,
    keys: Keys,
    entries: Sequence[SourceEntry],
    on_progress: OnProgress,
    given: dict[str, object],
    plan: Plan,
    apart: Apart,
) -> dict[str, int]:
    with records.write() as session:
        sync(session, entries, whole=False)
        names = [entry.name for entry in entries]
        wanted = select(Source).where(Source.name.in_(names), is_crawled()).order_by(Source.id)
        sources = session.scalars(wanted).all()
    intakes: list[Intake] = []

    def moved() -> None:
        on_progress([Progress(one.source.name, one.done, one.counters) for one in intakes])

    process = AsyncCrawlerProcess(given)
    # The framework has just set its own logger to DEBUG; what matters is counted and logged here.
    logging.getLogger("scrapy").setLevel(logging.WARNING)
    # One thread: pages are read and written one after the other, while the loop goes on fetching.
    with ThreadPoolExecutor(1, "intake") as executor:
        hosts = Hosts(records, executor, Gate())
        hosts.load(urlsplit(address(source)).netloc for source in sources)
        crawlers = []
        for source in sources:
            intake = Intake(records, archive, keys, source)
            intakes.append(intake)
            hosts.gate.slow(urlsplit(address(source)).netloc, 1.0 / source.rate)
            crawler = PoliteCrawler(SourceSpider)
            crawler.hosts = hosts
            crawlers.append(crawler)
            process.crawl(
                crawler, source=source, intake=intake, executor=executor, apart=apart, plan=plan, moved=moved
            )
        process.start()
    total: Counter[str] = Counter()
    for intake, crawler in zip(intakes, crawlers, strict=True):
        intake.counters.update(_from_stats(crawler))
        reason = crawler.stats.get_value("finish_reason") if crawler.stats else None
        intake.finish(RunState.DONE if reason == "finished" else RunState.FAILED)
        log.info("crawl.source", source=intake.source.name, reason=reason, **intake.counters)
        total += intake.counters
    return dict(total)


def settings(contact: str, timeout: float = TIMEOUT) -> dict[str, object]:
    """Return the settings of Scrapy for whatever fetches: polite, bounded, and by its own name."""
    return {
        "USER_AGENT": f"{AGENT}/0.1 (public-health fact-checking{'; ' + contact if contact else ''})",
        # Ours takes the place of Scrapy's, which lets everything through where there is no answer.
        "ROBOTSTXT_OBEY": False,
        "DOWNLOADER_MIDDLEWARES": {
            "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
            "crawlers.obey.OwnSite": 50,
            "crawlers.obey.FailClosedRobots": 100,
        },
        "DOWNLOAD_HANDLERS": {"http": _HANDLER, "https": _HANDLER},
        "TWISTED_DNS_RESOLVER": "crawlers.addresses.PublicResolver",
        # A proxy would look names up itself, and reach what this process may not.
        "HTTPPROXY_ENABLED": False,
        "DEFAULT_REQUEST_HEADERS": {"Accept-Language": "vi", "Accept-Encoding": "gzip, deflate"},
        "REMOTE_CONTROL_ENABLED": False,
        "COOKIES_ENABLED": False,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        # So many tasks are made for each page, to take up what it yields; requests are taken up at once.
        "CONCURRENT_ITEMS": 1,
        # In the order of the frontier; Scrapy's own way is the last one first.
        "SCHEDULER_MEMORY_QUEUE": "scrapy.squeues.FifoMemoryQueue",
        "DOWNLOAD_TIMEOUT": timeout,
        "DOWNLOAD_MAXSIZE": LARGEST,
        "DOWNLOAD_WARNSIZE": 0,
        "REDIRECT_MAX_TIMES": 5,
        # A refresh is what a page says, not what its server does: what comes is what is kept.
        "METAREFRESH_ENABLED": False,
        "RETRY_TIMES": 2,
        "DEPTH_LIMIT": 60,
        "LOG_ENABLED": False,
        "LOG_INSTALL_ROOT_HANDLER": False,
        "TELNETCONSOLE_ENABLED": False,
    }


def _from_stats(crawler: Crawler) -> Counter[str]:
    """Return the counters that only Scrapy knows."""
    stats = crawler.stats.get_stats() if crawler.stats else {}
    known = {"retry/count": "fetch/retried", "spider_exceptions/count": "page/failed"}
    return Counter({ours: int(stats[theirs]) for theirs, ours in known.items() if stats.get(theirs)})


def _report_torn(records: Records, archive: Archive) -> None:
    for tail in archive.torn:
        log.warning("archive.torn", warc=tail.warc, offset=tail.offset, cut=tail.length)
    with records.write() as session:
        audit.note_torn(session, archive.torn)
