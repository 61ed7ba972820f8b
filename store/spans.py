"""Names a piece of work for traces: of what kind it was and how long it took, never what was in it.

Without a collector (see `kiemtin.traces`) a span costs nothing and goes nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, get_tracer

_TRACER = get_tracer("kiemtin")


@contextmanager
def span(name: str, kind: SpanKind = SpanKind.INTERNAL, **attributes: str | int) -> Iterator[Span]:
    """Measure the block; `attributes` become `kiemtin.NAME`. An error is kept by its type alone.

    Its message and traceback stay out: they may quote a text, an address or a parameter of SQL.
    """
    with _TRACER.start_as_current_span(
        name,
        kind=kind,
        attributes={f"kiemtin.{key}": value for key, value in attributes.items()},
        record_exception=False,
        set_status_on_exception=False,
    ) as made:
        try:
            yield made
        except BaseException as error:
            made.set_attribute("error.type", type(error).__name__)
            made.set_status(Status(StatusCode.ERROR))
            raise
