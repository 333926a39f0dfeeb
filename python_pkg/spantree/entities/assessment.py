"""What people, judges and code said of a trace: feedback and expectations."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from spantree.entities.errors import SpantreeException, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping


class AssessmentSourceType:
    """Who may judge."""

    HUMAN = "HUMAN"
    LLM_JUDGE = "LLM_JUDGE"
    AI_JUDGE = LLM_JUDGE
    CODE = "CODE"
    SOURCE_TYPE_UNSPECIFIED = "SOURCE_TYPE_UNSPECIFIED"


_SOURCE_TYPES = {
    "HUMAN": "HUMAN",
    "LLM_JUDGE": "LLM_JUDGE",
    "AI_JUDGE": "LLM_JUDGE",
    "CODE": "CODE",
    "SOURCE_TYPE_UNSPECIFIED": "SOURCE_TYPE_UNSPECIFIED",
}


@dataclass(slots=True)
class AssessmentSource:
    """Who judged.

    Args:
        source_type: One of :class:`AssessmentSourceType`, in any case.
        source_id: A name within that type; None means ``"default"``.

    Raises:
        SpantreeException: If the type is unknown.
    """

    source_type: str
    source_id: str | None = "default"

    def __post_init__(self) -> None:
        """Normalise the type's spelling and the missing id."""
        known = _SOURCE_TYPES.get(str(self.source_type).upper())
        if known is None:
            msg = (
                f"Unknown source type {self.source_type!r}."
                f"{did_you_mean(str(self.source_type).upper(), _SOURCE_TYPES)} "
                f"Known: {', '.join(sorted(set(_SOURCE_TYPES.values())))}."
            )
            raise SpantreeException(msg)
        self.source_type = known
        self.source_id = self.source_id or "default"


@dataclass(slots=True)
class AssessmentError:
    """Why a judge could not judge."""

    error_code: str
    error_message: str | None = None
    stack_trace: str | None = None


@dataclass(slots=True)
class Assessment:
    """One judgement of a trace or of one of its spans.

    Use :class:`Feedback` or :class:`Expectation`.

    Args:
        name: What is judged, e.g. ``"correctness"``.
        source: Who judged.
        trace_id: The trace judged.
        value: JSON data.
        rationale: Why.
        metadata: Text by key.
        span_id: The span judged, None for the whole trace.
        create_time_ms: Milliseconds since 1970.
        last_update_time_ms: The same.
        assessment_id: ``a-`` and 32 hex digits.
        overrides: The id of the assessment that this one replaces.
        valid: False once it was overridden.
        error: Set instead of a value when judging failed.
    """

    name: str
    source: AssessmentSource
    trace_id: str | None = None
    value: Any = None
    rationale: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    span_id: str | None = None
    create_time_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    last_update_time_ms: int = field(
        default_factory=lambda: time.time_ns() // 1_000_000
    )
    assessment_id: str = field(default_factory=lambda: f"a-{os.urandom(16).hex()}")
    overrides: str | None = None
    valid: bool = True
    error: AssessmentError | None = None

    @property
    def kind(self) -> str:
        """``FEEDBACK``, ``EXPECTATION`` or ``ISSUE``."""
        return type(self).__name__.upper()

    @property
    def feedback(self) -> Assessment | None:
        """This, if it is a feedback; its ``value`` and ``error`` are here as well."""
        return self if self.kind == "FEEDBACK" else None

    @property
    def expectation(self) -> Assessment | None:
        """This, if it is an expectation; its ``value`` is here as well."""
        return self if self.kind == "EXPECTATION" else None

    @property
    def error_code(self) -> str | None:
        """Why judging failed, in a word."""
        return self.error.error_code if self.error else None

    @property
    def error_message(self) -> str | None:
        """Why judging failed."""
        return self.error.error_message if self.error else None

    def to_dict(self) -> dict[str, Any]:
        """Give MLflow 3's serialised form; what is not known is left out."""
        found = {
            "assessment_id": self.assessment_id,
            "assessment_name": self.name,
            "trace_id": self.trace_id,
            "span_id": self.span_id,
            "source": {
                "source_type": self.source.source_type,
                "source_id": self.source.source_id,
            },
            "create_time": _time_text(self.create_time_ms),
            "last_update_time": _time_text(self.last_update_time_ms),
            self.kind.lower(): self._content(),
            "rationale": self.rationale,
            "metadata": dict(self.metadata) or None,
            "overrides": self.overrides,
            "valid": self.valid,
        }
        return {key: value for key, value in found.items() if value is not None}

    def _content(self) -> dict[str, Any]:
        content: dict[str, Any] = {"value": self.value}
        if self.error is not None:
            content["error"] = {
                "error_code": self.error.error_code,
                "error_message": self.error.error_message,
                "stack_trace": self.error.stack_trace,
            }
        return content

    to_dictionary = to_dict

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Assessment:
        """Read the form that :meth:`to_dict` writes, and that MLflow writes."""
        kind = Expectation if "expectation" in data else Feedback
        content = data.get("expectation") or data.get("feedback") or {}
        source = data.get("source") or {}
        error = content.get("error")
        return kind(
            name=data["assessment_name"],
            source=AssessmentSource(
                source.get("source_type", "SOURCE_TYPE_UNSPECIFIED"),
                source.get("source_id"),
            ),
            trace_id=data.get("trace_id"),
            value=_value_of(content),
            rationale=data.get("rationale"),
            metadata=dict(data.get("metadata") or {}),
            span_id=data.get("span_id"),
            create_time_ms=_milliseconds(data["create_time"]),
            last_update_time_ms=_milliseconds(data["last_update_time"]),
            assessment_id=data["assessment_id"],
            overrides=data.get("overrides"),
            valid=data.get("valid", True),
            error=AssessmentError(**error) if error else None,
        )

    from_dictionary = from_dict


@dataclass(slots=True)
class Feedback(Assessment):
    """A judgement of how good something was; made by code unless said otherwise."""

    name: str = "feedback"
    source: AssessmentSource = field(
        default_factory=lambda: AssessmentSource(AssessmentSourceType.CODE)
    )


@dataclass(slots=True)
class Expectation(Assessment):
    """What the right answer would have been; said by a person unless said otherwise."""

    name: str = "expectation"
    source: AssessmentSource = field(
        default_factory=lambda: AssessmentSource(AssessmentSourceType.HUMAN)
    )


def _value_of(content: Mapping[str, Any]) -> Any:
    # As mlflow 3.17 writes expectations that are no scalars.
    serialised = content.get("serialized_value")
    return json.loads(serialised["value"]) if serialised else content.get("value")


def _time_text(milliseconds: int) -> str:
    at = datetime.fromtimestamp(milliseconds / 1000, tz=timezone.utc)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _milliseconds(text: str) -> int:
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round(at.timestamp() * 1000)
