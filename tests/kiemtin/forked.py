"""The process that commands of the tests are forked from: it has imported what most of them need.

Importing opens no file, starts no thread and asks for no settings.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

# Not the command line itself: the consoles that it makes take their width from the environment of a command.
for _name in (
    "api.accounts", "kiemtin.given_policy", "kiemtin.house", "kiemtin.work.crew", "kiemtin.work.index",
    "kiemtin.work.score", "search.embedded", "store.archive", "store.claims", "store.migrate", "typer.main",
):  # fmt: skip
    import_module(_name)


def command(
    arguments: tuple[str, ...], folder: Path, environment: dict[str, str], out: Path, err: Path
) -> None:
    """Be `kiemtin` with some arguments; what is printed goes to two files."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for stream, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    sys.argv = ["kiemtin", *arguments]
    from kiemtin.cli import main

    main()
