"""Crawling: processor time a page and memory, against Scrapy that fetches and does nothing else.

A site of 5,000 articles is served by a process of its own, whose time does not count. Each run is a process
too, and its time is that of itself and of what it started, without the imports; of three runs the middle one
counts. The references are the same Scrapy with a spider that follows the links of the feed: one does nothing
with the pages, the other takes text and metadata by trafilatura. Ours asks for the rules, reads, archives
(gzip, fsync) and records each page, so that it survives the death of the process.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench.measure import Measure

_PAGES = 5000
# Memory is looked at each so many pages.
_EACH = 100
_FIRST = 1000
_RUNS = 3


def run() -> Iterable[Measure]:
    """Crawl the same site with each, then compare."""
    with _served() as port:
        found = {
            name: sorted((_crawled(name, port) for _ in range(_RUNS)), key=lambda one: one["cpu"])
            for name in _CRAWLS
        }
    ours, bare, read = (found[name][_RUNS // 2] for name in ("ours", "bare", "read"))
    for label, reference, most in (("that does nothing", bare, 1.6), ("with trafilatura", read, 1.15)):
        yield Measure(
            "crawl", f"processor time a page, against Scrapy {label}", ours["cpu"], reference["cpu"],
            f"≤ {most} × reference", ours["cpu"] <= most * reference["cpu"], "ms/page",
        )  # fmt: skip
    yield Measure(
        "crawl", "pages a second, one asked at a time; Scrapy with trafilatura, eight", ours["speed"],
        read["speed"], "as measured", True, "pages/s",
    )  # fmt: skip
    first, last = (statistics.median(one[at] for one in found["ours"]) for at in ("first", "last"))
    yield Measure(
        "crawl", f"memory after {_PAGES} pages, against that after {_FIRST}", last, first,
        "≤ 1.1 × reference", last <= 1.1 * first, "MB",
    )  # fmt: skip


@contextmanager
def _served() -> Iterator[int]:
    line = [sys.executable, "-m", "bench.crawl", "serve"]
    server = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield int(server.stdout.readline())
    finally:
        server.terminate()
        server.wait()


def _crawled(name: str, port: int) -> dict[str, float]:
    line = [sys.executable, "-m", "bench.crawl", name, str(port)]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


class _Meter:
    """What a crawl takes from now on; told how many pages are done with."""

    def __init__(self) -> None:
        self._pages = 0
        self._held: dict[int, float] = {}
        self._cpu, self._began = _cpu(), time.perf_counter()

    def upto(self, pages: int) -> None:
        if pages // _EACH > self._pages // _EACH:
            self._held[pages // _EACH * _EACH] = _held()
        self._pages = pages

    def report(self) -> None:
        """Print it as JSON: milliseconds of processor a page, pages a second, megabytes."""
        seconds = time.perf_counter() - self._began
        if self._pages < _PAGES:
            raise SystemExit(f"only {self._pages} of {_PAGES} pages were done")
        found = {
            "cpu": round((_cpu() - self._cpu) * 1000 / self._pages, 2),
            "speed": round(self._pages / seconds, 1),
            "first": round(self._held[_FIRST]),
            "last": round(self._held[_PAGES]),
        }
        print(json.dumps(found))


def _held() -> float:
    """Return the megabytes in memory of this process and of those that it started."""
    children = " ".join(path.read_text() for path in Path("/proc/self/task").glob("*/children")).split()
    pages = (int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in ("self", *children))
    return sum(pages) * resource.getpagesize() / 1e6


def _cpu() -> float:
    """Return the seconds of processor of this process and of those it started that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def _ours(url: str) -> None:
    from crawlers.crawl import crawl
    from crawlers.sources import SourceEntry
    from store.archive import Archive
    from store.keys import Keys
    from store.migrate import migrate
    from store.records import Records

    # Past what a list of sources may say, so that nothing waits.
    entry = SourceEntry.model_construct(
        name="bench", kind="feed", url=url, language="vi", legal_basis="bench", rate=1e6
    )
    with tempfile.TemporaryDirectory() as folder:
        records = Records(f"sqlite:///{folder}/records.db")
        migrate(records)
        meter = _Meter()
        counters = crawl(
            records, Archive(Path(folder) / "archive"), Keys(bytes(32)), [entry], opened=["127.0.0.1"],
            on_progress=lambda progress: meter.upto(sum(one.done for one in progress)),
        )  # fmt: skip
        if counters["post/new"] != _PAGES:
            raise SystemExit(f"not every page became a post: {counters}")
        meter.report()


def _scrapy(url: str, take: Callable[[Any], object]) -> None:
    import scrapy
    from scrapy.crawler import AsyncCrawlerProcess

    class Spider(scrapy.Spider):
        name = "bench"
        start_urls = [url]  # noqa: RUF012 a list, says Scrapy
        pages = 0

        def parse(self, response: Any) -> Iterator[Any]:
            response.selector.remove_namespaces()
            for link in response.xpath("//item/link/text()").getall():
                yield scrapy.Request(link, self.page)

        def page(self, response: Any) -> None:
            take(response)
            self.pages += 1
            meter.upto(self.pages)

    quiet = {"LOG_ENABLED": False, "TELNETCONSOLE_ENABLED": False, "COOKIES_ENABLED": False}
    process = AsyncCrawlerProcess(quiet)
    meter = _Meter()
    process.crawl(Spider)
    process.start()
    meter.report()


def _bare(url: str) -> None:
    _scrapy(url, lambda response: None)


def _read(url: str) -> None:
    from trafilatura import bare_extraction

    _scrapy(url, lambda response: bare_extraction(response.text, url=response.url, with_metadata=True))


_CRAWLS = {"ours": _ours, "bare": _bare, "read": _read}


class _Site(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        base = f"http://{self.headers['Host']}"
        kind = "text/html; charset=utf-8"
        if self.path == "/robots.txt":
            body, kind = b"User-agent: *\nDisallow: /kin/\n", "text/plain"
        elif self.path == "/rss.xml":
            body, kind = _feed(base), "application/rss+xml"
        else:
            body = _article(base, int(self.path.rpartition("-")[2].removesuffix(".html")))
        body = gzip.compress(body, 1)
        self.send_response(200)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Encoding", "gzip"),
            ("Content-Length", str(len(body))),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@cache
def _feed(base: str) -> bytes:
    items = "".join(f"<item><link>{base}/bai-viet-{n}.html</link></item>" for n in range(_PAGES))
    return f'<rss version="2.0"><channel><title>Báo</title>{items}</channel></rss>'.encode()


# Syllables as Vietnamese has them, so that pages differ in words as real ones do.
_HEADS = ("", *re.findall(r"\w+", "b c ch d đ gi h kh l m n ng nh ph qu r s t th tr v x"))
_TAILS = re.findall(
    r"\w+",
    "a à á ạ ai ái am ám an ản ang áng ạnh ao áo áp át au ây ấm ân ất ấy e è em én eo ét ê ế ên ênh ết êu i ì"
    " ích iêm iên iệp iết iều im ìn inh ít íu o ó oa oà oan oán oang óc oi ói om on ong ọng ót ô ố ôi ối ôm"
    " ốn ông ống ốt ơ ờ ơi ới ơm ơn ợp ớt u ú ua úc ui úi um un ung úng uô uốc uôi uốn uống uỷ uyên uyết ư ừ"
    " ưa ửa ức ưng ừng ươi ười ương ướng ướt ượng",
)
_WORDS = [head + tail for head in _HEADS for tail in _TAILS]


def _article(base: str, number: int) -> bytes:
    """Return a page of some 60 kB: a tenth of it article, the rest what stands around one."""
    choose = random.Random(number)

    def words(count: int) -> str:
        return " ".join(choose.choices(_WORDS, k=count)).capitalize()

    def links(count: int, kind: str) -> str:
        return "".join(
            f'<li class="{kind}-item"><a href="{base}/bai-viet-{choose.randrange(_PAGES)}.html"'
            f' title="{(title := words(9))}" data-track="{kind}-{n}">{title}</a></li>'
            for n in range(count)
        )

    title, lead = words(12), words(35)
    body = "".join(f'<p class="Normal">{words(60)}. {words(30)}.</p>' for _ in range(14))
    data = {
        "@context": "https://schema.org", "@type": "NewsArticle", "headline": title, "description": lead,
        "datePublished": f"2020-03-{number % 28 + 1:02}T08:00:00+07:00",
        "author": {"@type": "Person", "name": "Lê Văn Mẫu"},
    }  # fmt: skip
    script = "".join(f"window.data.push({{'slot':{n},'value':'{choose.random()}'}});\n" for n in range(250))
    style = ".box-item{margin:0 auto;padding:4px 8px}" * 60
    return (
        f'<!DOCTYPE html><html lang="vi"><head><meta charset="utf-8"><title>{title} - Báo Mẫu</title>'
        f'<meta property="og:title" content="{title}"><meta name="description" content="{lead}">'
        f'<script type="application/ld+json">{json.dumps(data, ensure_ascii=False)}</script>'
        f"<script>{script}</script><style>{style}</style></head><body>"
        f'<header><nav class="main-nav"><ul>{links(60, "nav")}</ul></nav></header><main><article>'
        f'<h1 class="title-detail">{title}</h1><p class="description">{lead}</p>{body}</article>'
        f'<aside class="related"><ul>{links(70, "related")}</ul></aside></main>'
        f'<footer class="footer"><ul>{links(40, "footer")}</ul></footer></body></html>'
    ).encode()


def _serve() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        _serve()
    else:
        _CRAWLS[sys.argv[1]](f"http://127.0.0.1:{sys.argv[2]}/rss.xml")
