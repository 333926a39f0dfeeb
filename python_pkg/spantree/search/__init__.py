"""The filter language: text to tree, a tree decided on traces, results as frames."""

from spantree.search.errors import FilterError
from spantree.search.evaluate import matches
from spantree.search.fields import Field, FieldKind
from spantree.search.frames import compat_frame, typed_frame
from spantree.search.hints import FilterHint
from spantree.search.nodes import And, Comparison, Node, Not, Op, Or, SpanMatch
from spantree.search.order import OrderKey, parse_order
from spantree.search.parser import parse_filter
from spantree.search.query import Query, parse_query
from spantree.search.summary import Summary, summarise

__all__ = [
    "And",
    "Comparison",
    "Field",
    "FieldKind",
    "FilterError",
    "FilterHint",
    "Node",
    "Not",
    "Op",
    "Or",
    "OrderKey",
    "Query",
    "SpanMatch",
    "Summary",
    "compat_frame",
    "matches",
    "parse_filter",
    "parse_order",
    "parse_query",
    "summarise",
    "typed_frame",
]
