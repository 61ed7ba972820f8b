"""Structured logs: one event a line, to stderr; JSON where a machine reads them."""

from __future__ import annotations

import logging
import sys

import structlog

from kiemtin.settings import Settings


def configure(settings: Settings) -> None:
    """Send the logs of this program and of its libraries through one chain."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    console = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    render: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if console
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                render,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for noisy in (
        "scrapy",
        "twisted",
        "filelock",
        "alembic.runtime.plugins",
        "apscheduler",
        "uvicorn.access",
        # Which address a provider is asked at, and with what, is no matter of the log.
        "authlib",
        "httpx",
        "httpx2",
        "httpcore",
        "httpcore2",
        "trafilatura",
        "htmldate",
    ):
        logging.getLogger(noisy).setLevel(logging.WARNING)
