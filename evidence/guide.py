"""The instructions that go with a bundle, for people who have neither this program nor a network."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

NAMES = ("VERIFY-vi.md", "VERIFY-en.md")


@cache
def texts() -> dict[str, bytes]:
    """Return each instruction by its name."""
    return {name: (files("evidence") / "guides" / name).read_bytes() for name in NAMES}
