"""What runs in processes that tests fork, and the one they are forked from: it has imported what most need.

Importing opens no file, starts no thread, asks for no settings and chooses no event loop.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

# Not the command line itself: the consoles that it makes take their width from the environment of a command.
for _name in (
    "api.accounts", "crawlers.crawl", "kiemtin.given_policy", "kiemtin.house", "kiemtin.work.crew",
    "kiemtin.work.index", "kiemtin.work.score", "search.embedded", "store.archive", "store.claims",
    "store.migrate", "typer.main",
):  # fmt: skip
    import_module(_name)


def become(folder: Path, environment: Mapping[str, str], out: Path, err: Path) -> None:
    """Work in `folder`, with this environment; what is printed goes to two files."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for stream, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)


def command(*arguments: str) -> None:
    """Be `kiemtin` with some arguments."""
    sys.argv = ["kiemtin", *arguments]
    from kiemtin.cli import main

    main()


def script(code: str, argument: str) -> None:
    """Be `python -c CODE ARGUMENT`."""
    sys.argv = ["-c", argument]
    exec(code, {"__name__": "__main__"})
