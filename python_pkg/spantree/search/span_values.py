"""What filters and frames ask of single spans and their places in the tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree.entities.rollup import reported_numbers, token_total
from spantree.entities.span import COST, KIND, TOKEN_USAGE
from spantree.entities.values import decode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantree.entities.span import Span

_NS_PER_MS = 1_000_000
# Written by the recorder for spans that stream.
FIRST_ITEM_MS = "spantree.stream.first_item_ms"


class Tree:
    """The spans of a trace with their ancestors, looked up when asked for.

    Args:
        spans: All spans of one trace.
    """

    def __init__(self, spans: Sequence[Span]) -> None:
        self.spans = spans
        self._by_key: dict[int, Span] = {}

    def above(self, span: Span) -> list[int]:
        """Give the keys of a span's ancestors that are there, nearest first."""
        if not self._by_key:
            self._by_key = {s.span_key: s for s in self.spans}
        found: list[int] = []
        seen = {span.span_key}
        parent = span.parent_key
        while parent is not None and parent in self._by_key and parent not in seen:
            found.append(parent)
            seen.add(parent)
            parent = self._by_key[parent].parent_key
        return found


def root_of(spans: Sequence[Span]) -> Span | None:
    """Give the span without a parent, else the first one."""
    roots = (span for span in spans if span.parent_key is None)
    return next(roots, spans[0] if spans else None)


def tokens_of(span: Span) -> dict[str, int]:
    """Give the tokens a span itself reported, their total included if known."""
    reported = reported_numbers(span.raw_attributes.get(TOKEN_USAGE))
    total = token_total(reported)
    return reported if total is None else {**reported, "total_tokens": total}


def cost_of(span: Span) -> float | None:
    """Give what a span itself is said to have cost, in USD."""
    return reported_numbers(span.raw_attributes.get(COST)).get("total_cost")


def kind_of(span: Span) -> str | None:
    """Give OpenTelemetry's kind of a span, if it has one."""
    kind = span.raw_attributes.get(KIND)
    return kind if isinstance(kind, str) else None


def ttft_of(span: Span) -> int | None:
    """Give the nanoseconds until a stream's first item."""
    first_ms = decode(span.raw_attributes.get(FIRST_ITEM_MS))
    is_number = isinstance(first_ms, (int, float)) and not isinstance(first_ms, bool)
    return int(first_ms * _NS_PER_MS) if is_number else None  # type: ignore[operator]
