"""A span: one piece of work, with a beginning, an end, inputs and outputs."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from spantree.entities.checking import (
    items,
    mapping,
    moment,
    moment_or_none,
    number,
    text,
)
from spantree.entities.drawing import RENDERERS
from spantree.entities.errors import reading
from spantree.entities.ids import parse_trace_id, span_id_text, trace_id_text
from spantree.entities.span_fields import (
    CHAT_TOOLS,
    COST,
    DESCRIPTION,
    FUNCTION_NAME,
    INPUTS,
    KIND,
    LOG_LEVEL,
    MESSAGE_FORMAT,
    MODEL,
    OUTPUTS,
    PROVIDER,
    SCOPE,
    SPAN_TYPE,
    TOKEN_USAGE,
    TRACE_REQUEST_ID,
    TRUNCATED,
    SpanLogLevel,
    SpanStatusCode,
    SpanType,
)
from spantree.entities.values import Captured, decode, encode, from_json, loads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.proto.trace.v1 import trace_pb2

    from spantree.entities.span_parts import Link, SpanEvent, SpanStatus

__all__ = [
    "CHAT_TOOLS",
    "COST",
    "DESCRIPTION",
    "FUNCTION_NAME",
    "INPUTS",
    "KIND",
    "LOG_LEVEL",
    "MESSAGE_FORMAT",
    "MODEL",
    "OUTPUTS",
    "PROVIDER",
    "SCOPE",
    "SPAN_TYPE",
    "TOKEN_USAGE",
    "TRACE_REQUEST_ID",
    "TRUNCATED",
    "Link",
    "Span",
    "SpanEvent",
    "SpanLogLevel",
    "SpanStatus",
    "SpanStatusCode",
    "SpanType",
]

_PARTS = ("Link", "SpanEvent", "SpanStatus")


def __getattr__(name: str) -> object:
    """Load what few spans have when it is first asked for."""
    if name not in _PARTS:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from spantree.entities import span_parts

    found: object = getattr(span_parts, name)
    globals()[name] = found
    return found


class Span:
    """One recorded span, to read.

    Values are held captured (see :mod:`spantree.entities.values`): ``raw_inputs``,
    ``raw_outputs``, ``raw_attributes`` and ``raw_events`` are for the layers that
    store and draw; everybody else reads the properties, which decode.

    Attributes:
        trace_key: The trace's id as a 128-bit integer.
        span_key: This span's id as a 64-bit integer.
        parent_key: The parent's id, or None for a root.
        name: As given, never numbered.
        span_type: One of :class:`SpanType` or any text.
        start_time_ns: Nanoseconds since 1970.
        end_time_ns: The same, or None while the span is open.
        status_code: See :class:`SpanStatusCode`.
        status_message: The status's description, ``""`` if none.
        raw_inputs: The inputs, captured.
        raw_outputs: The outputs, captured.
        raw_attributes: Captured values by name.
        raw_events: ``(name, time_ns, captured values by name)``, in order.
        links: Pointers to other spans.
        display_number: 1, 2, … when the name occurs more than once in the trace.
    """

    __slots__ = (
        "display_number",
        "end_time_ns",
        "links",
        "name",
        "parent_key",
        "raw_attributes",
        "raw_events",
        "raw_inputs",
        "raw_outputs",
        "span_key",
        "span_type",
        "start_time_ns",
        "status_code",
        "status_message",
        "trace_key",
    )

    def __init__(
        self,
        *,
        trace_key: int,
        span_key: int,
        parent_key: int | None,
        name: str,
        span_type: str = SpanType.UNKNOWN,
        start_time_ns: int,
        end_time_ns: int | None,
        status_code: SpanStatusCode = SpanStatusCode.UNSET,
        status_message: str = "",
        raw_inputs: Captured = None,
        raw_outputs: Captured = None,
        raw_attributes: dict[str, Captured] | None = None,
        raw_events: list[tuple[str, int, dict[str, Captured]]] | None = None,
        links: list[Link] | None = None,
    ) -> None:
        self.trace_key = trace_key
        self.span_key = span_key
        self.parent_key = parent_key
        self.name = name
        self.span_type = span_type
        self.start_time_ns = start_time_ns
        self.end_time_ns = end_time_ns
        self.status_code = status_code
        self.status_message = status_message
        self.raw_inputs = raw_inputs
        self.raw_outputs = raw_outputs
        self.raw_attributes = raw_attributes if raw_attributes is not None else {}
        self.raw_events = raw_events if raw_events is not None else []
        self.links = links if links is not None else []
        self.display_number = 0

    @property
    def trace_id(self) -> str:
        """The trace's id, ``tr-`` and 32 hex digits."""
        return trace_id_text(self.trace_key)

    @property
    def request_id(self) -> str:
        """The trace's id under its older name."""
        return self.trace_id

    @property
    def span_id(self) -> str:
        """This span's id, 16 hex digits."""
        return span_id_text(self.span_key)

    @property
    def parent_id(self) -> str | None:
        """The parent's id, or None for a root."""
        return None if self.parent_key is None else span_id_text(self.parent_key)

    @property
    def display_name(self) -> str:
        """The name, numbered ``_1``, ``_2`` … when it occurs repeatedly."""
        return (
            f"{self.name}_{self.display_number}" if self.display_number else self.name
        )

    @property
    def inputs(self) -> Any:
        """What went in, as JSON data."""
        return decode(self.raw_inputs)

    @property
    def outputs(self) -> Any:
        """What came out, as JSON data."""
        return decode(self.raw_outputs)

    @property
    def status(self) -> SpanStatus:
        """How the span ended."""
        from spantree.entities.span_parts import SpanStatus

        return SpanStatus(self.status_code, self.status_message)

    @property
    def events(self) -> list[SpanEvent]:
        """What happened during the span, in order."""
        from spantree.entities.span_parts import SpanEvent

        return [
            SpanEvent(name, at, {k: decode(v) for k, v in attributes.items()})
            for name, at, attributes in self.raw_events
        ]

    @property
    def attributes(self) -> dict[str, Any]:
        """Every attribute, those that are fields included."""
        return {key: decode(value) for key, value in self.captured_attributes().items()}

    def captured_attributes(self) -> dict[str, Captured]:
        """Give every attribute, those that are fields included, still captured."""
        found: dict[str, Captured] = {
            TRACE_REQUEST_ID: self.trace_id,
            SPAN_TYPE: self.span_type,
        }
        if self.raw_inputs is not None:
            found[INPUTS] = self.raw_inputs
        if self.raw_outputs is not None:
            found[OUTPUTS] = self.raw_outputs
        found.update(self.raw_attributes)
        return found

    def get_attribute(self, key: str) -> Any:
        """Give one attribute, or None when the span has none of that name."""
        return decode(self.captured_attributes().get(key))

    @property
    def model_name(self) -> str | None:
        """The model that answered, if this span called one."""
        model = self.raw_attributes.get(MODEL)
        return model if isinstance(model, str) else None

    @property
    def description(self) -> str | None:
        """What the span is about, if it was said."""
        found = self.raw_attributes.get(DESCRIPTION)
        return found if isinstance(found, str) else None

    @property
    def log_level(self) -> SpanLogLevel | None:
        """How important the span is, if it was said."""
        found = self.raw_attributes.get(LOG_LEVEL)
        if isinstance(found, int) and found in _LOG_LEVELS:
            return SpanLogLevel(found)
        return None

    @property
    def kind(self) -> str:
        """OpenTelemetry's span kind: ``INTERNAL`` unless it came with another."""
        return str(decode(self.raw_attributes.get(KIND)) or "INTERNAL")

    @property
    def scope(self) -> dict[str, Any] | None:
        """The instrumentation that made the span: name, version and attributes.

        None for spans of our own.
        """
        return decode(self.raw_attributes.get(SCOPE))  # type: ignore[return-value]

    @property
    def llm_cost(self) -> dict[str, float] | None:
        """What the call cost in USD: input_cost, output_cost and total_cost."""
        return decode(self.raw_attributes.get(COST))  # type: ignore[return-value]

    @property
    def token_usage(self) -> dict[str, int] | None:
        """The tokens this span itself reported; an unknown count is absent."""
        return decode(self.raw_attributes.get(TOKEN_USAGE))  # type: ignore[return-value]

    @property
    def exception(self) -> tuple[str, str, str] | None:
        """Type, message and stack of the first recorded exception, if any."""
        for name, _, attributes in self.raw_events:
            if name == "exception":
                kind, message, stack = (
                    decode(attributes.get(f"exception.{part}"))
                    for part in ("type", "message", "stacktrace")
                )
                return str(kind or ""), str(message or ""), str(stack or "")
        return None

    def to_dict(self) -> dict[str, Any]:
        """Give the span in MLflow 3's serialised form.

        Returns:
            Ids as base64 of their bytes and every attribute value JSON-encoded once
            more, as mlflow 3.17 writes them.
        """
        parent, code = self.parent_key, self.status_code
        trace_id, trace_id_json = _trace_id_texts(self.trace_key)
        attributes = {
            TRACE_REQUEST_ID: trace_id_json,
            SPAN_TYPE: encode(self.span_type).decode(),
        }
        if self.raw_inputs is not None:
            attributes[INPUTS] = encode(self.raw_inputs).decode()
        if self.raw_outputs is not None:
            attributes[OUTPUTS] = encode(self.raw_outputs).decode()
        for key, value in self.raw_attributes.items():
            attributes[key] = encode(value).decode()
        return {
            "trace_id": trace_id,
            "span_id": _base64(self.span_key, 8),
            "parent_span_id": None if parent is None else _base64(parent, 8),
            "name": self.name,
            "start_time_unix_nano": self.start_time_ns,
            "end_time_unix_nano": self.end_time_ns,
            "events": [
                {
                    "name": name,
                    "time_unix_nano": at,
                    "attributes": {k: decode(v) for k, v in attributes.items()},
                }
                for name, at, attributes in self.raw_events
            ],
            "status": {
                # An Enum's `value` is a slow property.
                "code": _OK_TEXT if code is _OK else f"STATUS_CODE_{code.value}",
                "message": self.status_message,
            },
            "attributes": attributes,
            "links": [link.to_dict() for link in self.links],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Span:
        """Read the form that :meth:`to_dict` writes.

        Raises:
            SpantreeException: If the data is not of that form.
        """
        with reading("a span's dict"):
            return cls._from_dict(data)

    @classmethod
    def _from_dict(cls, data: Mapping[str, Any]) -> Span:
        from spantree.entities.span_parts import Link

        given = mapping(data.get("attributes"), "attributes")
        attributes = {text(k, "a key"): _read(text(v, k)) for k, v in given.items()}
        attributes.pop(TRACE_REQUEST_ID, None)
        span_type = attributes.pop(SPAN_TYPE, SpanType.UNKNOWN)
        status = mapping(data.get("status"), "status")
        parent = data.get("parent_span_id")
        return cls(
            trace_key=_from_base64(text(data["trace_id"], "trace_id"), 16),
            span_key=_from_base64(text(data["span_id"], "span_id"), 8),
            parent_key=_from_base64(text(parent, "parent_span_id"), 8)
            if parent
            else None,
            name=text(data["name"], "name"),
            span_type=str(span_type),
            start_time_ns=moment(data["start_time_unix_nano"], "start_time_unix_nano"),
            end_time_ns=moment_or_none(
                data.get("end_time_unix_nano"), "end_time_unix_nano"
            ),
            status_code=SpanStatusCode(
                status.get("code", "UNSET").removeprefix("STATUS_CODE_")
            ),
            status_message=text(status.get("message") or "", "message"),
            raw_inputs=attributes.pop(INPUTS, None),
            raw_outputs=attributes.pop(OUTPUTS, None),
            raw_attributes=attributes,
            raw_events=[
                (
                    text(event["name"], "an event's name"),
                    number(event["time_unix_nano"], "time_unix_nano"),
                    {
                        k: from_json(encode(v))
                        for k, v in mapping(
                            event.get("attributes"), "an event's attributes"
                        ).items()
                    },
                )
                for event in items(data.get("events"), "events")
            ],
            links=[Link.from_dict(link) for link in items(data.get("links"), "links")],
        )

    def to_otel_proto(self) -> trace_pb2.Span:
        """Give the span as OpenTelemetry's protobuf message, under MLflow's names.

        Raises:
            MissingExtraError: If opentelemetry-proto is not installed.
        """
        from spantree.entities.otel_proto import to_proto

        return to_proto(self)

    @classmethod
    def from_otel_proto(cls, otel_proto_span: trace_pb2.Span) -> Span:
        """Read OpenTelemetry's protobuf message of a span.

        Args:
            otel_proto_span: As :meth:`to_otel_proto` gives it, or any sender.

        Raises:
            MissingExtraError: If opentelemetry-proto is not installed.
            OtlpError: If its ids are none.
        """
        from spantree.entities.otel_proto import from_proto

        return from_proto(otel_proto_span)

    def _repr_mimebundle_(self, **_: object) -> dict[str, object] | None:
        # A live one stands in the tree under its cell, which follows it.
        draw = RENDERERS.span if type(self) is Span else None
        return None if draw is None else draw(self)

    def __repr__(self) -> str:
        """Show the name and the ids, nothing that was recorded."""
        return (
            f"Span(name={self.name!r}, trace_id={self.trace_id!r}, "
            f"span_id={self.span_id!r}, parent_id={self.parent_id!r})"
        )


_OK = SpanStatusCode.OK
_LOG_LEVELS = frozenset(map(int, SpanLogLevel))
_OK_TEXT = f"STATUS_CODE_{_OK.value}"


def _read(text: str) -> Captured:
    value = from_json(text)
    if isinstance(value, bytes):
        loads(value)  # what can't be read is refused now, not when it is looked at
    return value


@lru_cache(maxsize=8)
def _trace_id_texts(key: int) -> tuple[str, str]:
    """Give a trace id in base64 and as JSON; spans of one trace come together."""
    return _base64(key, 16), f'"{trace_id_text(key)}"'


def _base64(key: int, size: int) -> str:
    return b2a_base64(key.to_bytes(size, "big"), newline=False).decode()


def _from_base64(text: str, size: int) -> int:
    hexadecimal = parse_trace_id(text)
    if hexadecimal is not None:
        return hexadecimal
    key = a2b_base64(text)
    if not 0 < len(key) <= size:
        msg = f"an id has {size} bytes, not {len(key)}"
        raise ValueError(msg)
    return int.from_bytes(key, "big")
