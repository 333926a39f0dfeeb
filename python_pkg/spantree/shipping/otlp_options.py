"""What of a trace goes to an OpenTelemetry backend, and in whose words."""

from __future__ import annotations

import copy
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from spantree.entities.errors import SpantreeException, did_you_mean
from spantree.entities.trace import Trace, TraceData

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantree.entities.span import Span

_CHOICES: Final[Mapping[str, tuple[object, ...]]] = {
    "dialect": ("gen_ai", "openinference", "both", "none"),
    "names": ("own", "semconv"),
    "content": (True, False),
    "semconv": ("latest",),
}
# Attributes of ours and of others that hold what went into a call, or came out.
_CONTENT: Final = (
    "gen_ai.completion",
    "gen_ai.input.",
    "gen_ai.output.messages",
    "gen_ai.prompt",
    "gen_ai.retrieval.documents",
    "gen_ai.retrieval.query",
    "gen_ai.system_instructions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.tool.definitions",
    "embedding.embeddings",
    "input.",
    "llm.input_messages",
    "llm.output_messages",
    "llm.prompt",
    "llm.tools",
    "mlflow.chat.messages",
    "mlflow.chat.tools",
    "mlflow.traceInputs",
    "mlflow.traceOutputs",
    "output.",
    "reranker.",
    "retrieval.documents",
    "traceloop.entity.",
)
_EVENTS_OF_CONTENT: Final = ("mlflow.chunk.", "gen_ai.")
# How gen_ai.* names spans of calls of models: by their models.
_BY_MODEL: Final = ("chat", "text_completion", "embeddings")


@dataclass(frozen=True, slots=True)
class OtlpOptions:
    """See :func:`spantree.configure`, option ``otlp``.

    Args:
        dialect: Whose words stand beside our own.
        names: Our names of spans, or those of the semantic conventions; ours stand in
            ``spantree.name`` then.
        content: Whether inputs, outputs, messages and previews go along.
        max_events: At most so many events a span, the first; None for all.
        semconv: Which version of the conventions; there is one.
    """

    dialect: Literal["gen_ai", "openinference", "both", "none"] = "gen_ai"
    names: Literal["own", "semconv"] = "own"
    content: bool = True
    max_events: int | None = None
    semconv: Literal["latest"] = "latest"

    @property
    def dialects(self) -> tuple[str, ...]:
        """The conventions that are written."""
        known = {"both": ("gen_ai", "openinference"), "none": ()}
        return known.get(self.dialect, (self.dialect,))


class _Current:
    """The process's, as `configure` sets them."""

    options = OtlpOptions()


def otlp_options() -> OtlpOptions:
    """Give those in force."""
    return _Current.options


def set_otlp_options(options: OtlpOptions) -> None:
    """Put others in force, for what is sent from now on."""
    _Current.options = options


def read_otlp_options(given: Mapping[str, Any]) -> OtlpOptions:
    """Read options that a user gave; those left out have their defaults.

    Raises:
        SpantreeException: If there is no such option, or no such choice.
    """
    known = [field.name for field in fields(OtlpOptions)]
    for name, value in given.items():
        if name not in known:
            hint = did_you_mean(str(name), known)
            msg = f"Unknown option {name!r} of otlp.{hint} Known: {', '.join(known)}."
            raise SpantreeException(msg)
        if name == "max_events":
            if value is not None and (type(value) is not int or value < 0):
                msg = f"otlp's max_events is a whole number or None, not {value!r:.60}."
                raise SpantreeException(msg)
        elif value not in _CHOICES[name]:
            allowed = ", ".join(map(repr, _CHOICES[name]))
            msg = f"otlp's {name} is one of {allowed}, not {value!r:.60}."
            raise SpantreeException(msg)
    return OtlpOptions(**given)


def without_content(trace: Trace) -> Trace:
    """Copy a trace without what its calls were given and gave back.

    Attributes that a user's own code has set stay.
    """
    info = replace(
        trace.info,
        request_preview=None,
        response_preview=None,
        trace_metadata=_without(trace.info.trace_metadata),
    )
    spans = [_span_without_content(span) for span in trace.data.spans]
    return Trace(info, TraceData(spans))


def semconv_name(span: Span, said: Mapping[str, Any]) -> str:
    """Give a span's name as the conventions have it: ``chat gpt-4o``.

    Args:
        span: One that they have no name for keeps its own.
        said: What it says in the words of ``gen_ai.*``.
    """
    operation = said.get("gen_ai.operation.name")
    if operation is None:
        return span.name
    if operation not in _BY_MODEL:
        return f"{operation} {span.name}"
    model = said.get("gen_ai.request.model") or said.get("gen_ai.response.model")
    return f"{operation} {model}" if model else str(operation)


def _without(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in values.items() if not k.startswith(_CONTENT)}


def _span_without_content(span: Span) -> Span:
    stripped = copy.copy(span)
    stripped.raw_inputs = stripped.raw_outputs = None
    stripped.raw_attributes = _without(span.raw_attributes)
    stripped.raw_events = [
        event
        for event in span.raw_events
        if not event[0].startswith(_EVENTS_OF_CONTENT)
    ]
    return stripped
