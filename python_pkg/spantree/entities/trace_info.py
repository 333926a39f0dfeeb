"""What is known of a trace as a whole."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from time import gmtime
from typing import TYPE_CHECKING, Any

from spantree.entities.checking import (
    items,
    number_or_none,
    text,
    text_or_none,
    texts,
)
from spantree.entities.trace_fields import (
    COST,
    SCHEMA_VERSION,
    SESSION,
    TOKEN_USAGE,
    TRACE_NAME,
    USER,
    TraceState,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantree.entities.assessment import Assessment

__all__ = [
    "COST",
    "SCHEMA_VERSION",
    "SESSION",
    "TOKEN_USAGE",
    "TRACE_NAME",
    "USER",
    "MlflowExperimentLocation",
    "TraceInfo",
    "TraceLocation",
    "TraceState",
    "rfc3339",
]


@dataclass(frozen=True, slots=True)
class MlflowExperimentLocation:
    """An experiment as the place a trace belongs to."""

    experiment_id: str


@dataclass(frozen=True, slots=True)
class TraceLocation:
    """Where a trace belongs; always an experiment here."""

    type: str = "MLFLOW_EXPERIMENT"
    mlflow_experiment: MlflowExperimentLocation = MlflowExperimentLocation("0")

    @classmethod
    def from_experiment_id(cls, experiment_id: str) -> TraceLocation:
        """Name an experiment as the location."""
        return cls(mlflow_experiment=MlflowExperimentLocation(experiment_id))

    def to_dict(self) -> dict[str, object]:
        """Give MLflow's serialised form."""
        return {
            "type": self.type,
            "mlflow_experiment": {
                "experiment_id": self.mlflow_experiment.experiment_id
            },
        }


@dataclass(slots=True)
class TraceInfo:
    """What is known of a trace as a whole.

    Args:
        trace_id: ``tr-`` and 32 hex digits.
        trace_location: The experiment it belongs to.
        request_time: Start in milliseconds since 1970.
        state: See :class:`TraceState`.
        request_preview: At most 1,000 characters of what went into the root.
        response_preview: The same of what came out.
        client_request_id: The caller's own id of the request.
        execution_duration: Milliseconds, None while the root is open.
        trace_metadata: Text by key; fixed once the trace ends.
        tags: Text by key; may change at any time.
        assessments: What people and judges said of the trace.
    """

    trace_id: str
    trace_location: TraceLocation
    request_time: int
    state: TraceState
    request_preview: str | None = None
    response_preview: str | None = None
    client_request_id: str | None = None
    execution_duration: int | None = None
    trace_metadata: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    assessments: list[Assessment] = field(default_factory=list)

    @property
    def request_id(self) -> str:
        """The trace id under its older name."""
        return self.trace_id

    @property
    def experiment_id(self) -> str:
        """The id of the experiment, decimal text; ``"0"`` is ``Default``."""
        return self.trace_location.mlflow_experiment.experiment_id

    @property
    def timestamp_ms(self) -> int:
        """``request_time`` under its older name."""
        return self.request_time

    @property
    def execution_time_ms(self) -> int | None:
        """``execution_duration`` under its older name."""
        return self.execution_duration

    @property
    def status(self) -> TraceState:
        """``state`` under its older name."""
        return self.state

    @property
    def request_metadata(self) -> dict[str, str]:
        """``trace_metadata`` under its older name."""
        return self.trace_metadata

    @property
    def session(self) -> str | None:
        """The conversation this trace belongs to."""
        return self.trace_metadata.get(SESSION)

    @property
    def user(self) -> str | None:
        """The user the program served."""
        return self.trace_metadata.get(USER)

    @property
    def token_usage(self) -> dict[str, int] | None:
        """Tokens of the whole trace, each call counted once; None when unknown."""
        text = self.trace_metadata.get(TOKEN_USAGE)
        return json.loads(text) if text else None

    @property
    def cost(self) -> dict[str, float] | None:
        """Cost of the whole trace in USD; None when no part of it is known."""
        text = self.trace_metadata.get(COST)
        return json.loads(text) if text else None

    def to_dict(self) -> dict[str, Any]:
        """Give MLflow 3's serialised form: RFC 3339 time, duration in ms as int."""
        return {
            "trace_id": self.trace_id,
            "client_request_id": self.client_request_id,
            "trace_location": self.trace_location.to_dict(),
            "request_time": rfc3339(self.request_time),
            "execution_duration_ms": self.execution_duration,
            "state": self.state.value,
            "request_preview": self.request_preview,
            "response_preview": self.response_preview,
            "trace_metadata": dict(self.trace_metadata),
            "tags": dict(self.tags),
            "assessments": [a.to_dict() for a in self.assessments],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TraceInfo:
        """Read the form that :meth:`to_dict` writes."""
        from spantree.entities.assessment import Assessment

        location = data["trace_location"]["mlflow_experiment"]["experiment_id"]
        started = datetime.fromisoformat(data["request_time"].replace("Z", "+00:00"))
        return cls(
            trace_id=text(data["trace_id"], "trace_id"),
            trace_location=TraceLocation.from_experiment_id(str(location)),
            request_time=round(started.timestamp() * 1000),
            state=TraceState(data["state"]),
            execution_duration=number_or_none(
                data.get("execution_duration_ms"), "execution_duration_ms"
            ),
            **{
                name: text_or_none(data.get(name), name)
                for name in ("request_preview", "response_preview", "client_request_id")
            },
            trace_metadata=texts(data.get("trace_metadata"), "trace_metadata"),
            tags=texts(data.get("tags"), "tags"),
            assessments=[
                Assessment.from_dict(a)
                for a in items(data.get("assessments"), "assessments")
            ],
        )


def rfc3339(ms: int) -> str:
    """Write milliseconds since 1970 as MLflow does, ``2026-11-21T00:00:00.123Z``."""
    minute, rest = divmod(ms, 60_000)
    # A list has many: a third of the time that any other way takes.
    return "%s:%06.3fZ" % (_minute_text(minute), rest / 1000)  # noqa: UP031


@lru_cache(maxsize=1024)
def _minute_text(minute: int) -> str:
    at = gmtime(minute * 60)
    day = f"{at.tm_year:04d}-{at.tm_mon:02d}-{at.tm_mday:02d}"
    return f"{day}T{at.tm_hour:02d}:{at.tm_min:02d}"
