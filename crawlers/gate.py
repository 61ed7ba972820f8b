"""One request at a time for each host, as far apart as its rules say, for all crawls of a process."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from scrapy.exceptions import IgnoreRequest

# A host that is not to be asked for longer than this is left to a later crawl.
LONGEST_WAIT = 120.0
# Whatever a host says, it is asked again a day later.
LONGEST_REST = 86_400.0


class HostResting(IgnoreRequest):
    """The host asked to be left alone, or did not answer; nothing of it is fetched for `seconds`."""

    def __init__(self, host: str, seconds: float) -> None:
        super().__init__(f"{host}: {seconds:.0f} s")
        self.seconds = seconds


@dataclass
class _Host:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    apart: float = 0.0
    asked: float = float("-inf")
    rests_until: float = float("-inf")


class Gate:
    """Lets requests through, host by host. For one event loop."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._hosts: defaultdict[str, _Host] = defaultdict(_Host)

    def slow(self, host: str, seconds: float) -> None:
        """Keep requests to `host` so many seconds apart, answer to request; never less than before."""
        self._hosts[host].apart = max(self._hosts[host].apart, seconds)

    def asked(self, host: str, seconds_ago: float) -> None:
        """Take into account that another process asked `host` so long ago."""
        found = self._hosts[host]
        found.asked = max(found.asked, self._clock() - seconds_ago)

    def rest(self, host: str, seconds: float) -> None:
        """Leave `host` alone for so many seconds from now."""
        found = self._hosts[host]
        found.rests_until = max(found.rests_until, self._clock() + seconds)

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Wait for a turn at `host` and hold it for as long as the block lasts.

        Raises `HostResting` when that would take longer than `LONGEST_WAIT`.
        """
        found = self._hosts[host]
        async with found.lock:
            # Looked at again after each wait: what came meanwhile may have asked for more.
            while (wait := self._wait(found)) > 0:
                if wait > LONGEST_WAIT:
                    raise HostResting(host, wait)
                await self._sleep(wait)
            try:
                yield
            finally:
                # From the end of the answer on: a request that was slow to go out is not followed closely.
                found.asked = self._clock()

    def _wait(self, host: _Host) -> float:
        return max(host.asked + host.apart, host.rests_until) - self._clock()
