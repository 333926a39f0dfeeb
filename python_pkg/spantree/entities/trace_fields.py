"""What a trace is made of: its states, and reserved keys of its metadata."""

from __future__ import annotations

from enum import Enum

# Keys under which MLflow keeps what are fields here (mlflow 3.17).
SESSION = "mlflow.trace.session"
USER = "mlflow.trace.user"
TRACE_NAME = "mlflow.traceName"
TOKEN_USAGE = "mlflow.trace.tokenUsage"  # noqa: S105 - a key, no secret
COST = "mlflow.trace.cost"
SCHEMA_VERSION = "mlflow.trace_schema.version"

DEFAULT_ID = "0"
"""The experiment ``Default``, to which traces belong that name no other."""


class TraceState(str, Enum):
    """What has become of a trace."""

    STATE_UNSPECIFIED = "STATE_UNSPECIFIED"
    OK = "OK"
    ERROR = "ERROR"
    IN_PROGRESS = "IN_PROGRESS"
    INTERRUPTED = "INTERRUPTED"
    """The process ended, or died, while the trace was open."""
