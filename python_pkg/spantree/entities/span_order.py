"""The order in which the spans of a trace stand, and the numbers of their names."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spantree.entities.span import Span

_START = attrgetter("start_time_ns")


def tree_order(spans: list[Span]) -> list[Span]:
    """Sort spans depth-first: parents before children, siblings by start time.

    A span whose parent is not among them stands like a root, so none is lost.
    """
    if _is_in_order(spans):
        return list(spans)
    known = {span.span_key for span in spans}
    children: dict[int | None, list[Span]] = {}
    for span in spans:
        parent = span.parent_key if span.parent_key in known else None
        children.setdefault(parent, []).append(span)
    for siblings in children.values():
        siblings.sort(key=_START)
    ordered = _walk(children.pop(None, []), children)
    return ordered + _circles(children) if children else ordered


def number_repeated_names(spans: list[Span]) -> None:
    """Number the spans of each name that occurs more than once, by start time."""
    by_name: dict[str, list[Span]] = {}
    for span in spans:
        by_name.setdefault(span.name, []).append(span)
    if len(by_name) == len(spans):
        return
    for namesakes in by_name.values():
        if len(namesakes) > 1:
            namesakes.sort(key=_START)
            for number, span in enumerate(namesakes, 1):
                span.display_number = number


def _is_in_order(spans: list[Span]) -> bool:
    """Tell whether spans stand so already, one root first, as calls come."""
    path: list[Span] = []
    for span in spans:
        parent, latest = span.parent_key, None
        while path and path[-1].span_key != parent:
            latest = path.pop()
        if path:
            if latest is not None and span.start_time_ns < latest.start_time_ns:
                return False
        elif parent is not None or latest is not None:
            return False
        path.append(span)
    return True


def _circles(children: dict[int | None, list[Span]]) -> list[Span]:
    """Order spans that are their own ancestors: a broken trace, but none is lost.

    Each circle begins at its earliest span, so the order of reading changes nothing.
    """
    rest = [span for siblings in children.values() for span in siblings]
    rest.sort(key=lambda span: (span.start_time_ns, span.span_key))
    ordered: dict[int, Span] = {}
    for first in rest:
        if first.span_key not in ordered:
            for span in _walk([first], children):
                ordered.setdefault(span.span_key, span)
    return list(ordered.values())


def _walk(top: list[Span], children: dict[int | None, list[Span]]) -> list[Span]:
    """Take spans and all below them out of the map, depth-first."""
    ordered: list[Span] = []
    waiting = top[::-1]
    while waiting:
        span = waiting.pop()
        ordered.append(span)
        below = children.pop(span.span_key, None)
        if below is not None:
            waiting += below[::-1]
    return ordered
