"""Shows a page in Chromium, as a reader would see it: a picture of it, and the document it has become.

The browser itself reaches nothing: whatever its page asks for comes through `crawlers.reach`. Needs the extra
`browser`, for playwright and httpcore.
"""

from __future__ import annotations

import asyncio
import html
import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urldefrag

from playwright.async_api import Browser as Chromium
from playwright.async_api import Error, Page, Route, WebSocketRoute, async_playwright

from crawlers.addresses import Allowed
from crawlers.arrival import Arrival, CannotShow, arrive
from crawlers.canonical import canonical_url
from crawlers.crawl import settings
from crawlers.gate import Gate
from crawlers.hosts import Hosts
from crawlers.reach import Answer, Limits, NotReached, Reach
from store.archived import Exchange
from store.records import Records

WIDTH, HEIGHT = 1280, 1600
# No name leads anywhere, that of the proxy neither: what does not pass through `_Visit.answer` (redirects,
# shared workers, popups, sockets of workers, preconnects) has no way out. WebRTC uses UDP only where a proxy
# takes it. Background networking is off by the driver's own switches.
_SWITCHES = (
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=http://nowhere.invalid:9",
    "--proxy-bypass-list=<-loopback>",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--dns-prefetch-disable",
    "--js-flags=--max-old-space-size=512",
)
# Of what the page would send; no cookies, and the name is ours.
_SENT = ("accept", "accept-language", "origin", "referer")
# What the body, as the browser is given it, is not any more; and what is not kept.
_NOT_GIVEN = frozenset(
    {"content-encoding", "content-length", "transfer-encoding", "connection", "set-cookie"}
)
# Without an end, large, or for someone's count of visitors.
_LEFT = frozenset({"media", "eventsource", "ping"})
_QUIET = 0.5
_CLOSING = 5.0

_LIMITS = Limits()


class BrowserAbsent(CannotShow):
    """There is no browser here, or it does not start; the message says what to install."""


@dataclass(frozen=True)
class Shown:
    """A page as the browser showed it.

    `picture` is a PNG, at most as high as the limit; `document` the HTML that scripts have made of the page;
    `resources` all other answers; `browser` its name and version. `refused` counts what was not fetched, by
    reason.
    """

    arrival: Arrival
    resources: Sequence[Exchange]
    at: datetime
    picture: bytes
    document: str
    browser: str
    refused: Counter[str]
    viewport: str = f"{WIDTH}x{HEIGHT}"


class Browser:
    """Debian's Chromium, started anew for each page and gone after it."""

    def __init__(
        self,
        records: Records,
        executable: Path,
        *,
        contact: str = "",
        opened: Sequence[str] = (),
        limits: Limits = _LIMITS,
    ) -> None:
        """Raises `BrowserAbsent`, and `ValueError` for what is no network to open."""
        if not os.access(executable, os.X_OK):
            raise BrowserAbsent(
                f"Không có Chromium ở {executable}. Cài bằng apt-get install chromium, hoặc đặt"
                " KIEMTIN_CHROMIUM."
            )
        self._records = records
        self._executable = executable
        self._agent = str(settings(contact)["USER_AGENT"])
        self._allowed = Allowed(opened)
        self._limits = limits

    def show(self, url: str) -> Shown:
        """Show a page, if the rules of its host allow it; blocks until done, in a thread without event loop.

        What is learned of hosts is shared with crawls. Raises `CannotShow`, `BrowserAbsent`, and
        `HostResting` for a host that is to be left alone for now.
        """
        try:
            canonical = canonical_url(url)
        except ValueError as error:
            raise CannotShow(f"Không phải địa chỉ http(s): {url[:200]!r}.") from error
        return asyncio.run(self._show(canonical, urldefrag(url).fragment))

    async def _show(self, url: str, fragment: str) -> Shown:
        with ThreadPoolExecutor(1, "hosts") as executor:
            hosts = Hosts(self._records, executor, Gate())
            async with Reach(self._allowed, self._agent, self._limits) as reach:
                arrival = await arrive(hosts, reach, url)
                reach.exchanges.clear()
                async with self._started() as chromium:
                    try:
                        async with asyncio.timeout_at(reach.ends):
                            return await self._look(chromium, reach, arrival, fragment)
                    except TimeoutError as error:
                        seconds = f"{reach.limits.seconds:g}"
                        raise CannotShow(f"Trang không hiện xong trong {seconds} giây.") from error
                    except Error as error:
                        raise CannotShow(f"Chromium không hiện được trang: {_first_line(error)}") from error

    @asynccontextmanager
    async def _started(self) -> AsyncIterator[Chromium]:
        async with async_playwright() as driver:
            try:
                chromium = await driver.chromium.launch(
                    executable_path=self._executable,
                    args=_SWITCHES,
                    # A window that opens before the page would slow it down.
                    ignore_default_args=["--disable-popup-blocking"],
                    # As root it refuses to start with its sandbox; only there it goes without.
                    chromium_sandbox=os.geteuid() != 0,
                    # Nothing of ours: this environment may hold passwords, and the home more.
                    env={
                        "PATH": os.environ.get("PATH", os.defpath),
                        "HOME": os.devnull,
                        "LANG": "C.UTF-8",
                    },
                )
            except Error as error:
                raise BrowserAbsent(f"Chromium không chạy được: {_first_line(error)}") from error
            try:
                yield chromium
            finally:
                # One that hangs is ended with its driver.
                with suppress(Error, TimeoutError):
                    async with asyncio.timeout(_CLOSING):
                        await chromium.close()

    async def _look(self, chromium: Chromium, reach: Reach, arrival: Arrival, fragment: str) -> Shown:
        context = await chromium.new_context(
            viewport={"width": WIDTH, "height": HEIGHT},
            user_agent=self._agent,
            locale="vi-VN",
            timezone_id="Asia/Ho_Chi_Minh",
            accept_downloads=False,
            service_workers="block",
            permissions=[],
            reduced_motion="reduce",
        )
        # One clock for all of it: the caller's.
        context.set_default_timeout(0)
        page = await context.new_page()
        visit = _Visit(page, reach, arrival.page)
        await page.route("**/*", visit.answer)
        await page.route_web_socket("**/*", visit.refuse)
        url = arrival.page.exchange.url
        # Not until it is loaded: of a page that wants to go elsewhere before, that would never come.
        await page.goto(f"{url}#{fragment}" if fragment else url, wait_until="commit")
        await visit.quiet()
        # Images far down come when a reader does.
        for _ in range(reach.limits.height // HEIGHT):
            await page.mouse.wheel(0, HEIGHT)
        await visit.quiet()
        await page.mouse.wheel(0, -reach.limits.height)
        at = datetime.now(UTC)
        picture = await page.screenshot(
            full_page=True,
            clip={"x": 0, "y": 0, "width": WIDTH, "height": reach.limits.height},
            animations="disabled",
        )
        document = await page.content()
        if len(document) > reach.limits.size:
            raise CannotShow("Trang dựng xong quá lớn để giữ.")
        await page.unroute_all(behavior="ignoreErrors")
        return Shown(
            arrival, tuple(reach.exchanges), at, picture, document, f"Chromium {chromium.version}",
            reach.refused,
        )  # fmt: skip


class _Visit:
    """One page in the browser: answers what it asks for, and knows when it is quiet."""

    def __init__(self, page: Page, reach: Reach, landing: Answer) -> None:
        self._page = page
        self._reach = reach
        self._landing = landing
        self._landed = False
        self._pending = 0
        self._moved = _now()

    async def answer(self, route: Route) -> None:
        """Answer a request, or end it."""
        self._pending += 1
        try:
            await self._answer(route)
        except NotReached as error:
            self._reach.refused[error.reason] += 1
            # After this a page that wanted to go elsewhere stays as it is.
            with suppress(Error):
                await route.abort("aborted")
        except Error:
            # Nobody waits for the answer any more, or the browser does not take it.
            self._reach.refused["page/gone"] += 1
        finally:
            self._pending -= 1
            self._moved = _now()

    async def refuse(self, socket: WebSocketRoute) -> None:
        """Close a WebSocket before it is one."""
        self._reach.refused["page/websocket"] += 1
        await socket.close()

    async def quiet(self) -> None:
        """Wait until all came, and nothing was asked for a moment; no longer than the page may load."""
        self._moved = _now()
        while _now() < self._reach.loads_until:
            if not self._pending and _now() - self._moved >= _QUIET and await self._is_complete():
                return
            await asyncio.sleep(0.05)

    async def _is_complete(self) -> bool:
        try:
            return bool(await self._page.evaluate("document.readyState === 'complete'"))
        except Error:
            return False

    async def _answer(self, route: Route) -> None:
        request = route.request
        document = request.is_navigation_request()
        if document and request.frame == self._page.main_frame:
            # Another page is not that of the post, and its host was not asked for its rules.
            if self._landed:
                raise NotReached("page/leaves")
            self._landed = True
            await _give(route, self._landing)
            return
        if request.method != "GET":
            raise NotReached("page/sends")
        if request.resource_type in _LEFT:
            raise NotReached(f"page/{request.resource_type}")
        url = urldefrag(request.url).url
        headers = tuple((name, request.headers[name]) for name in _SENT if name in request.headers)
        answer = await (self._reach.ask if document else self._reach.follow)(url, headers)
        if answer.leads_to is None:
            await _give(route, answer)
            return
        # The browser would follow a redirect past this function; and a document must come from its own
        # address, by which it is known whose it is.
        onward = f'<meta http-equiv="refresh" content="0;url={html.escape(answer.leads_to)}">'
        await route.fulfill(status=200, content_type="text/html; charset=utf-8", body=onward)


async def _give(route: Route, answer: Answer) -> None:
    names = {name.lower() for name, _ in answer.exchange.headers} - _NOT_GIVEN
    headers = {name: answer.header(name) for name in names}
    await route.fulfill(status=answer.exchange.status, headers=headers, body=answer.body)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:300]


def _now() -> float:
    return asyncio.get_running_loop().time()
