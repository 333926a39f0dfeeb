"""What people, judges and code said of a trace: feedback, expectations, issues."""

from __future__ import annotations

import copy
import json
import os
import time
import traceback
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, cast

from spantree.entities.checking import mapping, text, text_or_none
from spantree.entities.errors import SpantreeException, did_you_mean, reading

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


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def new_assessment_id() -> str:
    """Make an id: ``a-`` and 32 random hex digits."""
    return f"a-{os.urandom(16).hex()}"


@dataclass(slots=True)
class Assessment:
    """One judgement of a trace or of one of its spans.

    Use :class:`Feedback`, :class:`Expectation` or :class:`IssueReference`.

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
    create_time_ms: int = field(default_factory=_now_ms)
    last_update_time_ms: int = field(default_factory=_now_ms)
    assessment_id: str = field(default_factory=new_assessment_id)
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
    def issue(self) -> Assessment | None:
        """This, if it points to an issue."""
        return self if self.kind == "ISSUE" else None

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
        """Read the form that :meth:`to_dict` writes, and that MLflow writes.

        Raises:
            SpantreeException: If the data is not of that form.
        """
        with reading("an assessment's dict"):
            return cls._from_dict(data)

    @classmethod
    def _from_dict(cls, data: Mapping[str, Any]) -> Assessment:
        source = mapping(data.get("source"), "source")
        kind = next((k for k in ASSESSMENT_KINDS if k.lower() in data), "FEEDBACK")
        content = mapping(data.get(kind.lower()), kind.lower())
        error = mapping(content.get("error"), "error")
        return make_assessment(
            kind,
            name=text(data["assessment_name"], "assessment_name"),
            source=AssessmentSource(
                source.get("source_type", "SOURCE_TYPE_UNSPECIFIED"),
                text_or_none(source.get("source_id"), "source_id"),
            ),
            trace_id=text_or_none(data.get("trace_id"), "trace_id"),
            value=_value_of(content),
            rationale=text_or_none(data.get("rationale"), "rationale"),
            metadata=dict(mapping(data.get("metadata"), "metadata")),
            span_id=text_or_none(data.get("span_id"), "span_id"),
            create_time_ms=_milliseconds(data["create_time"]),
            last_update_time_ms=_milliseconds(data["last_update_time"]),
            assessment_id=text(data["assessment_id"], "assessment_id"),
            overrides=text_or_none(data.get("overrides"), "overrides"),
            valid=data.get("valid", True) is not False,
            error=_read_error(error) if error else None,
        )

    from_dictionary = from_dict


class Feedback(Assessment):
    """A judgement of how good something was; made by code unless said otherwise.

    Arguments come in MLflow's order: ``Feedback("correct", True)``.

    Args:
        name: What is judged.
        value: A number, text, bool, list or dict.
        error: Why judging failed: an :class:`AssessmentError` or an exception.
        source: Who judged; code when left out.
        trace_id: The trace judged.
        metadata: Text by key.
        span_id: The span judged, None for the whole trace.
        create_time_ms: Milliseconds since 1970; now when left out.
        last_update_time_ms: The same.
        rationale: Why.
        overrides: The id of the feedback that this one replaces.
        valid: False once it was overridden.
        assessment_id: ``a-`` and 32 hex digits; a new one when left out.
    """

    __slots__ = ()

    def __init__(
        self,
        name: str = "feedback",
        value: Any = None,
        error: AssessmentError | BaseException | str | None = None,
        source: AssessmentSource | None = None,
        trace_id: str | None = None,
        metadata: Mapping[str, str] | None = None,
        span_id: str | None = None,
        create_time_ms: int | None = None,
        last_update_time_ms: int | None = None,
        rationale: str | None = None,
        overrides: str | None = None,
        valid: bool = True,
        *,
        assessment_id: str | None = None,
    ) -> None:
        super().__init__(
            name=name,
            source=source or AssessmentSource(AssessmentSourceType.CODE),
            trace_id=trace_id,
            value=value,
            rationale=rationale,
            span_id=span_id,
            **_filled(metadata, create_time_ms, last_update_time_ms, assessment_id),
            overrides=overrides,
            valid=valid,
            error=_as_error(error),
        )


class Expectation(Assessment):
    """What the right answer would have been; said by a person unless said otherwise.

    Arguments come in MLflow's order: ``Expectation("answer", "Paris")``.

    Args:
        name: What is expected.
        value: JSON data.
        source: Who said so; a person when left out.
        trace_id: The trace meant.
        metadata: Text by key.
        span_id: The span meant, None for the whole trace.
        create_time_ms: Milliseconds since 1970; now when left out.
        last_update_time_ms: The same.
        rationale: Why.
        overrides: The id of the expectation that this one replaces.
        valid: False once it was overridden.
        assessment_id: ``a-`` and 32 hex digits; a new one when left out.
    """

    __slots__ = ()

    def __init__(
        self,
        name: str = "expectation",
        value: Any = None,
        source: AssessmentSource | None = None,
        trace_id: str | None = None,
        metadata: Mapping[str, str] | None = None,
        span_id: str | None = None,
        create_time_ms: int | None = None,
        last_update_time_ms: int | None = None,
        *,
        rationale: str | None = None,
        overrides: str | None = None,
        valid: bool = True,
        assessment_id: str | None = None,
    ) -> None:
        super().__init__(
            name=name,
            source=source or AssessmentSource(AssessmentSourceType.HUMAN),
            trace_id=trace_id,
            value=value,
            rationale=rationale,
            span_id=span_id,
            **_filled(metadata, create_time_ms, last_update_time_ms, assessment_id),
            overrides=overrides,
            valid=valid,
        )


class IssueReference(Assessment):
    """Says that a trace shows a known problem; found by code unless said otherwise.

    Args:
        issue_id: The problem's id, wherever it is tracked; kept as the name.
        issue_name: What it is called; kept as the value.
        source: Who says so; code when left out.
        trace_id: The trace that shows it.
        rationale: Why.
        metadata: Text by key.
        span_id: The span that shows it, None for the whole trace.
        create_time_ms: Milliseconds since 1970; now when left out.
        last_update_time_ms: The same.
        valid: False once it was overridden.
        assessment_id: ``a-`` and 32 hex digits; a new one when left out.
    """

    __slots__ = ()

    def __init__(
        self,
        issue_id: str,
        issue_name: str | None = None,
        source: AssessmentSource | None = None,
        trace_id: str | None = None,
        *,
        rationale: str | None = None,
        metadata: Mapping[str, str] | None = None,
        span_id: str | None = None,
        create_time_ms: int | None = None,
        last_update_time_ms: int | None = None,
        valid: bool = True,
        assessment_id: str | None = None,
    ) -> None:
        super().__init__(
            name=issue_id,
            source=source or AssessmentSource(AssessmentSourceType.CODE),
            trace_id=trace_id,
            value=issue_name,
            rationale=rationale,
            span_id=span_id,
            **_filled(metadata, create_time_ms, last_update_time_ms, assessment_id),
            valid=valid,
        )

    @property
    def kind(self) -> str:
        """``ISSUE``."""
        return "ISSUE"

    @property
    def issue_id(self) -> str:
        """The problem's id."""
        return self.name

    @property
    def issue_name(self) -> str | None:
        """What the problem is called."""
        return None if self.value is None else str(self.value)

    def _content(self) -> dict[str, Any]:
        return {"issue_name": self.issue_name}


_CLASSES: dict[str, type[Assessment]] = {
    "FEEDBACK": Feedback,
    "EXPECTATION": Expectation,
    "ISSUE": IssueReference,
}
ASSESSMENT_KINDS = tuple(_CLASSES)


def make_assessment(kind: str, **fields: Any) -> Assessment:
    """Make an assessment of a kind from the fields of :class:`Assessment`.

    Args:
        kind: One of :data:`ASSESSMENT_KINDS`.
        **fields: Name and source, and whichever else are known.
    """
    cls = _CLASSES[kind]
    made = cls.__new__(cls)
    Assessment.__init__(made, **fields)
    return made


def changed(assessment: Assessment, **fields: Any) -> Assessment:
    """Copy an assessment with other values of some fields."""
    made = copy.copy(assessment)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def _filled(
    metadata: Mapping[str, str] | None,
    create_time_ms: int | None,
    last_update_time_ms: int | None,
    assessment_id: str | None,
) -> dict[str, Any]:
    """Fill in what every kind of assessment has and nobody needs to give."""
    now = _now_ms()
    return {
        "metadata": dict(metadata or {}),
        "create_time_ms": now if create_time_ms is None else create_time_ms,
        "last_update_time_ms": (
            now if last_update_time_ms is None else last_update_time_ms
        ),
        "assessment_id": assessment_id or new_assessment_id(),
    }


def _as_error(
    error: AssessmentError | BaseException | str | None,
) -> AssessmentError | None:
    # Not `isinstance`, which asks the user's class.
    kind = type(error)
    if error is None or issubclass(kind, AssessmentError):
        return cast("AssessmentError | None", error)
    if not issubclass(kind, BaseException):
        return AssessmentError("ASSESSMENT_ERROR", str(error))
    try:
        stack = "".join(traceback.format_exception(cast("BaseException", error)))
        return AssessmentError(kind.__name__, str(error), stack)
    except Exception:  # noqa: BLE001 - the user's own text
        return AssessmentError(kind.__name__, f"<unprintable {kind.__name__}>")


def _read_error(data: Mapping[str, Any]) -> AssessmentError:
    return AssessmentError(
        text(data["error_code"], "error_code"),
        text_or_none(data.get("error_message"), "error_message"),
        text_or_none(data.get("stack_trace"), "stack_trace"),
    )


def _value_of(content: Mapping[str, Any]) -> Any:
    # As mlflow 3.17 writes expectations that are no scalars.
    serialised = content.get("serialized_value")
    if serialised:
        return json.loads(serialised["value"])
    return content.get("value", content.get("issue_name"))


def _time_text(milliseconds: int) -> str:
    at = datetime.fromtimestamp(milliseconds / 1000, tz=timezone.utc)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _milliseconds(text: str) -> int:
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round(at.timestamp() * 1000)
