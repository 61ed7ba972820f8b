"""Runs a crawl of several sources in one process, politely: nothing that robots.txt does not allow."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import structlog
from scrapy.crawler import AsyncCrawlerProcess, Crawler
from sqlalchemy import select

from crawlers.addresses import Allowed, PublicResolver
from crawlers.gate import Gate
from crawlers.hosts import Hosts, PoliteCrawler
from crawlers.intake import Intake
from crawlers.page import LARGEST
from crawlers.robots import AGENT
from crawlers.sources import SourceEntry, sync
from crawlers.spider import Plan, SourceSpider
from store import audit
from store.archive import Archive
from store.keys import Keys
from store.records import Records
from store.tables import Source
from store.vocabulary import RunState

log = structlog.get_logger("kiemtin.crawl")

_PLAN = Plan()
_HANDLER = "crawlers.fetch.PoliteHandler"


def crawl(
    records: Records,
    archive: Archive,
    keys: Keys,
    entries: Sequence[SourceEntry],
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    contact: str = "",
    plan: Plan = _PLAN,
    opened: Sequence[str] = (),
) -> dict[str, int]:
    """Crawl the given sources and return the counters of all, added up.

    Blocks until done; a process can call it only once, for its event loop cannot start again. SIGINT and
    SIGTERM end it after the pages in hand; what is not done stays due.
    Who calls it holds the sources (`store.tasks.take_crawls`): no host is asked by two processes at once.
    Only public addresses are asked, and those in the networks of `opened`; raises `ValueError` for what is
    no network.
    """
    PublicResolver.allowed = Allowed(opened)
    if opened:
        log.warning("crawl.private_opened", networks=list(opened))
    with archive:
        _report_torn(records, archive)
        return _crawl(records, archive, keys, entries, on_progress, contact, plan)


def _crawl(
    records: Records,
    archive: Archive,
    keys: Keys,
    entries: Sequence[SourceEntry],
    on_progress: Callable[[int, int], None],
    contact: str,
    plan: Plan,
) -> dict[str, int]:
    with records.write() as session:
        sync(session, entries, whole=False)
        names = [entry.name for entry in entries if entry.enabled]
        sources = session.scalars(select(Source).where(Source.name.in_(names)).order_by(Source.id)).all()
    progress = [0, 0]

    def moved(done: int, more: int) -> None:
        progress[0] += done
        progress[1] += more
        on_progress(progress[0], progress[1])

    process = AsyncCrawlerProcess(_settings(contact))
    # The framework has just set its own logger to DEBUG; what matters is counted and logged here.
    logging.getLogger("scrapy").setLevel(logging.WARNING)
    intakes = []
    # One thread: pages are read and written one after the other, while the loop goes on fetching.
    with ThreadPoolExecutor(1, "intake") as executor:
        hosts = Hosts(records, executor, Gate())
        hosts.load(urlsplit(source.url or "").netloc for source in sources)
        crawlers = []
        for source in sources:
            intake = Intake(records, archive, keys, source)
            intakes.append(intake)
            hosts.gate.slow(urlsplit(source.url or "").netloc, 1.0 / source.rate)
            crawler = PoliteCrawler(SourceSpider)
            crawler.hosts = hosts
            crawlers.append(crawler)
            process.crawl(crawler, source=source, intake=intake, executor=executor, plan=plan, moved=moved)
        process.start()
    total: Counter[str] = Counter()
    for intake, crawler in zip(intakes, crawlers, strict=True):
        intake.counters.update(_from_stats(crawler))
        reason = crawler.stats.get_value("finish_reason") if crawler.stats else None
        intake.finish(RunState.DONE if reason == "finished" else RunState.FAILED)
        log.info("crawl.source", source=intake.source.name, reason=reason, **intake.counters)
        total += intake.counters
    return dict(total)


def _settings(contact: str) -> dict[str, object]:
    return {
        "USER_AGENT": f"{AGENT}/0.1 (public-health fact-checking{'; ' + contact if contact else ''})",
        # Ours takes the place of Scrapy's, which lets everything through where there is no answer.
        "ROBOTSTXT_OBEY": False,
        "DOWNLOADER_MIDDLEWARES": {"crawlers.obey.FailClosedRobots": 100},
        "DOWNLOAD_HANDLERS": {"http": _HANDLER, "https": _HANDLER},
        "TWISTED_DNS_RESOLVER": "crawlers.addresses.PublicResolver",
        # A proxy would look names up itself, and reach what this process may not.
        "HTTPPROXY_ENABLED": False,
        "DEFAULT_REQUEST_HEADERS": {"Accept-Language": "vi", "Accept-Encoding": "gzip, deflate"},
        "REMOTE_CONTROL_ENABLED": False,
        "COOKIES_ENABLED": False,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        "DOWNLOAD_TIMEOUT": 30,
        "DOWNLOAD_MAXSIZE": LARGEST,
        "DOWNLOAD_WARNSIZE": 0,
        "REDIRECT_MAX_TIMES": 5,
        "RETRY_TIMES": 2,
        "DEPTH_LIMIT": 60,
        "LOG_ENABLED": False,
        "LOG_INSTALL_ROOT_HANDLER": False,
        "TELNETCONSOLE_ENABLED": False,
    }


def _from_stats(crawler: Crawler) -> Counter[str]:
    """Return the counters that only Scrapy knows."""
    stats = crawler.stats.get_stats() if crawler.stats else {}
    known = {"offsite/filtered": "page/offsite", "retry/count": "fetch/retried"}
    return Counter({ours: int(stats[theirs]) for theirs, ours in known.items() if stats.get(theirs)})


def _report_torn(records: Records, archive: Archive) -> None:
    for tail in archive.torn:
        log.warning("archive.torn", warc=tail.warc, offset=tail.offset, cut=tail.length)
        with records.write() as session:
            audit.append(
                session,
                audit.SYSTEM,
                "archive.torn",
                f"warc:{tail.warc}",
                offset=tail.offset,
                cut=tail.length,
            )
