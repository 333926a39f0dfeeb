"""The operations that a viewer may ask for, and the check of their arguments.

A request reads traces, or adds feedback to one; nothing in it is ever evaluated.
Answers may be given on any thread: they touch the store alone.
"""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from spantree._version import __version__
from spantree.entities.assessment import (
    AssessmentSource,
    AssessmentSourceType,
    Feedback,
)
from spantree.entities.errors import SpantreeException
from spantree.render import FULL, build_output
from spantree.render.attachments import Attachments
from spantree.render.bodies import build_body
from spantree.render.packing import compact_json
from spantree.render.tree import TraceTree
from spantree.render.values import json_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spantree.entities.span import Span
    from spantree.entities.trace import Trace
    from spantree.search import Query, Summary
    from spantree.store import Store

_T = TypeVar("_T")

PROTOCOL = 1
REPLY_BYTES = 1_000_000
FILE_BYTES = 20_000_000
MOST_TRACES = 200

_MOST_SPANS = 1_000
_MOST_FOUND = 5_000
_GREP_SECONDS = 2.0
# Where values are cut so that a body of five values stays below a reply's size.
_VALUE_BYTES = (450_000, 90_000)


class Reply(NamedTuple):
    """What goes back: JSON data, and the bytes that go with it."""

    content: dict[str, object]
    buffers: list[bytes]


class Source(Protocol):
    """Where the traces are that a viewer asks for."""

    def get_trace(self, trace_id: str) -> Trace | None:
        """Give a trace, None if there is none of that id."""

    def summaries(self, query: Query, limit: int | None) -> list[Summary]:
        """Give what is known of the traces that match, newest first."""

    def write(self, change: Callable[[Store], _T]) -> _T:
        """Change the store."""

    def store_name(self) -> str:
        """Name the store in print, without secrets."""


class _RequestError(Exception):
    """A request that breaks its operation's schema; the argument says how."""


def answer(request: object, source: Source) -> Reply:
    """Answer one request; a bad one gives a reply that says so.

    Args:
        request: ``{op, …}``; see :data:`_OPERATIONS`.
        source: Where the traces are.

    Returns:
        ``{ok: True, …}``, or ``{ok: False, error, position}``.
    """
    try:
        ask = _Request(request)
        operation = _OPERATIONS.get(ask.text("op", most=20))
        if operation is None:
            raise _RequestError("op is unknown")
        found = operation(ask, source)
    except (_RequestError, SpantreeException) as error:
        # A filter that can't be read says where.
        position = getattr(error, "position", None)
        return Reply({"ok": False, "error": str(error), "position": position}, [])
    reply = found if isinstance(found, Reply) else Reply(found, [])
    return Reply({"ok": True, **reply.content}, reply.buffers)


class _Request:
    """The arguments of a request, each checked when it is read.

    Args:
        data: What came from the viewer.
    """

    def __init__(self, data: object) -> None:
        if not isinstance(data, dict):
            raise _RequestError("the request is no object")
        self._data = data

    def has(self, name: str) -> bool:
        """Tell whether an argument is given."""
        return self._data.get(name) is not None

    def text(self, name: str, *, most: int) -> str:
        """Give an argument that is text of at most so many characters."""
        value = self._data.get(name)
        if not isinstance(value, str) or len(value) > most:
            raise _RequestError(f"{name} is no text of at most {most} characters")
        return value

    def count(self, name: str, *, most: int, otherwise: int) -> int:
        """Give an argument that is an integer from 0."""
        value = self._data.get(name, otherwise)
        if type(value) is not int or not 0 <= value <= most:
            raise _RequestError(f"{name} is no integer from 0 to {most}")
        return value

    def many(self, name: str, kind: type) -> list[object]:
        """Give an argument that is a list of one kind of value."""
        value = self._data.get(name)
        if not isinstance(value, list) or len(value) > _MOST_SPANS:
            raise _RequestError(f"{name} is no list of at most {_MOST_SPANS}")
        if any(type(one) is not kind for one in value):
            raise _RequestError(f"{name} holds something else than {kind.__name__}")
        return value

    def scalar(self, name: str) -> str | bool | int | float:
        """Give an argument that is text, a number, or true or false."""
        value = self._data.get(name)
        if isinstance(value, (bool, int, float)):
            return value
        return self.text(name, most=10_000)


def _hello(ask: _Request, source: Source) -> dict[str, object]:
    ask.count("v", most=1_000, otherwise=PROTOCOL)
    return {
        "v": PROTOCOL,
        "version": __version__,
        "store": source.store_name(),
        "writable": True,
    }


def _trace(ask: _Request, source: Source) -> Trace:
    trace_id = ask.text("trace", most=64)
    found = source.get_trace(trace_id)
    if found is None:
        raise _RequestError("the store does not have the trace")
    return found


def _payload(ask: _Request, source: Source) -> dict[str, object]:
    """Give a trace as a payload of its own, with all the rows that fit into 1 MB."""
    trace = _trace(ask, source)
    key = trace.trace_id.removeprefix("tr-")[:16]
    return {"payload": build_output([trace], key=key, budget=FULL)}


def _bodies(ask: _Request, source: Source) -> dict[str, object]:
    """Give the values of spans, as many as fit into a reply."""
    tree = TraceTree(_trace(ask, source))
    bodies: list[dict[str, object]] = []
    left = REPLY_BYTES
    rows = list(_asked_rows(ask, tree))
    for at, row in enumerate(rows):
        item, size = _body_item(tree, row)
        if bodies and size > left:
            return {"bodies": bodies, "next": at}
        bodies.append(item)
        left -= size
    return {"bodies": bodies}


def _asked_rows(ask: _Request, tree: TraceTree) -> Iterator[int]:
    if ask.has("spans"):
        row_of = {
            span.span_id: row for row, span in enumerate(tree.spans) if span is not None
        }
        for span_id in ask.many("spans", str):
            if span_id not in row_of:
                raise _RequestError("the trace has no span of that id")
            yield row_of[str(span_id)]
        return
    # Row numbers mean the same here only while the viewer has the same rows.
    if ask.count("size", most=10**9, otherwise=-1) != len(tree.spans):
        raise _RequestError("the trace has other rows now: run the cell again")
    for row in ask.many("rows", int):
        if not 0 <= row < len(tree.spans):  # type: ignore[operator]
            raise _RequestError("the trace has no such row")
        yield row  # type: ignore[misc]


def _body_item(tree: TraceTree, row: int) -> tuple[dict[str, object], int]:
    """Give a row's body with the files it names, and its bytes."""
    span = tree.spans[row]
    item: dict[str, object] = {"row": row, "body": {}, "blobs": []}
    size = 0
    if span is None:
        return item, size
    for limit in _VALUE_BYTES:
        attachments = Attachments()
        body, _ = build_body(span, attachments, limit, tree.start_ns)
        item = {"row": row, "span": span.span_id, "body": body}
        item["blobs"] = attachments.entries
        size = len(compact_json(item))
        if size <= REPLY_BYTES:
            break
    return item, size


def _blob(ask: _Request, source: Source) -> Reply:
    """Give the bytes of a file inside a span's values."""
    tree = TraceTree(_trace(ask, source))
    wanted = ask.text("ref", most=100)
    for row in _asked_rows(ask, tree):
        span = tree.spans[row]
        if span is None:
            continue
        attachments = Attachments()
        build_body(span, attachments, None, tree.start_ns)
        for entry, data in zip(attachments.entries, attachments.data, strict=True):
            if entry["ref"] != wanted:
                continue
            if int(str(entry["bytes"])) > FILE_BYTES:
                raise _RequestError("the file is larger than 20 MB")
            return Reply({"mime": entry["mime"]}, [base64.b64decode(data)])
    raise _RequestError("the span has no such file")


def _grep(ask: _Request, source: Source) -> dict[str, object]:
    """Find the rows whose values hold a text, in any case; stops after two seconds."""
    tree = TraceTree(_trace(ask, source))
    text = ask.text("text", most=1_000).strip().lower()
    # Values are searched as JSON, where quotes and line breaks are escaped.
    needle = json.dumps(text, ensure_ascii=False)[1:-1]
    deadline = time.monotonic() + _GREP_SECONDS
    rows: list[int] = []
    for row, span in enumerate(tree.spans):
        if time.monotonic() > deadline or len(rows) >= _MOST_FOUND:
            return _found(tree, rows, is_done=False)
        if needle and span is not None and _holds(span, needle):
            rows.append(row)
    return _found(tree, rows, is_done=True)


def _found(tree: TraceTree, rows: list[int], *, is_done: bool) -> dict[str, object]:
    spans = [span.span_id for row in rows if (span := tree.spans[row]) is not None]
    return {"rows": rows, "spans": spans, "size": len(tree.spans), "done": is_done}


def _holds(span: Span, needle: str) -> bool:
    values = [span.raw_inputs, span.raw_outputs, *list(span.raw_attributes.values())]
    return any(v is not None and needle in json_text(v).lower() for v in values)


def _feedback(ask: _Request, source: Source) -> dict[str, object]:
    """Add what a person says about a trace or one of its spans."""
    trace = _trace(ask, source)
    name = ask.text("name", most=250).strip()
    if not name:
        raise _RequestError("name is empty")
    span_id = ask.text("span", most=16) if ask.has("span") else None
    if span_id is not None and all(s.span_id != span_id for s in trace.data.spans):
        raise _RequestError("the trace has no span of that id")
    feedback = Feedback(
        name=name,
        source=AssessmentSource(AssessmentSourceType.HUMAN),
        trace_id=trace.trace_id,
        value=ask.scalar("value"),
        rationale=ask.text("why", most=10_000) if ask.has("why") else None,
        span_id=span_id,
    )
    source.write(lambda store: store.put_assessment(trace.key, feedback))
    return {"assessment": feedback.assessment_id}


def _list(ask: _Request, source: Source) -> dict[str, object]:
    """List the latest traces that match a filter, newest first."""
    from spantree.search import parse_query  # costs 80 ms, and few ask

    text = ask.text("filter", most=10_000) if ask.has("filter") else ""
    limit = ask.count("limit", most=MOST_TRACES, otherwise=50)
    found = source.summaries(parse_query(text), limit + 1)
    return {
        "traces": [_line(summary) for summary in found[:limit]],
        "more": len(found) > limit,
    }


def _line(summary: Summary) -> dict[str, object]:
    return {
        "id": summary.trace_id,
        "name": summary.name[:250],
        "state": str(summary.state.value),
        "t0": str(summary.start_ns),
        "dur": None if summary.dur_ns is None else summary.dur_ns // 1000,
        "n": summary.span_count,
        "errors": summary.error_count,
        "error": (summary.error or "")[:200],
        "tokens": summary.total_tokens,
        "cost": summary.cost,
        "cell": summary.metadata.get("spantree.cell.id"),
    }


_OPERATIONS: dict[str, Callable[[_Request, Source], dict[str, object] | Reply]] = {
    "hello": _hello,
    "bodies": _bodies,
    "blob": _blob,
    "trace": _payload,
    "grep": _grep,
    "feedback": _feedback,
    "list": _list,
}
