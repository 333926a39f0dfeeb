"""How parts of one trace become one, and the shape every store keeps it in."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from spantree.entities.rollup import Usage
from spantree.entities.span import COST as SPAN_COST
from spantree.entities.span import TOKEN_USAGE as SPAN_TOKEN_USAGE
from spantree.entities.trace import (
    COST,
    SESSION,
    TOKEN_USAGE,
    TRACE_NAME,
    USER,
    Trace,
    TraceData,
    TraceInfo,
    TraceState,
)
from spantree.entities.values import encode
from spantree.search.summary import NS_PER_MS, Summary, summarise
from spantree.search.texts import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spantree.entities.span import Span

T = TypeVar("T")

MAX_NAME_CHARACTERS = 250
FULL_NAME = "spantree.name.full"
_FINAL = (TraceState.OK, TraceState.ERROR)
_NO_USAGE = Usage()


class Prepared(NamedTuple):
    """A trace as stores keep it, and its sum.

    Args:
        key: The trace's id.
        trace: Texts cleaned; session and user under their keys in tags and metadata;
            name, usage and times as the spans say.
        summary: The same, summed up.
        is_named: The name was set by the tag and is not just the root's.
    """

    key: int
    trace: Trace
    summary: Summary
    is_named: bool


def prepare(trace: Trace, key: int | None = None) -> Prepared:
    """Bring a trace into the shape that stores keep; the given one stays as it is.

    Args:
        trace: The trace.
        key: Its id, for a caller that has read it already.
    """
    spans = _clean_spans(trace.data.spans)
    given = trace.info
    tags, metadata = _single_fields(given)
    info = TraceInfo(
        trace_id=given.trace_id,
        trace_location=given.trace_location,
        request_time=given.request_time,
        state=given.state,
        request_preview=_clean_optional(given.request_preview),
        response_preview=_clean_optional(given.response_preview),
        client_request_id=_clean_optional(given.client_request_id),
        execution_duration=given.execution_duration,
        trace_metadata=_clean(metadata),
        tags=_clean(tags),
        assessments=given.assessments,
    )
    is_clean = spans is trace.data.spans
    cleaned = Trace(info, trace.data if is_clean else TraceData(spans))
    usage = cleaned.usage() if _report_usage(spans) else _NO_USAGE
    if usage.tokens:
        info.trace_metadata[TOKEN_USAGE] = encode(dict(usage.tokens)).decode()
    if usage.cost:
        info.trace_metadata[COST] = encode(dict(usage.cost)).decode()
    summary = summarise(cleaned, usage)
    root = cleaned.data.root
    is_named = info.tags.get(TRACE_NAME) not in (None, root and root.name)
    info.tags[TRACE_NAME] = summary.name
    info.request_time = summary.start_ns // NS_PER_MS
    if summary.dur_ns is not None:
        info.execution_duration = summary.dur_ns // NS_PER_MS
    key = trace.key if key is None else key
    return Prepared(key, cleaned, summary, is_named)


def merge(old: Trace, new: Trace) -> Trace:
    """Make one trace of what is stored and what came; what came wins where it says.

    Args:
        old: What is stored, its tag ``mlflow.traceName`` only if a user set it.
        new: The same trace, or a part of it.
    """
    known, given = with_single_fields(old.info), with_single_fields(new.info)
    if _is_below_remote(new) and not _is_below_remote(old):
        # What the part with the root says of the whole stands.
        known, given = given, known
    assessments = {a.assessment_id: a for a in (*known.assessments, *given.assessments)}
    info = replace(
        given,
        state=_merged_state(known.state, given.state),
        execution_duration=_first(given.execution_duration, known.execution_duration),
        request_preview=_first(given.request_preview, known.request_preview),
        response_preview=_first(given.response_preview, known.response_preview),
        client_request_id=_first(given.client_request_id, known.client_request_id),
        trace_metadata={**known.trace_metadata, **given.trace_metadata},
        tags={**known.tags, **given.tags},
        assessments=list(assessments.values()),
    )
    if not old.data.spans:
        return Trace(info, new.data)
    return Trace(info, TraceData(_merged_spans(old.data.spans, new.data.spans)))


def with_single_fields(info: TraceInfo) -> TraceInfo:
    """Copy an info, session and user under their keys in both tags and metadata."""
    tags, metadata = _single_fields(info)
    return replace(info, tags=tags, trace_metadata=metadata)


def _single_fields(info: TraceInfo) -> tuple[dict[str, str], dict[str, str]]:
    tags, metadata = dict(info.tags), dict(info.trace_metadata)
    for key in (SESSION, USER):
        value = metadata.get(key) or tags.get(key)
        if value:
            tags[key] = metadata[key] = value
    return tags, metadata


def _report_usage(spans: Iterable[Span]) -> bool:
    for span in spans:
        attributes = span.raw_attributes
        if SPAN_TOKEN_USAGE in attributes or SPAN_COST in attributes:
            return True
    return False


def patched(
    info: TraceInfo,
    tags: Mapping[str, str | None],
    metadata: Mapping[str, str | None],
) -> TraceInfo:
    """Copy an info with tags and metadata set, those given as None deleted."""
    texts = dict(info.tags), dict(info.trace_metadata)
    for own, changes in zip(texts, (tags, metadata), strict=True):
        for key, value in changes.items():
            for target in texts if key in (SESSION, USER) else (own,):
                target.pop(key, None)
                if value is not None:
                    target[key] = clean_text(str(value))
    return replace(info, tags=texts[0], trace_metadata=texts[1])


def reopens(old_has_ended: object, new: Span) -> bool:
    """Tell whether a span that came would open again one that is stored ended."""
    return bool(old_has_ended) and new.end_time_ns is None


def _merged_spans(old: Iterable[Span], new: Iterable[Span]) -> list[Span]:
    spans = {span.span_key: span for span in old}
    for span in new:
        known = spans.get(span.span_key)
        if not reopens(known and known.end_time_ns, span):
            spans[span.span_key] = span
    return list(spans.values())


def _is_below_remote(trace: Trace) -> bool:
    """Tell a part that another process's span is above of."""
    spans = trace.data.spans
    return bool(spans) and all(span.parent_key is not None for span in spans)


def _merged_state(old: TraceState, new: TraceState) -> TraceState:
    is_open = new in (TraceState.IN_PROGRESS, TraceState.STATE_UNSPECIFIED)
    return old if is_open and old in _FINAL else new


def _first(value: T | None, otherwise: T | None) -> T | None:
    return otherwise if value is None else value


def _clean(texts: dict[str, str]) -> dict[str, str]:
    # By far the most are: a look at each would cost more than all the rest.
    try:
        joined = "".join([*texts, *texts.values()])
    except TypeError:  # no text
        joined = "\x00"
    if joined.isascii() and "\x00" not in joined:
        return texts
    return {clean_text(str(k)): clean_text(str(v)) for k, v in texts.items()}


def _clean_optional(text: str | None) -> str | None:
    if text is None or (type(text) is str and text.isascii() and "\x00" not in text):
        return text
    return clean_text(str(text))


_MOST_CLEAN = 4_096
_clean_texts: set[str] = set()


def _clean_spans(spans: list[Span]) -> list[Span]:
    """Clean the texts of spans; without need, give the same list."""
    clean = _clean_texts
    if len(clean) > _MOST_CLEAN:
        clean.clear()
    cleaned: list[Span] | None = None
    for at, span in enumerate(spans):
        # Most spans share the names of others, in this trace or in those before.
        is_known = span.name in clean and span.span_type in clean
        if is_known and not span.status_message:
            continue
        now = _clean_span(span)
        if now is span:
            clean.add(span.name)
            clean.add(span.span_type)
        else:
            cleaned = cleaned if cleaned is not None else list(spans)
            cleaned[at] = now
    return spans if cleaned is None else cleaned


def _clean_span(span: Span) -> Span:
    name, span_type = clean_text(span.name), clean_text(span.span_type)
    message = span.status_message and clean_text(span.status_message)
    is_long = len(name) > MAX_NAME_CHARACTERS
    unchanged = (name, span_type, message) == (
        span.name,
        span.span_type,
        span.status_message,
    )
    if unchanged and not is_long:
        return span
    cleaned = copy.copy(span)
    cleaned.name, cleaned.span_type, cleaned.status_message = name, span_type, message
    if is_long:
        cleaned.name = name[: MAX_NAME_CHARACTERS - 1] + "…"
        cleaned.raw_attributes = {FULL_NAME: name, **span.raw_attributes}
    return cleaned
