"""Records a terminal session of the demo as docs/assets/demo.cast (asciinema v2): `make record`.

All that is in the recording happened: the commands run in a pseudo-terminal, in an installation of their own.
Pauses longer than two seconds are shortened, the text of a command comes at once, not letter by letter, and
one-time passwords are masked.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from fcntl import ioctl
from pathlib import Path

from demo import ASSETS, ROOT, free_port, surroundings, wait

COLUMNS, ROWS = 100, 30
LONGEST_PAUSE = 2.0
# A progress bar draws itself ten times a second: fewer frames tell as much.
FRAME = 0.25
UNTIL = "Ctrl+C để dừng"
# As `api.passwords.once` makes them.
PASSWORD = re.compile(r"[a-z0-9]{5}(?:-[a-z0-9]{5}){3}")
MASK = "-".join(["•" * 5] * 4)


class Tape:
    """What was seen, with the seconds since the beginning."""

    def __init__(self) -> None:
        self.events: list[tuple[float, str]] = []
        self.now = 0.0

    def add(self, after: float, text: str) -> None:
        """Add what came `after` seconds; what comes within a frame is one event."""
        after = min(after, LONGEST_PAUSE)
        self.now += after
        if self.events and self.now - self.events[-1][0] < FRAME:
            at, before = self.events[-1]
            self.events[-1] = (at, before + text)
        else:
            self.events.append((self.now, text))

    def write(self, path: Path) -> None:
        """Write the tape; `idle_time_limit` tells a player not to wait longer either.

        Raises `SystemExit`, and writes nothing, when a one-time password came in pieces, so was not masked.
        """
        events = [(at, PASSWORD.sub(MASK, text)) for at, text in self.events]
        if PASSWORD.search(re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", "".join(text for _, text in events))):
            raise SystemExit("A one-time password was recorded in pieces: record again.")
        head = {"version": 2, "width": COLUMNS, "height": ROWS, "idle_time_limit": LONGEST_PAUSE,
                "title": "Kiểm Tin: make run"}  # fmt: skip
        lines = [head, *([round(at, 3), "o", text] for at, text in events)]
        path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines), "utf-8")


def main() -> None:
    """Record `make run` until the desk is open, then what an operator asks next."""
    tape = Tape()
    with surroundings() as environment:
        port = free_port()
        _run(tape, environment, "make run", ["demo", "--port", str(port)], port)
        _run(tape, environment, "kiemtin status", ["status"])
        _run(tape, environment, "kiemtin search alike 'uống nước tỏi là khỏi'",
             ["search", "alike", "uống nước tỏi là khỏi", "--limit", "3"])  # fmt: skip
        _run(tape, environment, "kiemtin audit verify", ["audit", "verify"])
    tape.write(ASSETS / "demo.cast")
    print((ASSETS / "demo.cast").relative_to(ROOT), (ASSETS / "demo.cast").stat().st_size)


def _run(
    tape: Tape, environment: dict[str, str], shown: str, arguments: Sequence[str], port: int = 0
) -> None:
    """Run one command of the program; one that serves on `port` is stopped, once it answers, as by Ctrl+C."""
    tape.add(1.0, f"\x1b[1m$ {shown}\x1b[0m\r\n")
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    # The log of the operation goes elsewhere than to the terminal that is recorded.
    own = {**environment, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    line = [sys.executable, "-m", "kiemtin", *arguments]
    process = subprocess.Popen(
        line,
        cwd=ROOT,
        env=own,
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(theirs)
    seen, last, waiting = b"", time.monotonic(), True
    while waiting:
        ready, _, _ = select.select([ours], [], [], 0.2)
        if ready:
            try:
                data = os.read(ours, 65536)
            except OSError:
                data = b""
            waiting = bool(data)
            seen += data
            text, seen = _whole(seen)
            now = time.monotonic()
            tape.add(now - last, text)
            last = now
        if port and UNTIL in "".join(text for _, text in tape.events[-20:]):
            wait(f"http://127.0.0.1:{port}/healthz")
            process.send_signal(signal.SIGINT)
            port = 0
        elif process.poll() is not None and not ready:
            waiting = False
    process.wait()
    os.close(ours)


def _whole(data: bytes) -> tuple[str, bytes]:
    """Return the letters that came whole, and the bytes of one that did not."""
    try:
        return data.decode(), b""
    except UnicodeDecodeError as error:
        return data[: error.start].decode(), data[error.start :]


if __name__ == "__main__":
    main()
