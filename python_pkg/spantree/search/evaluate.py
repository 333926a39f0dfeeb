"""Decides filters and orders on trace objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from spantree.entities.assessment import Expectation, Feedback
from spantree.entities.values import decode, loads
from spantree.search.nodes import (
    And,
    Comparison,
    Node,
    Not,
    Op,
    Relation,
    SpanCount,
    SpanMatch,
    SpanRelation,
)
from spantree.search.operators import compare, satisfies, text_of
from spantree.search.sessions import covered
from spantree.search.span_values import (
    Tree,
    cost_of,
    kind_of,
    root_of,
    tokens_of,
    ttft_of,
)
from spantree.search.summary import (
    Summary,
    duration_of,
    error_of,
    model_of,
    provider_of,
    summarise,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from spantree.entities.assessment import Assessment
    from spantree.entities.span import Span
    from spantree.entities.trace import Trace
    from spantree.search.fields import Field
    from spantree.search.order import OrderKey
    from spantree.search.sessions import OfSessions

Place: TypeAlias = "str | int | float | None"

_DIGITS_OF_INDEX = 18

ISSUE_ID = "mlflow.issueId"  # metadata of the judgement that `log_issue` makes
LINKED_PROMPTS = "mlflow.linkedPrompts"  # a tag, as mlflow 3.17 writes it


def matches(
    node: Node | None, trace: Trace, of_sessions: OfSessions | None = None
) -> bool:
    """Tell whether a trace is found by a filter.

    Args:
        node: The filter; None finds every trace.
        trace: Any trace, also an open one.
        of_sessions: Judgements of whole sessions, those of its own among them.
    """
    if node is None:
        return True
    summary = covered(summarise(trace), of_sessions or {})
    return matches_summary(node, summary, trace.data.spans)


def matches_summary(node: Node, summary: Summary, spans: Sequence[Span]) -> bool:
    """Tell the same of a trace that was summed up before."""
    if isinstance(node, Comparison):
        return _holds(node, values_of(node.field, summary, spans))
    if isinstance(node, Not):
        return not matches_summary(node.part, summary, spans)
    if isinstance(node, (SpanMatch, SpanCount, SpanRelation)):
        return _spans_match(node, Tree(spans))
    every = isinstance(node, And)
    results = (matches_summary(part, summary, spans) for part in node.parts)
    return all(results) if every else any(results)


def span_matches(node: Node, span: Span) -> bool:
    """Tell whether a span that stands alone satisfies a condition on spans."""
    return _span_matches(node, span, Tree((span,)))


def values_of(
    field: Field, summary: Summary, spans: Sequence[Span] = ()
) -> list[object]:
    """Give the values a trace has for a trace field; none if it has none.

    The value of a judgement is None where the judge failed.
    """
    if field.key in _OF_CONTENT:
        return _known(_OF_CONTENT[field.key](field, spans))
    if field.key == "tag":
        return _known(summary.tags.get(field.argument))
    if field.key == "metadata":
        return _known(summary.metadata.get(field.argument))
    if field.key in _ASSESSMENT_KINDS:
        kind = _ASSESSMENT_KINDS[field.key]
        said = (*summary.assessments, *summary.of_session)
        return list(_judgements(said, kind, field.argument))
    if field.key in _MANY:
        return list(_MANY[field.key](summary))
    return _known(_PLAIN[field.key](summary))


def position(order: Sequence[OrderKey], summary: Summary) -> list[Place]:
    """Say where a trace stands in an order: its sort values, then start and id."""
    return [
        *(_sort_value(key, summary) for key in order),
        summary.start_ns,
        summary.trace_id,
    ]


def compare_positions(
    order: Sequence[OrderKey], left: Sequence[Place], right: Sequence[Place]
) -> int:
    """Tell which of two positions comes first: negative when the left one does.

    After the keys given, newer traces come before older ones, and of two that began
    in the same nanosecond the one with the smaller id; missing values come last.
    """
    descending = [*(key.descending for key in order), True, False]
    for a, b, is_descending in zip(left, right, descending, strict=True):
        if a != b:
            return _compare(a, b, descending=is_descending)
    return 0


def _sort_value(key: OrderKey, summary: Summary) -> Place:
    found = values_of(key.field, summary)
    value = found[0] if found else None
    return value if isinstance(value, (str, int, float)) else None


def _compare(a: Place, b: Place, *, descending: bool) -> int:
    if a is None or b is None:
        return (a is None) - (b is None)
    sign = (a > b) - (a < b)  # type: ignore[operator]  # one field has one type
    return -sign if descending else sign


def _holds(node: Comparison, values: Sequence[object]) -> bool:
    if node.op is Op.IS_NULL:
        return bool(values) == node.negated
    return any(
        satisfies(node.op, node.literals, value) != node.negated
        for value in values
        if value is not None
    )


def _spans_match(node: SpanMatch | SpanCount | SpanRelation, tree: Tree) -> bool:
    found = (s for s in tree.spans if _span_matches(node.condition, s, tree))
    if isinstance(node, SpanMatch):
        return any(True for _ in found)
    if isinstance(node, SpanCount):
        number = sum(1 for _ in found)
        return compare(node.op, number, node.number) != node.negated
    others = [s for s in tree.spans if _span_matches(node.other, s, tree)]
    keys = {span.span_key for span in others}
    if node.relation is Relation.CHILD_OF:
        return any(span.parent_key in keys for span in found)
    if node.relation is Relation.UNDER:
        return any(not keys.isdisjoint(tree.above(span)) for span in found)
    ends = [span.end_time_ns for span in others if span.end_time_ns is not None]
    return any(ends and span.start_time_ns >= min(ends) for span in found)


def _span_matches(node: Node, span: Span, tree: Tree) -> bool:
    if isinstance(node, Comparison):
        return _holds(node, _span_values(node.field, span, tree))
    if isinstance(node, Not):
        return not _span_matches(node.part, span, tree)
    if isinstance(node, SpanMatch):
        return _span_matches(node.condition, span, tree)
    if isinstance(node, (SpanCount, SpanRelation)):
        # The parser lets neither stand inside span(…).
        return False
    results = (_span_matches(part, span, tree) for part in node.parts)
    return all(results) if isinstance(node, And) else any(results)


def _span_values(field: Field, span: Span, tree: Tree) -> list[object]:
    if field.key == "span.attributes":
        return _known(_attribute(span, field.argument))
    if field.key in ("span.inputs", "span.outputs"):
        value = span.inputs if field.key == "span.inputs" else span.outputs
        return _known(_below(value, field.argument))
    if field.key == "span.depth":
        return [len(tree.above(span))]
    return _known(_OF_SPAN[field.key](span))


def _attribute(span: Span, key: str) -> object:
    """Look for the whole key first, then for keys inside an attribute's value."""
    found = span.captured_attributes()
    if key in found:
        return decode(found[key])
    head, _, rest = key.partition(".")
    return _below(decode(found.get(head)), rest) if rest else None


def _below(value: object, path: str) -> object:
    for part in path.split(".") if path else ():
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and _is_index(part) and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def _is_index(part: str) -> bool:
    # int() reads the digits of all scripts, and refuses more than a few thousand.
    return part.isascii() and part.isdecimal() and len(part) <= _DIGITS_OF_INDEX


def _content(span: Span) -> str:
    return text_of(span.to_dict())


def _of_root(name: str) -> Callable[[Field, Sequence[Span]], object]:
    def value(field: Field, spans: Sequence[Span]) -> object:
        root = root_of(spans)
        found = None if root is None else getattr(root, name)
        return _below(found, field.argument)

    return value


def _text(_: Field, spans: Sequence[Span]) -> str | None:
    return "\n".join(_content(span) for span in spans) or None


def _prompts(summary: Summary) -> Iterable[str]:
    """Give ``name/version`` of the prompts linked to a trace."""
    try:
        found = loads(summary.tags.get(LINKED_PROMPTS, "[]"))
    except ValueError:
        return
    for prompt in found if isinstance(found, list) else ():
        if isinstance(prompt, dict):
            yield f"{prompt.get('name')}/{prompt.get('version')}"


def _issues(summary: Summary) -> Iterable[str]:
    """Give the ids of the issues that a trace is said to show."""
    for a in summary.assessments:
        if ISSUE_ID in a.metadata:
            yield a.metadata[ISSUE_ID]


def _known(value: object) -> list[object]:
    return [] if value is None else [value]


def _judgements(
    assessments: Sequence[Assessment], kinds: tuple[type[Assessment], ...], name: str
) -> Iterable[object]:
    for a in assessments:
        if a.valid and a.name == name and isinstance(a, kinds):
            yield a.value


_OF_CONTENT: Mapping[str, Callable[[Field, Sequence[Span]], object]] = {
    "inputs": _of_root("inputs"),
    "outputs": _of_root("outputs"),
    "text": _text,
}
_ASSESSMENT_KINDS: Mapping[str, tuple[type[Assessment], ...]] = {
    "feedback": (Feedback,),
    "expectation": (Expectation,),
    "assessment": (Feedback, Expectation),
}
_MANY: Mapping[str, Callable[[Summary], Iterable[object]]] = {
    "model": lambda s: s.models,
    "prompt": _prompts,
    "issue": _issues,
}
_PLAIN: Mapping[str, Callable[[Summary], object]] = {
    "name": lambda s: s.name,
    "state": lambda s: s.state.value,
    "timestamp": lambda s: s.start_ns,
    "duration": lambda s: s.dur_ns,
    "end_time": lambda s: s.end_ns,
    "trace_id": lambda s: s.trace_id,
    "client_request_id": lambda s: s.client_request_id,
    "experiment_id": lambda s: int(s.experiment_id),
    "session": lambda s: s.session,
    "user": lambda s: s.user,
    "tokens": lambda s: s.total_tokens,
    "input_tokens": lambda s: s.input_tokens,
    "output_tokens": lambda s: s.output_tokens,
    "cost": lambda s: s.cost,
    "span_count": lambda s: s.span_count,
    "error_count": lambda s: s.error_count,
    "llm_calls": lambda s: s.llm_calls,
    "error": lambda s: s.error,
    "cell": lambda s: s.cell,
}
_OF_SPAN: Mapping[str, Callable[[Span], object]] = {
    "span.name": lambda s: s.name,
    "span.type": lambda s: s.span_type,
    "span.status": lambda s: s.status_code.value,
    "span.duration": duration_of,
    "span.model": model_of,
    "span.provider": provider_of,
    "span.error": error_of,
    "span.kind": kind_of,
    "span.ttft": ttft_of,
    "span.tokens": lambda s: tokens_of(s).get("total_tokens"),
    "span.input_tokens": lambda s: tokens_of(s).get("input_tokens"),
    "span.output_tokens": lambda s: tokens_of(s).get("output_tokens"),
    "span.cost": cost_of,
    "span.content": _content,
}
