"""Of what kinds a span's fields are: types, codes, levels, and reserved attributes."""

from __future__ import annotations

from enum import Enum, IntEnum


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
