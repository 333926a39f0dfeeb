"""An OpenTelemetry exporter into memory, for the libraries built on the SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan


class MemoryExporter(SpanExporter):
    """Keeps spans until they are counted, so that a long run does not fill memory."""

    def __init__(self) -> None:
        self.newest: ReadableSpan | None = None
        self._spans: list[ReadableSpan] = []
        self._counted = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Keep the spans."""
        self._spans.extend(spans)
        return SpanExportResult.SUCCESS

    def count(self) -> int:
        """Count the spans exported so far, and let go of them."""
        spans, self._spans = self._spans, []
        if spans:
            self.newest = spans[-1]
        self._counted += len(spans)
        return self._counted

    def read_back(self) -> str:
        """Give the attributes of the newest span as text."""
        self.count()
        return "" if self.newest is None else str(dict(self.newest.attributes or {}))
