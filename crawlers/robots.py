"""What robots.txt (RFC 9309) and a page itself say to crawlers; reads, and asks for nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Any

from protego import Protego
from scrapy.exceptions import IgnoreRequest

from crawlers.gate import LONGEST_REST

AGENT = "KiemTin"
KEPT = timedelta(hours=24)
# RFC 9309 2.5: at least so many bytes are parsed; what is beyond may be left.
LONGEST = 500 * 1024
_TOO_MANY = 429
_HEAD = 65_536
_META = re.compile(rb"<meta\s[^>]{1,500}>", re.I)
_NAME = re.compile(r"""name\s*=\s*["']?([\w-]+)""")
_CONTENT = re.compile(r"""content\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_DIRECTIVES = frozenset({"noindex", "noarchive", "nofollow", "nosnippet", "none"})


class RobotsForbidden(IgnoreRequest):
    """robots.txt does not allow this page."""


class RobotsUnreachable(IgnoreRequest):
    """robots.txt could not be read, so nothing of the host is fetched."""


@dataclass(frozen=True)
class Rules:
    """The rules of one host, as it answered at `at`; without an answer `status` is None."""

    status: int | None
    text: str
    at: datetime

    @property
    def readable(self) -> bool:
        """Whether the answer says what is allowed: a file, or its absence.

        RFC 9309 2.3.1.3: client errors mean that there are no rules; 2.3.1.4: server errors and silence
        mean that nothing is allowed. "Too many requests" is no word about rules, and closes too.
        """
        return self.status is not None and (
            self.status == 200 or (400 <= self.status < 500 and self.status != _TOO_MANY)
        )

    @property
    def allowance(self) -> dict[str, Any]:
        """What a capture keeps of the rules that let it be made."""
        return {"status": self.status, "at": self.at.isoformat(), "allows": True}

    @cached_property
    def _parsed(self) -> Protego:
        return Protego.parse(self.text if self.status == 200 else "")

    def allows(self, url: str) -> bool:
        """Say whether this crawler may fetch `url`."""
        return self.readable and bool(self._parsed.can_fetch(url, AGENT))

    @property
    def seconds_apart(self) -> float:
        """How far apart requests must be by `Crawl-delay` and `Request-rate`; 0 where neither is said."""
        if not self.readable:
            return 0.0
        rate = self._parsed.request_rate(AGENT)
        # As a fraction, for either number may be too large for a float.
        by_rate = Fraction(rate.seconds, rate.requests) if rate is not None and rate.requests else 0
        return float(min(LONGEST_REST, max(self._parsed.crawl_delay(AGENT) or 0, by_rate)))


def rules_of(status: int, body: bytes, at: datetime) -> Rules:
    """Return the rules that an answer to /robots.txt holds."""
    text = body[:LONGEST].decode("utf-8-sig", "ignore") if status == 200 else ""
    # A NUL would end the text in some databases, and means nothing in a robots.txt.
    return Rules(status, text.replace("\0", ""), at)


def directives(tags: Iterable[str], body: bytes) -> list[str]:
    """Return what a page asks of those who keep it, such as `noindex` and `noarchive`, sorted.

    From `X-Robots-Tag` headers and from `<meta name="robots">` near the start of the page; what is said to
    other crawlers by name is left out, `none` stands for what it means.
    """
    said = []
    for value in tags:
        # `agent: directives`, or only directives; one with a value (`max-snippet: 5`) is none of ours.
        agent, colon, rest = value.lower().partition(":")
        if not colon or "," in agent:
            said.append(value.lower())
        elif agent.strip() == AGENT.lower():
            said.append(rest)
    for tag in _META.findall(body[:_HEAD]):
        meta = tag.decode("latin-1").lower()
        name, content = _NAME.search(meta), _CONTENT.search(meta)
        if name and content and name.group(1) in {"robots", AGENT.lower()}:
            said.append(content.group(1) or content.group(2) or "")
    found = {word.strip() for value in said for word in value.split(",")} & _DIRECTIVES
    return sorted(found - {"none"} | ({"nofollow", "noindex"} if "none" in found else set()))
