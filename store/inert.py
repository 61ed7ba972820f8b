"""A page that strangers made, changed so far that a browser shows it and does nothing else."""

from __future__ import annotations

import re

# What opens connections or asks a name server in advance obeys no policy, so it goes. Each match takes what
# it read, also where a tag never ends: the time grows with the page and no faster.
_NOT_SHOWN = re.compile(r"<(?:link|base|meta|i?frame|object|embed|portal)\b[^<>]*>?", re.IGNORECASE)
# Nothing runs and nothing is fetched: sources from nowhere, but what the page itself holds.
SOURCES = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "form-action 'none'; base-uri 'none'"
)
_HEAD = (
    '<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{sources}">'
    '<meta name="referrer" content="no-referrer">\n'
)


def tamed(page: str) -> str:
    """Return a page without what would reach for another host before a policy is asked, or lead elsewhere."""
    # A space is put in their place: what stood around them must not grow together to another of them.
    return _NOT_SHOWN.sub(" ", page)


def inert(page: str) -> str:
    """Return a page as a file of UTF-8 that a browser opens from a disk, where no header guards who reads it.

    Its first element is a policy, before any that the page could put first.
    """
    return _HEAD.format(sources=SOURCES) + tamed(page)
