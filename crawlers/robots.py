"""robots.txt that fails closed: where the rules cannot be read, nothing is fetched."""

from __future__ import annotations

from scrapy import Request
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.robotstxt import RobotParser

_ABSENT = frozenset({404, 410})


class RobotsForbidden(IgnoreRequest):
    """robots.txt does not allow this page."""


class RobotsUnreachable(IgnoreRequest):
    """robots.txt could not be read, so nothing of the host is fetched."""


class FailClosedRobots(RobotsTxtMiddleware):
    """Scrapy's middleware lets everything through when robots.txt cannot be fetched; this one does not.

    Absent (404, 410) means no rules, as RFC 9309 2.3.1.3 says. Every other failure, refusals included,
    closes the host for this run.
    """

    async def robot_parser(self, request: Request) -> RobotParser | None:
        parser = await super().robot_parser(request)
        if parser is None:
            raise RobotsUnreachable(f"robots.txt unreachable for {request.url}")
        return parser

    def process_request_2(self, rp: RobotParser | None, request: Request) -> None:
        try:
            super().process_request_2(rp, request)
        except IgnoreRequest as error:
            raise RobotsForbidden(str(error)) from error

    async def _parse_robots(self, response: Response, netloc: str, request: Request) -> None:
        if response.status in _ABSENT:
            response = response.replace(body=b"")
        elif response.status != 200:
            raise IgnoreRequest(f"robots.txt answered {response.status}")
        await super()._parse_robots(response, netloc, request)
