"""The rows of a trace as the payload's columns, one array each."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from spantree.render.errors import error_of
from spantree.render.escape import without_surrogates
from spantree.render.tree import ERROR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantree.entities.span import Span
    from spantree.render.tree import TraceTree

Columns: TypeAlias = "dict[str, object]"

MAX_ID_ROWS = 20_000
MAX_EVENTS = 500
NAME_CHARACTERS = 250
MESSAGE_CHARACTERS = 200

_USAGE_KEYS = (
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "reasoning_output_tokens",
)


class Dictionary:
    """Numbers texts in the order they first occur."""

    def __init__(self, limit: int = NAME_CHARACTERS) -> None:
        self._numbers: dict[str, int] = {}
        self._limit = limit

    def number(self, text: str) -> int:
        """Give a text's number, a new one when it is new."""
        return self._numbers.setdefault(text, len(self._numbers))

    def texts(self) -> list[str]:
        """Give the texts by number, cut and fit for a notebook file."""
        limit = self._limit
        clean = map(without_surrogates, self._numbers)
        return [
            text if len(text) <= limit else text[: limit - 1] + "…" for text in clean
        ]


def build_columns(
    tree: TraceTree,
    rows: Sequence[int],
    *,
    with_events: bool = True,
    message_characters: int = MESSAGE_CHARACTERS,
) -> Columns:
    """Build the columns of some rows of a trace, ids left out.

    Args:
        tree: The trace.
        rows: The rows to carry, in order, each with all its ancestors.
        with_events: Whether to carry point events.
        message_characters: Where messages of exceptions are cut.
    """
    whole = len(rows) == len(tree)
    place = range(len(tree)) if whole else {row: at for at, row in enumerate(rows)}
    names, types = Dictionary(), Dictionary()
    spans = [tree.spans[row] for row in rows]
    parents = [tree.parent[row] for row in rows]
    columns: Columns = {
        "p": parents if whole else [place[p] if p >= 0 else -1 for p in parents],
        "n": [names.number(span.name if span else "") for span in spans],
        "t": [types.number(span.span_type if span else "UNKNOWN") for span in spans],
        "s": [tree.start_us[row] for row in rows],
        "d": [tree.duration_us[row] for row in rows],
        "e": [tree.state[row] for row in rows],
        "f": [tree.flags[row] for row in rows],
    }
    if not whole:
        columns["k"] = [span.display_number if span else 0 for span in spans]
    _add_models(columns, spans)
    _add_usage(columns, tree, rows)
    _add_errors(columns, tree, rows, message_characters)
    if with_events:
        _add_events(columns, tree, spans, names)
    columns["names"], columns["types"] = names.texts(), types.texts()
    return columns


def row_ids(tree: TraceTree, rows: Sequence[int]) -> str | None:
    """Concatenate the 16 hex digits of each row; None for too many rows."""
    if len(rows) > MAX_ID_ROWS:
        return None
    missing = tree.missing
    keys = [
        span.span_key if span else missing[row]
        for row, span in ((row, tree.spans[row]) for row in rows)
    ]
    return "".join([f"{key:016x}" for key in keys])


def _add_models(columns: Columns, spans: Sequence[Span | None]) -> None:
    models = Dictionary()
    places, numbers = [], []
    for at, span in enumerate(spans):
        model = span.model_name if span else None
        if model:
            places.append(at)
            numbers.append(models.number(model))
    if places:
        columns["m"] = [places, numbers]
        columns["models"] = models.texts()


def _add_usage(columns: Columns, tree: TraceTree, rows: Sequence[int]) -> None:
    if tree.own_usage:
        found = [
            (at, tree.own_usage[row])
            for at, row in enumerate(rows)
            if row in tree.own_usage
        ]
        columns["u"] = [
            [at for at, _ in found],
            *([usage.get(key, -1) for _, usage in found] for key in _USAGE_KEYS),
        ]
    if tree.own_cost:
        known = [
            (at, tree.own_cost[row]["total_cost"])
            for at, row in enumerate(rows)
            if "total_cost" in tree.own_cost.get(row, ())
        ]
        columns["c"] = [[at for at, _ in known], [cost for _, cost in known]]


def _add_errors(
    columns: Columns, tree: TraceTree, rows: Sequence[int], limit: int
) -> None:
    places, kinds, messages = [], [], []
    for at, row in enumerate(rows):
        if tree.state[row] != ERROR:
            continue
        kind, message = error_of(tree.spans[row])
        if kind or message:
            places.append(at)
            kinds.append(without_surrogates(kind)[:limit])
            messages.append(without_surrogates(message)[:limit])
    if places:
        columns["x"] = [places, kinds, messages]


def _add_events(
    columns: Columns, tree: TraceTree, spans: Sequence[Span | None], names: Dictionary
) -> None:
    zero = tree.start_ns
    places: list[int] = []
    times: list[int] = []
    numbers: list[int] = []
    kinds: list[str] = []
    for at, span in enumerate(spans):
        if span is None or not span.raw_events:
            continue
        for name, time_ns, _ in span.raw_events[: MAX_EVENTS - len(places)]:
            places.append(at)
            times.append((time_ns - zero) // 1000)
            numbers.append(names.number(name))
            kinds.append("exception" if name == "exception" else "event")
        if len(places) >= MAX_EVENTS:
            break
    if places:
        columns["ev"] = [places, times, numbers, kinds]
