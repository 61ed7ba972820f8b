"""Sends traces to an OpenTelemetry collector, where one is set. Whether it answers changes nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog
from opentelemetry import trace

from kiemtin.settings import Settings, SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

log = structlog.get_logger("kiemtin.traces")

# How long one attempt to send may take; the end of the program waits no longer than about this.
_SECONDS = 3.0


@contextmanager
def traced(settings: Settings) -> Iterator[None]:
    """Send the spans of the block to `KIEMTIN_TRACES_URL`; what is left at its end is sent, or dropped.

    Headers for the collector come from the standard `OTEL_EXPORTER_OTLP_HEADERS`. Raises `SettingsError`
    when the address cannot be used or the extra `otel` is not installed.
    """
    if not settings.traces_url:
        yield
        return
    provider = _provider(_endpoint(settings.traces_url))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()


def _provider(endpoint: str) -> TracerProvider:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
    except ModuleNotFoundError as error:
        raise SettingsError(f"Thiếu thư viện {error.name}: cài bằng pip install 'kiemtin[otel]'.") from error

    class Exporter(OTLPSpanExporter):
        """Says once that the collector is away, and once that it is back."""

        away = False

        def export(self, *args: Any, **options: Any) -> SpanExportResult:
            result = super().export(*args, **options)
            away = result is not SpanExportResult.SUCCESS
            if away != self.away:
                self.away = away
                if away:
                    log.warning("traces.unsent", to=endpoint)
                else:
                    log.info("traces.sent_again", to=endpoint)
            return result

    # It would say so at every attempt.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    provider = TracerProvider(
        resource=Resource.create({"service.name": "kiemtin", "service.version": version("kiemtin")})
    )
    provider.add_span_processor(BatchSpanProcessor(Exporter(endpoint, timeout=_SECONDS)))
    return provider


def _endpoint(url: str) -> str:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise SettingsError("KIEMTIN_TRACES_URL phải là http(s)://MÁY:4318, nơi nhận OTLP/HTTP.")
    return url if parts.path.strip("/") else f"{url.rstrip('/')}/v1/traces"
