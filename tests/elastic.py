"""Elasticsearch nodes of a test's own, to be killed or to have security on."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import shared
from tests.kiemtin.program import free_port


@dataclass(frozen=True)
class Node:
    """A node and its folder, which holds its process id. It can be started again after it ended."""

    folder: Path
    port: int
    password: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [shared("elasticsearch/start"), self.folder, str(self.port)]
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            subprocess.run(
                command, check=True, stdout=log, stderr=log, env={**os.environ, "ES_PASSWORD": self.password}
            )


@contextmanager
def own_node(password: str = "") -> Iterator[Node]:
    """Run a node; with a password, its security is on and its user is `elastic`."""
    node = Node(Path("/tmp") / f"kiemtin-node-{secrets.token_hex(4)}", free_port(), password)
    node.start()
    try:
        yield node
    finally:
        subprocess.run([node.folder / "stop"], check=False)
        shutil.rmtree(node.folder, ignore_errors=True)
