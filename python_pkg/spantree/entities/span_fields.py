"""What a span is made of: types, status, events, links, and reserved attributes."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Any

from spantree.entities.checking import mapping, text

if TYPE_CHECKING:
    from collections.abc import Mapping


class SpanType:
    """The span types that views know; any other text is legal and kept verbatim."""

    LLM = "LLM"
    CHAIN = "CHAIN"
    AGENT = "AGENT"
    TOOL = "TOOL"
    CHAT_MODEL = "CHAT_MODEL"
    RETRIEVER = "RETRIEVER"
    PARSER = "PARSER"
    EMBEDDING = "EMBEDDING"
    RERANKER = "RERANKER"
    MEMORY = "MEMORY"
    UNKNOWN = "UNKNOWN"
    WORKFLOW = "WORKFLOW"
    TASK = "TASK"
    GUARDRAIL = "GUARDRAIL"
    EVALUATOR = "EVALUATOR"


class SpanStatusCode(str, Enum):
    """How a span ended; OpenTelemetry's three codes."""

    UNSET = "UNSET"
    OK = "OK"
    ERROR = "ERROR"


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


class SpanLogLevel(IntEnum):
    """How important a span is; the numbers of :mod:`logging`."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50

    @classmethod
    def _missing_(cls, value: object) -> SpanLogLevel | None:
        """Accept the level's name, in any case."""
        return cls.__members__.get(value.upper()) if isinstance(value, str) else None


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


# Attributes that are fields of a span; they are shown among the attributes as MLflow
# shows them and understood when written under these names (mlflow 3.17).
INPUTS = "mlflow.spanInputs"
OUTPUTS = "mlflow.spanOutputs"
SPAN_TYPE = "mlflow.spanType"
TRACE_REQUEST_ID = "mlflow.traceRequestId"
FUNCTION_NAME = "mlflow.spanFunctionName"
MODEL = "mlflow.llm.model"
PROVIDER = "mlflow.llm.provider"
TOKEN_USAGE = "mlflow.chat.tokenUsage"  # noqa: S105 - a key, no secret
COST = "mlflow.llm.cost"
MESSAGE_FORMAT = "mlflow.message.format"
CHAT_TOOLS = "mlflow.chat.tools"
DESCRIPTION = "mlflow.spanDescription"
LOG_LEVEL = "mlflow.spanLogLevel"
CHUNK_EVENT = "mlflow.chunk.item."
TRUNCATED = "spantree.truncated"
KIND = "spantree.kind"
SCOPE = "spantree.scope"
