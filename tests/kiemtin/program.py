"""Runs the program as its users do: as processes, in a data folder of its own.

A command that is run to its end is forked from a process that has imported what commands need: importing is most
of what a short command takes. One that is started and goes on is started as users start it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from store.records import Records
from tests.conftest import ROOT
from tests.forked import command
from tests.forking import run


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@dataclass
class Program:
    """One installation."""

    folder: Path
    port: int = field(default_factory=free_port)
    demo_port: int = field(default_factory=free_port)
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith("KIEMTIN_") or k.startswith("KIEMTIN_TEST")
        }
        return {
            **kept,
            "KIEMTIN_DATA_DIR": str(self.folder / "var"),
            "KIEMTIN_SOURCES_FILE": str(self.folder / "sources.yaml"),
            "KIEMTIN_PORT": str(self.port),
            "KIEMTIN_DEMO_PORT": str(self.demo_port),
            "KIEMTIN_CRAWL_PRIVATE": "127.0.0.1",
            "KIEMTIN_LOG_FORMAT": "json",
            "COLUMNS": "200",
            "PYTHONPATH": str(ROOT),
            **self.settings,
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, *arguments: str, expect: int | None = 0) -> str:
        """Run a command to its end and return what it printed; `expect` is its status, None for any."""
        done = run(command, *arguments, folder=self.folder, environment=self.environment)
        printed = done.out + done.err
        assert expect is None or done.status == expect, f"{arguments} ended {done.status}:\n{printed}"
        return printed

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command and go on; its output goes to a file in the folder."""
        with (self.folder / f"{arguments[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "kiemtin", *arguments], cwd=self.folder, env=self.environment,
                stdout=log, stderr=log,
            )  # fmt: skip

    def records(self) -> Records:
        return Records(f"sqlite:///{self.folder / 'var' / 'kiemtin.db'}")

    def wait_until_well(self, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
        """Wait until the server answers that it is well."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert process.poll() is None, "the server ended by itself"
            try:
                if httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                try:
                    process.wait(0.1)
                except subprocess.TimeoutExpired:
                    continue
        raise AssertionError("the server never became well")


def wait_for(happened: Callable[[], bool], seconds: float = 240) -> None:
    """Look again and again until it happened; raise when it does not."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        pause.wait(0.05)
