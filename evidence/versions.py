"""The versions of the software that made a bundle."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

_PARTS = ("warcio", "cryptography", "rfc3161-client", "fpdf2", "pillow", "lxml", "trafilatura", "scrapy")


@cache
def product() -> str:
    """Return the name and version of this program."""
    return f"Kiểm Tin {_version('kiemtin')}"


@cache
def software() -> dict[str, str]:
    """Return the versions of what captured, read, wrote and signed."""
    found = {name: _version(name) for name in _PARTS}
    return {"kiemtin": _version("kiemtin"), "python": platform.python_version(), **found}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
