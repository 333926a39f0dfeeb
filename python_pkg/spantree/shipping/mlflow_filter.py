"""What of a search an MLflow server can do; the rest is done here.

A part is left to the server only where its answer is ours (the parity tests compare
them); whatever is not surely the same is finished on the client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from spantree.entities.trace import SESSION, USER
from spantree.search.nodes import And, Comparison, Node, Op, SpanMatch
from spantree.search.sessions import judged_fields
from spantree.search.summary import NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantree.search.fields import Field
    from spantree.search.order import OrderKey

_TEXT_OPS = {Op.EQ: "=", Op.LIKE: "LIKE", Op.ILIKE: "ILIKE"}
_ORDER_OPS = {Op.EQ: "=", Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}
_TEXTS = {
    "name": "name",
    "client_request_id": "client_request_id",
    "session": f"metadata.`{SESSION}`",
    "user": f"metadata.`{USER}`",
    "span.name": "span.name",
    "span.type": "span.type",
}
_TIMES = {"timestamp": "timestamp_ms", "duration": "execution_time_ms"}
_SORTED = {**_TIMES, "name": "name", "state": "status"}
_KEYED = ("tag", "metadata")
# The server knows these as they are; ours has one more, which it calls ERROR.
_STATES = ("OK", "IN_PROGRESS")
# What a trace's info says by itself, without its spans.
_OF_INFO = (
    "name",
    "state",
    "trace_id",
    "client_request_id",
    "session",
    "user",
    "timestamp",
    "duration",
    "tag",
    "metadata",
    "feedback",
    "expectation",
    "assessment",
)


class Split(NamedTuple):
    """A filter in two.

    Args:
        text: What the server is asked, None for everything.
        rest: What its answers must satisfy besides, None if that is all.
        needs_spans: Whether that is decided by spans.
    """

    text: str | None
    rest: Node | None
    needs_spans: bool


def split(node: Node | None) -> Split:
    """Divide a filter into what the server does and what is left."""
    parts = node.parts if isinstance(node, And) else () if node is None else (node,)
    asked, left = [], []
    for part in parts:
        text = _text(part)
        if text is None:
            left.append(part)
            asked += _narrowing(part)
        else:
            asked.append(text)
    rest = None if not left else left[0] if len(left) == 1 else And(tuple(left))
    needs_spans = any(not _is_of_info(part) for part in left)
    return Split(" AND ".join(asked) or None, rest, needs_spans)


def order_by(order: Sequence[OrderKey]) -> list[str] | None:
    """Write an order for the server; None if it can't sort so."""
    found = []
    for key in order:
        name = _SORTED.get(key.field.key)
        if name is None:
            return None
        found.append(f"{name} {'DESC' if key.descending else 'ASC'}")
    return found or ["timestamp_ms DESC"]


def judged(node: Node | None) -> list[str]:
    """Write the searches for the traces judged by what a filter asks for."""
    found = []
    for field in judged_fields(node):
        either = ("feedback", "expectation")
        kinds = either if field.key == "assessment" else (field.key,)
        if "`" not in field.argument:
            found += [f"{kind}.`{field.argument}` IS NOT NULL" for kind in kinds]
    return list(dict.fromkeys(found))


def _narrowing(node: Node) -> list[str]:
    """Write what must hold at least of a part that the server can't decide."""
    if not isinstance(node, SpanMatch) or not isinstance(node.condition, And):
        return []
    # Several conditions on one span: each holds for some span.
    return [text for part in node.condition.parts if (text := _text(part))]


def _text(node: Node) -> str | None:
    """Write a part of a filter, None if the server can't decide it."""
    if isinstance(node, SpanMatch):
        inner = node.condition
        return _text(inner) if isinstance(inner, Comparison) else None
    if not isinstance(node, Comparison) or len(node.literals) != 1:
        return None
    (literal,) = node.literals
    if node.field.key in _TIMES:
        return _time(node, literal)
    if node.field.key == "state":
        is_known = literal in _STATES and node.op is Op.EQ and not node.negated
        return f"status = '{literal}'" if is_known else None
    return _of_text(node, literal)


def _of_text(node: Comparison, literal: object) -> str | None:
    name = _name(node.field)
    operator = _TEXT_OPS.get(node.op)
    if name is None or operator is None or not isinstance(literal, str):
        return None
    if node.negated:
        operator = "!=" if node.op is Op.EQ else None
    # It has no way to write a text that holds both.
    if operator is None or ("'" in literal and '"' in literal) or "\\" in literal:
        return None
    mark = '"' if "'" in literal else "'"
    return f"{name} {operator} {mark}{literal}{mark}"


def _name(field: Field) -> str | None:
    if field.key in _KEYED and field.argument and "`" not in field.argument:
        return f"{field.key}.`{field.argument}`"
    return _TEXTS.get(field.key)


def _time(node: Comparison, literal: object) -> str | None:
    operator = _ORDER_OPS.get(node.op)
    is_whole = isinstance(literal, int) and literal % NS_PER_MS == 0
    if operator is None or not is_whole or node.negated or not node.field.in_ms:
        return None
    assert isinstance(literal, int)  # noqa: S101 - just looked
    return f"{_TIMES[node.field.key]} {operator} {literal // NS_PER_MS}"


def _is_of_info(node: Node) -> bool:
    if isinstance(node, Comparison):
        return node.field.key in _OF_INFO
    if hasattr(node, "parts"):
        return all(_is_of_info(part) for part in node.parts)
    return hasattr(node, "part") and _is_of_info(node.part)
