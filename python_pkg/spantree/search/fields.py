"""The fields a filter may name, and how their spellings are resolved."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from spantree.entities.trace import SESSION, TRACE_NAME, USER
from spantree.search.nodes import Op


class FieldKind(Enum):
    """What a field holds, and so which literals and operators fit it."""

    TEXT = "text"
    STATE = "state"
    TRACE_ID = "trace id"
    NUMBER = "number"
    TIME = "time"
    DURATION = "duration"
    JSON = "value"

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers, so that numbers alone fit it."""
        return self in (FieldKind.NUMBER, FieldKind.TIME, FieldKind.DURATION)


_TEXT_OPS = (
    Op.EQ,
    Op.IN,
    Op.LIKE,
    Op.ILIKE,
    Op.RLIKE,
    Op.CONTAINS,
    Op.MATCH,
    Op.IS_NULL,
)
_ORDER_OPS = (Op.EQ, Op.LT, Op.LE, Op.GT, Op.GE, Op.BETWEEN, Op.IS_NULL)
OPERATORS: dict[FieldKind, tuple[Op, ...]] = {
    FieldKind.TEXT: _TEXT_OPS,
    FieldKind.STATE: _TEXT_OPS,
    FieldKind.TRACE_ID: _TEXT_OPS,
    FieldKind.NUMBER: (*_ORDER_OPS, Op.IN),
    FieldKind.TIME: _ORDER_OPS,
    FieldKind.DURATION: _ORDER_OPS,
    FieldKind.JSON: tuple(Op),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One thing a filter can look at.

    Args:
        key: Our name of it, e.g. ``"name"`` or ``"span.attributes"``.
        kind: What it holds.
        argument: The key below ``tag``, ``metadata``, ``feedback`` …
        in_ms: Compared in whole milliseconds, as MLflow's fields are.
        shout: Texts compared with it are upper-cased first.

    """

    key: str
    kind: FieldKind
    argument: str = ""
    in_ms: bool = False
    shout: bool = False

    @property
    def of_span(self) -> bool:
        """Whether it belongs to a span, not to the trace as a whole."""
        return self.key.startswith("span.")

    @property
    def shown(self) -> str:
        """The field as a filter writes it."""
        return f"{self.key}.{self.argument}" if self.argument else self.key


_TEXT, _NUMBER = FieldKind.TEXT, FieldKind.NUMBER
_START = Field("timestamp", FieldKind.TIME, in_ms=True)
_DURATION_MS = Field("duration", FieldKind.DURATION, in_ms=True)
_END = Field("end_time", FieldKind.TIME, in_ms=True)

TRACE_FIELDS: dict[str, Field] = {
    "name": Field("name", _TEXT),
    "status": Field("state", FieldKind.STATE),
    "state": Field("state", FieldKind.STATE, shout=True),
    "timestamp": _START,
    "timestamp_ms": _START,
    "duration": Field("duration", FieldKind.DURATION),
    "execution_time": _DURATION_MS,
    "execution_time_ms": _DURATION_MS,
    "end_time": _END,
    "end_time_ms": _END,
    "trace_id": Field("trace_id", FieldKind.TRACE_ID),
    "request_id": Field("trace_id", FieldKind.TRACE_ID),
    "client_request_id": Field("client_request_id", _TEXT),
    "run_id": Field("metadata", _TEXT, "mlflow.sourceRun"),
    "session": Field("session", _TEXT),
    "session_id": Field("session", _TEXT),
    "user": Field("user", _TEXT),
    "model": Field("model", _TEXT),
    "tokens": Field("tokens", _NUMBER),
    "input_tokens": Field("input_tokens", _NUMBER),
    "output_tokens": Field("output_tokens", _NUMBER),
    "cost": Field("cost", _NUMBER),
    "span_count": Field("span_count", _NUMBER),
    "error_count": Field("error_count", _NUMBER),
    "llm_calls": Field("llm_calls", _NUMBER),
    "error": Field("error", _TEXT),
    "cell": Field("cell", _TEXT),
    "prompt": Field("prompt", _TEXT),
    "inputs": Field("inputs", FieldKind.JSON),
    "outputs": Field("outputs", FieldKind.JSON),
    "text": Field("text", _TEXT),
}
SPAN_FIELDS: dict[str, Field] = {
    "name": Field("span.name", _TEXT),
    "type": Field("span.type", _TEXT),
    "status": Field("span.status", _TEXT),
    "duration": Field("span.duration", FieldKind.DURATION),
    "model": Field("span.model", _TEXT),
    "provider": Field("span.provider", _TEXT),
    "error": Field("span.error", _TEXT),
    "kind": Field("span.kind", _TEXT),
    "ttft": Field("span.ttft", FieldKind.DURATION),
    "depth": Field("span.depth", _NUMBER),
    "tokens": Field("span.tokens", _NUMBER),
    "input_tokens": Field("span.input_tokens", _NUMBER),
    "output_tokens": Field("span.output_tokens", _NUMBER),
    "cost": Field("span.cost", _NUMBER),
    "inputs": Field("span.inputs", FieldKind.JSON),
    "outputs": Field("span.outputs", FieldKind.JSON),
    "content": Field("span.content", _TEXT),
}
_KEYED = {
    "tag": "tag",
    "tags": "tag",
    "metadata": "metadata",
    "request_metadata": "metadata",
    "trace_metadata": "metadata",
    "feedback": "feedback",
    "expectation": "expectation",
    "assessment": "assessment",
    "issue": "issue",
}
_PREFIXES = ("trace", "attribute", "attributes")
_ONE_FIELD = {
    ("tag", SESSION): TRACE_FIELDS["session"],
    ("metadata", SESSION): TRACE_FIELDS["session"],
    ("tag", USER): TRACE_FIELDS["user"],
    ("metadata", USER): TRACE_FIELDS["user"],
    ("tag", TRACE_NAME): TRACE_FIELDS["name"],
    ("issue", "id"): Field("issue", _TEXT),
}
SHOWN_FIELDS = (
    "name, status, duration, timestamp, tokens, cost, session, user, model, error, "
    "inputs.…, outputs.…, text, tag.…, metadata.…, feedback.…, span.…"
)


@lru_cache(maxsize=512)
def resolve(path: tuple[str, ...], *, inside_span: bool = False) -> Field | None:
    """Find the field a path names.

    Args:
        path: The parts between the dots, without backticks.
        inside_span: The path stands in ``span(…)``, where ``span.`` may be left out.

    Returns:
        The field, or None when there is no such field.

    """
    head, rest = path[0].lower(), path[1:]
    if head == "span" and rest:
        return _span_field(rest)
    if inside_span:
        return _span_field(path)
    if head in _PREFIXES and rest:
        return resolve(rest) if rest[0].lower() not in _PREFIXES else None
    if head in _KEYED and rest:
        return _keyed_field(_KEYED[head], ".".join(rest))
    found = TRACE_FIELDS.get(head)
    if found is None or not rest:
        return found
    return _below(found, rest)


def known_names(*, inside_span: bool = False) -> list[str]:
    """Name the fields, for suggestions."""
    spans = [f"span.{name}" for name in SPAN_FIELDS]
    return list(SPAN_FIELDS) if inside_span else [*TRACE_FIELDS, *_KEYED, *spans]


def _keyed_field(key: str, argument: str) -> Field | None:
    if not argument:
        return None
    known = _ONE_FIELD.get((key, argument))
    if known is not None or key == "issue":
        return known
    if key in ("tag", "metadata"):
        return Field(key, _TEXT, argument)
    return Field(key, FieldKind.JSON, argument)


def _span_field(path: tuple[str, ...]) -> Field | None:
    head, rest = path[0].lower(), path[1:]
    if head in ("attributes", "attribute"):
        argument = ".".join(rest)
        return Field("span.attributes", FieldKind.JSON, argument) if argument else None
    found = SPAN_FIELDS.get(head)
    if found is None or not rest:
        return found
    return _below(found, rest)


def _below(field: Field, path: tuple[str, ...]) -> Field | None:
    """Name a value inside a field's JSON; other fields have nothing inside."""
    is_json = field.kind is FieldKind.JSON
    return Field(field.key, FieldKind.JSON, ".".join(path)) if is_json else None
