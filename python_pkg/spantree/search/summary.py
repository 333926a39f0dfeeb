"""What lists show and filters ask of a trace as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spantree.entities.span import MODEL, PROVIDER, SpanStatusCode, SpanType
from spantree.entities.trace import (
    COST,
    SESSION,
    TOKEN_USAGE,
    TRACE_NAME,
    USER,
    TraceState,
)
from spantree.search.texts import clean_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spantree.entities.assessment import Assessment
    from spantree.entities.rollup import Usage
    from spantree.entities.span import Span
    from spantree.entities.trace import Trace, TraceInfo

NS_PER_MS = 1_000_000
_ERROR = SpanStatusCode.ERROR
_LLM_TYPES = (SpanType.LLM, SpanType.CHAT_MODEL)
# Metadata written by the notebook layer.
_CELL_NUMBER = "spantree.cell.exec_count"
_CELL_ID = "spantree.cell.id"


# Not frozen, though nothing changes one: that takes three times as long to make.
@dataclass(slots=True)
class Summary:
    """One trace without its spans; unknown is None, never 0.

    Args:
        trace_id: ``tr-`` and 32 hex digits.
        experiment_id: Decimal text.
        name: The tag ``mlflow.traceName`` if set, else the root's name.
        state: See :class:`~spantree.entities.trace.TraceState`.
        start_ns: Nanoseconds since 1970.
        dur_ns: The root's duration, None while it is open.
        session: The conversation it belongs to.
        user: The user the program served.
        client_request_id: The caller's own id.
        request_preview: What went in, shortened.
        response_preview: What came out, shortened.
        models: The models that answered, in order, each once.
        input_tokens: Of the whole trace, each call counted once.
        output_tokens: The same.
        total_tokens: The same.
        cached_tokens: Input tokens read from a provider's cache.
        cost: USD.
        llm_calls: Spans that called a model.
        span_count: All spans.
        error_count: Spans that failed.
        error: What the first failed span says, the root before others.
        cell: The execution count of the notebook cell, else its id.
        tags: Text by key.
        metadata: Text by key.
        assessments: Also those that were overridden.
        of_session: What filters ask besides: assessments of its whole session, which
            may be those of other traces.

    """

    trace_id: str
    experiment_id: str
    name: str
    state: TraceState
    start_ns: int
    dur_ns: int | None = None
    session: str | None = None
    user: str | None = None
    client_request_id: str | None = None
    request_preview: str | None = None
    response_preview: str | None = None
    models: tuple[str, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_tokens: int | None = None
    cost: float | None = None
    llm_calls: int = 0
    span_count: int = 0
    error_count: int = 0
    error: str | None = None
    cell: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    assessments: Sequence[Assessment] = ()
    of_session: Sequence[Assessment] = ()

    @property
    def end_ns(self) -> int | None:
        """When the root ended, nanoseconds since 1970."""
        return None if self.dur_ns is None else self.start_ns + self.dur_ns


def summarise(trace: Trace, usage: Usage | None = None) -> Summary:
    """Sum a trace up; from its spans where it has any, else from its info.

    Args:
        trace: Any trace, also an open one.
        usage: What ``trace.usage()`` gives, for a caller that has it already.
    """
    info, spans, root = trace.info, trace.data.spans, trace.data.root
    usage = trace.usage() if usage is None else usage
    tokens = usage.tokens or _reported(trace, TOKEN_USAGE, "token_usage")
    cost = usage.cost or _reported(trace, COST, "cost")
    metadata, tags = info.trace_metadata, info.tags
    start_ns, dur_ns = _times(info, root)
    failed: list[Span] = []
    calls: list[Span] = []
    is_calling = False
    for span in spans:
        if span.status_code is _ERROR:
            failed.append(span)
        if MODEL in span.raw_attributes:
            calls.append(span)
        if span.span_type in _LLM_TYPES:
            is_calling = True
    return Summary(
        trace_id=info.trace_id,
        experiment_id=info.experiment_id,
        name=tags.get(TRACE_NAME) or (root.name if root else ""),
        state=info.state,
        start_ns=start_ns,
        dur_ns=dur_ns,
        session=metadata.get(SESSION) or tags.get(SESSION),
        user=metadata.get(USER) or tags.get(USER),
        client_request_id=info.client_request_id,
        request_preview=info.request_preview,
        response_preview=info.response_preview,
        models=_models(calls) if calls else (),
        input_tokens=tokens.get("input_tokens"),
        output_tokens=tokens.get("output_tokens"),
        total_tokens=_total(tokens),
        cached_tokens=tokens.get("cache_read_input_tokens"),
        cost=cost.get("total_cost"),
        llm_calls=_llm_calls(spans) if is_calling else 0,
        span_count=len(spans),
        error_count=len(failed),
        error=_error_text(root, failed) if failed else None,
        cell=_cell(metadata),
        tags=tags,
        metadata=metadata,
        assessments=info.assessments,
    )


def provider_of(span: Span) -> str | None:
    """Name the provider that answered, if this span called one."""
    provider = span.raw_attributes.get(PROVIDER)
    return clean_text(provider) if isinstance(provider, str) else None


def model_of(span: Span) -> str | None:
    """Name the model that answered, if this span called one."""
    model = span.model_name
    return clean_text(model) if model else None


def duration_of(span: Span) -> int | None:
    """Give a span's duration in nanoseconds, None while it is open."""
    end = span.end_time_ns
    return None if end is None else end - span.start_time_ns


def error_of(span: Span) -> str | None:
    """Say what went wrong in a span, None if nothing is known to have."""
    if span.status_code is not SpanStatusCode.ERROR:
        return None
    text = span.status_message
    if not text and span.exception is not None:
        kind, message, _ = span.exception
        text = f"{kind}: {message}" if message else kind
    return clean_text(text) or None


def _models(calls: Sequence[Span]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(m for span in calls if (m := model_of(span))))


def _error_text(root: Span | None, failed: Sequence[Span]) -> str | None:
    """Quote the root if it failed, else the first span that did."""
    if root is not None and root in failed:
        return error_of(root)
    # A store gives open spans after the others, wherever they stood before.
    return error_of(min(failed, key=lambda s: (s.start_time_ns, s.span_key)))


def _reported(trace: Trace, key: str, name: str) -> dict[str, int]:
    """Read usage out of the metadata, where a foreign program may put any text."""
    if key not in trace.info.trace_metadata:
        return {}
    try:
        found = getattr(trace.info, name)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: n for key, n in found.items() if type(n) in (int, float)}


def _total(tokens: Mapping[str, int]) -> int | None:
    if "total_tokens" in tokens:
        return tokens["total_tokens"]
    parts = [tokens.get("input_tokens"), tokens.get("output_tokens")]
    return sum(p for p in parts if p is not None) if None not in parts else None


def _times(info: TraceInfo, root: Span | None) -> tuple[int, int | None]:
    if root is None:
        ms = info.execution_duration
        return info.request_time * NS_PER_MS, None if ms is None else ms * NS_PER_MS
    return root.start_time_ns, duration_of(root)


def _llm_calls(spans: Sequence[Span]) -> int:
    """Count model calls; a framework's span over an SDK's span is one call."""
    calls = {s.span_key for s in spans if s.span_type in _LLM_TYPES}
    parents = {s.span_key: s.parent_key for s in spans}
    above: set[int] = set()
    for key in calls:
        parent = parents.get(key)
        while parent in parents and parent not in above:
            above.add(parent)
            parent = parents[parent]
    return len(calls - above)


def _cell(metadata: Mapping[str, str]) -> str | None:
    number = metadata.get(_CELL_NUMBER, metadata.get(_CELL_ID))
    return None if number is None else clean_text(number)
