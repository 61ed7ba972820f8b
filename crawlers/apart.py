"""Reads pages in a process of its own: a page that wears its reader out costs that page, not the run.

Some pages take a parser time that grows with the square of their size, and no thread can be stopped.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from math import ceil
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import TracebackType
from typing import TypeVar

from crawlers.reading.page import Raw, Unreadable

T = TypeVar("T")

MEMORY = 1_000_000_000


class Apart:
    """A process that reads one page after the other, and is begun anew when a page was its end.

    A page may take `seconds` of processor time, and it all `MEMORY` bytes. For one thread. As a context
    manager it ends the process with the block.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = ceil(seconds)
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def __enter__(self) -> Apart:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def read(self, reader: Callable[[Raw], T], raw: Raw) -> T:
        """Return what `reader` makes of a page; raises `Unreadable`, also for a page that takes too much."""
        connection = self._connection or self._begin()
        try:
            connection.send((reader, raw))
            found = connection.recv()
        except (EOFError, OSError) as error:
            code = self._end()
            raise Unreadable(f"đọc trang này tốn quá nhiều thời gian hay bộ nhớ (mã {code})") from error
        if isinstance(found, Unreadable):
            raise found
        read: T = found
        return read

    def _begin(self) -> Connection:
        self._connection, theirs = Pipe()
        line = [sys.executable, "-m", __name__, str(theirs.fileno()), str(self._seconds)]
        # Ctrl-C reaches every process of a session; the crawl says itself when it is over.
        self._process = subprocess.Popen(line, pass_fds=[theirs.fileno()], start_new_session=True)  # noqa: S603
        theirs.close()
        return self._connection

    def _end(self) -> int | None:
        if self._connection is None or self._process is None:
            return None
        self._connection.close()
        code = self._process.wait()
        self._connection = self._process = None
        return code


def _serve(connection: Connection, seconds: int) -> None:
    """Read what comes, until nobody is there to send more."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, resource.RLIM_INFINITY))
    while True:
        try:
            reader, raw = connection.recv()
        except EOFError:
            return
        # At this limit the kernel ends the process, whatever it is at.
        limit = int(time.process_time()) + 1 + seconds
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
        try:
            connection.send(reader(raw))
        except Unreadable as error:
            connection.send(error)
        except MemoryError:
            sys.exit("memory")


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])), int(sys.argv[2]))
