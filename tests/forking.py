"""Runs what a short-lived process does in one that is forked: importing is most of what such a process takes."""

from __future__ import annotations

import multiprocessing
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests import forked

_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload([forked.__name__])


@dataclass(frozen=True)
class Done:
    """A process that ended, and what it printed."""

    status: int
    out: str
    err: str


def run(
    target: Callable[..., None],
    *given: str,
    folder: Path,
    environment: Mapping[str, str],
    seconds: float = 300,
) -> Done:
    """Run a function of `tests.forked` in a process of its own that works in `folder`; one that does not end fails."""
    out, err = (folder / f".{name}-{secrets.token_hex(6)}" for name in ("out", "err"))
    process = _FORKED.Process(target=_be, args=(target, given, folder, dict(environment), out, err))
    process.start()
    process.join(seconds)
    status = process.exitcode
    if status is None:
        process.kill()
        process.join()
    printed = [path.read_text(errors="replace") for path in (out, err)]
    out.unlink()
    err.unlink()
    assert status is not None, f"{given} did not end:\n{''.join(printed)}"
    return Done(status, *printed)


def _be(
    target: Callable[..., None], given: tuple[str, ...], folder: Path, environment: Mapping[str, str],
    out: Path, err: Path,
) -> None:  # fmt: skip
    forked.become(folder, environment, out, err)
    target(*given)
