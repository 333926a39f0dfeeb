"""logfire without sending: its spans go to an exporter in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import logfire
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from adapters._exporter import MemoryExporter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_EXPORTER = MemoryExporter()

count_spans = _EXPORTER.count
read_back = _EXPORTER.read_back


def set_up(folder: Path, *, enabled: bool) -> None:
    """Export into memory; disabled by sampling nothing, as there is no switch."""
    logfire.configure(
        send_to_logfire=False,
        console=False,
        metrics=False,
        inspect_arguments=False,
        config_dir=folder,
        data_dir=folder,
        sampling=None if enabled else logfire.SamplingOptions(head=0.0),
        additional_span_processors=[SimpleSpanProcessor(_EXPORTER)],
    )


def traced(function: Callable[..., Any]) -> Callable[..., Any]:
    """Record arguments and results."""
    decorate = logfire.instrument(record_return=True, allow_generator=True)
    return decorate(function)


def block(value: int) -> int:
    """Give `value + 1`."""
    with logfire.span("block", value=value) as span:
        result = value + 1
        span.set_attribute("return", result)
    return result


def flush() -> None:
    """Push out what is held back."""
    logfire.force_flush()
