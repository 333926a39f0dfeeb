"""langfuse without sending: its spans go to an exporter in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langfuse import Langfuse, observe

from adapters._exporter import MemoryExporter

if TYPE_CHECKING:
    from pathlib import Path

_EXPORTER = MemoryExporter()
_client: Langfuse

traced = observe
count_spans = _EXPORTER.count
read_back = _EXPORTER.read_back


def set_up(folder: Path, *, enabled: bool) -> None:
    """Export into memory; the keys open nothing."""
    del folder
    global _client  # noqa: PLW0603 - the adapter's one piece of state
    _client = Langfuse(
        public_key="pk-lf-none",
        secret_key="sk-lf-none",  # noqa: S106
        base_url="http://127.0.0.1:9",
        span_exporter=_EXPORTER,
        tracing_enabled=enabled,
    )


def block(value: int) -> int:
    """Give `value + 1`."""
    with _client.start_as_current_observation(name="block", input=value) as span:
        result = value + 1
        span.update(output=result)
    return result


def flush() -> None:
    """Wait for the batch processor."""
    _client.flush()
