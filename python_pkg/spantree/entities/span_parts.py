"""What belongs to a span besides its values: how it ended, events, links."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spantree.entities.checking import mapping, text
from spantree.entities.span_fields import SpanStatusCode

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class SpanStatus:
    """A status code and, for errors, what went wrong.

    Args:
        status_code: A code or its name in any case.
        description: ``"Type: message"`` of the exception, or any text.
    """

    status_code: SpanStatusCode
    description: str = ""

    def __post_init__(self) -> None:
        """Accept the code's name, as MLflow does."""
        if not isinstance(self.status_code, SpanStatusCode):
            code = SpanStatusCode(str(self.status_code).upper())
            object.__setattr__(self, "status_code", code)


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """Something that happened at one moment of a span.

    Args:
        name: What happened, e.g. ``"exception"``.
        timestamp: Nanoseconds since 1970; now when left out.
        attributes: JSON values by name.
    """

    name: str
    timestamp: int = field(default_factory=time.time_ns)
    attributes: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def from_exception(cls, exception: BaseException) -> SpanEvent:
        """Describe an exception by OpenTelemetry's names, its stack included."""
        stack = "".join(traceback.format_exception(exception))
        return cls(
            "exception",
            attributes={
                "exception.message": str(exception),
                "exception.type": type(exception).__name__,
                "exception.stacktrace": stack,
            },
        )


@dataclass(frozen=True, slots=True)
class Link:
    """A pointer to a span of this or another trace.

    Args:
        trace_id: With or without ``tr-``.
        span_id: 16 hex digits.
        attributes: JSON values by name.
    """

    trace_id: str
    span_id: str
    attributes: Mapping[str, object] | None = None

    def to_dict(self) -> dict[str, object]:
        """Give the link as JSON data."""
        return {
            "trace_id": self.trace_id,
            "span_id": self.span_id,
            "attributes": dict(self.attributes or {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Link:
        """Read the form that :meth:`to_dict` writes."""
        return cls(
            text(data["trace_id"], "trace_id"),
            text(data["span_id"], "span_id"),
            mapping(data.get("attributes"), "attributes"),
        )
