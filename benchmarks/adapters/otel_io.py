"""The OpenTelemetry SDK with a small decorator that records inputs and outputs.

The SDK alone keeps no inputs and outputs; this adds the least that does, as JSON.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from adapters._exporter import MemoryExporter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_EXPORTER = MemoryExporter()
_tracer: trace.Tracer = trace.NoOpTracer()

count_spans = _EXPORTER.count
read_back = _EXPORTER.read_back


def set_up(folder: Path, *, enabled: bool) -> None:
    """Export into memory; disabled as the SDK's environment variable does it."""
    del folder
    global _tracer  # noqa: PLW0603 - the adapter's one piece of state
    if not enabled:
        os.environ["OTEL_SDK_DISABLED"] = "true"
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(_EXPORTER))
    _tracer = provider.get_tracer("otel_io")


def traced(function: Callable[..., Any]) -> Callable[..., Any]:
    """Record arguments and results as JSON attributes."""
    signature = inspect.signature(function)
    name = function.__name__

    def inputs(span: trace.Span, *args: object, **kwargs: object) -> None:
        if span.is_recording():
            bound = signature.bind(*args, **kwargs).arguments
            span.set_attribute("inputs", json.dumps(bound, default=str))

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def coroutine(*args: object, **kwargs: object) -> object:
            with _tracer.start_as_current_span(name) as span:
                inputs(span, *args, **kwargs)
                result = await function(*args, **kwargs)
                _outputs(span, result)
                return result

        return coroutine

    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generator(*args: object, **kwargs: object) -> Iterator[object]:
            with _tracer.start_as_current_span(name) as span:
                inputs(span, *args, **kwargs)
                items = []
                for item in function(*args, **kwargs):
                    items.append(item)
                    yield item
                _outputs(span, items)

        return generator

    @functools.wraps(function)
    def plain(*args: object, **kwargs: object) -> object:
        with _tracer.start_as_current_span(name) as span:
            inputs(span, *args, **kwargs)
            result = function(*args, **kwargs)
            _outputs(span, result)
            return result

    return plain


def block(value: int) -> int:
    """Give `value + 1`."""
    with _tracer.start_as_current_span("block") as span:
        span.set_attribute("inputs", json.dumps({"value": value}))
        result = value + 1
        _outputs(span, result)
    return result


def flush() -> None:
    """Do nothing: spans are exported as they end."""


def _outputs(span: trace.Span, value: object) -> None:
    if span.is_recording():
        span.set_attribute("outputs", json.dumps(value, default=str))
