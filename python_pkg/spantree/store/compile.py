"""Turns filters and orders into SQL.

What narrow rows can't answer (payloads of spans) is left out of the SQL, which then
finds too much, never too little; the evaluator decides the rest. NOT is pushed down
to single comparisons for that, which also leaves their indexes to the others.
"""

# ruff: noqa: S608 - values are bound; what is pasted are our own names and marks

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from spantree.entities.ids import TRACE_PREFIX, parse_trace_id, trace_id_text
from spantree.search.nodes import (
    And,
    Comparison,
    Node,
    Not,
    Op,
    SpanCount,
    SpanMatch,
    SpanRelation,
)
from spantree.search.sessions import JUDGED
from spantree.search.texts import clean_text
from spantree.store.functions import LOWER, TEST_JSON, TEST_TEXT, literals_json
from spantree.store.rows import METADATA, STATES, TAG, id_bytes
from spantree.store.sessions import covering, kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from enum import Enum

    from spantree.search.fields import Field
    from spantree.store.classes import Classes
    from spantree.store.dialect import Dialect

Bound: TypeAlias = "str | int | float | bytes | None"

_OF_TRACE = "span_group.trace = trace.id"
_TRUE = "TRUE"
_FALSE = "FALSE"
# Beyond these, SQLite's matcher is slow or refuses; ours is neither.
_MAX_GLOB_STARS = 4
_MAX_GLOB_CHARACTERS = 1_000
_LARGEST = 2**63 - 1
# More make a statement long to read.
_MOST_WRITTEN = 50


def _case(column: str, names: Sequence[Enum]) -> str:
    whens = " ".join(f"WHEN {i} THEN '{n.value}'" for i, n in enumerate(names))
    return f"CASE {column} {whens} END"


_STATE = _case("trace.state", STATES)
_TRACE_COLUMNS = {
    "name": "trace.name",
    "timestamp": "trace.start_ns",
    "duration": "trace.dur_ns",
    # Of two large numbers the sum may need more than 64 bits.
    "end_time": "(CAST(trace.start_ns AS NUMERIC) + trace.dur_ns)",
    "experiment_id": "trace.experiment",
    "client_request_id": "trace.client_request_id",
    "session": "trace.session",
    "user": "trace.user",
    "tokens": "trace.total_tokens",
    "input_tokens": "trace.input_tokens",
    "output_tokens": "trace.output_tokens",
    "cost": "trace.cost",
    "span_count": "trace.span_count",
    "error_count": "trace.error_count",
    "llm_calls": "trace.llm_calls",
    "error": "trace.error",
    "cell": "trace.cell",
}
_ORDER_OPS = {Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}
_COUNT_OPS = {**_ORDER_OPS, Op.EQ: "="}
_PLACES = {"tag": TAG, "metadata": METADATA}


@dataclass(slots=True)
class Compiler:
    """Collects the parameters of one statement while its parts are compiled.

    Args:
        dialect: Of the engine.
        classes: The classes of spans that the store knows.
        parameters: By name.
        scope: The experiments looked in, None for all; see
            :func:`spantree.store.sessions.covering`.
        is_exact: False once something was left to the evaluator.
    """

    dialect: Dialect
    classes: Classes
    parameters: dict[str, Bound] = field(default_factory=dict)
    scope: tuple[int, ...] | None = None
    is_exact: bool = True

    def where(self, node: Node, *, negated: bool = False) -> str:
        """Give the condition for a filter; it may find too much, see ``is_exact``."""
        if isinstance(node, Not):
            return self.where(node.part, negated=not negated)
        if isinstance(node, SpanMatch):
            return self._span_match(node, negated=negated)
        if isinstance(node, SpanCount):
            return self._span_count(node, negated=negated)
        if isinstance(node, SpanRelation):
            return self._span_relation(node, negated=negated)
        if isinstance(node, Comparison):
            return self._leaf(node, negated=negated)
        parts = [self.where(part, negated=negated) for part in node.parts]
        joint = " AND " if isinstance(node, And) is not negated else " OR "
        return f"({joint.join(parts)})"

    def bind(self, value: Bound) -> str:
        """Give the mark of a parameter."""
        if isinstance(value, int) and abs(value) > _LARGEST:
            value = float(value)
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f":{name}"

    def among(self, column: str, numbers: Sequence[int]) -> str:
        """Give the condition for a column to be one of many numbers."""
        if 0 < len(numbers) <= _MOST_WRITTEN:
            return f"{column} IN ({', '.join(map(str, numbers))})"
        return self.dialect.among.format(column, self.bind(json.dumps(numbers)))

    def order_value(self, key: Field) -> str:
        """Give what a field sorts by."""
        if key.key in _PLACES:
            return f"({self._text_of(key)})"
        return self._column(key.key)

    def of_session(self) -> str:
        """Give the condition for the row ``judged`` to be said of a whole session."""
        return covering(self.dialect, self.scope)

    def groups(self, condition: Node) -> str | None:
        """Give the condition for a group of spans to have one that satisfies another.

        Returns:
            None if the groups say nothing of it, or too little.
        """
        numbers, longer, is_exact = self.classes.narrow(condition)
        self.is_exact &= is_exact
        durations = (self._on_value(p, "span_group.max_dur_ns") for p in longer)
        parts = [part for part in durations if part is not None]
        if numbers is not None:
            parts.append(self.among("span_group.class", numbers))
        return " AND ".join(parts) or None

    def _span_match(self, node: SpanMatch, *, negated: bool) -> str:
        inner = Compiler(self.dialect, self.classes, self.parameters)
        condition = inner.groups(node.condition)
        self.is_exact &= inner.is_exact
        if condition is None or (negated and not inner.is_exact):
            self.is_exact = False
            return _TRUE
        exists = f"EXISTS(SELECT 1 FROM span_group WHERE {_OF_TRACE} AND {condition})"
        return f"NOT {exists}" if negated else exists

    def _span_count(self, node: SpanCount, *, negated: bool) -> str:
        numbers, longer, is_exact = self.classes.narrow(node.condition)
        if numbers is None or longer or not is_exact:
            self.is_exact = False
            return _TRUE
        count = (
            f"(SELECT coalesce(sum(count), 0) FROM span_group WHERE {_OF_TRACE} "
            f"AND {self.among('class', numbers)}) "
            f"{_COUNT_OPS[node.op]} {self.bind(node.number)}"
        )
        return f"NOT ({count})" if negated is not node.negated else f"({count})"

    def _span_relation(self, node: SpanRelation, *, negated: bool) -> str:
        """Find the traces that have both spans; how they stand is left to others."""
        self.is_exact = False
        if negated:
            return _TRUE
        both = (SpanMatch(node.condition), SpanMatch(node.other))
        return f"({' AND '.join(self._span_match(p, negated=False) for p in both)})"

    def _leaf(self, node: Comparison, *, negated: bool) -> str:
        condition = self._comparison(node)
        if condition is None:
            self.is_exact = False
            return _TRUE
        return f"({condition}) IS NOT TRUE" if negated else condition

    def _comparison(self, node: Comparison) -> str | None:
        key = node.field.key
        if key in _PLACES:
            return self._tag(node)
        if key in JUDGED:
            return self._judged(node)
        if key == "model":
            return self._model(node)
        if key == "trace_id":
            return self._trace_id(node)
        if key == "state":
            return self._state(node)
        is_column = key in _TRACE_COLUMNS
        return self._on_value(node, self._column(key)) if is_column else None

    def _column(self, key: str) -> str:
        if key == "trace_id":
            digits = self.dialect.hex_of.format("trace.trace_id")
            return f"('{TRACE_PREFIX}' || {digits})"
        if key == "state":
            return self.dialect.binary.format(_STATE)
        return _TRACE_COLUMNS[key]

    def _on_value(self, node: Comparison, value: str) -> str | None:
        if node.op is Op.IS_NULL:
            return f"{value} IS {'NOT ' if node.negated else ''}NULL"
        condition = self._satisfies(node, value)
        if condition is None:
            return None
        return f"NOT ({condition})" if node.negated else condition

    def _model(self, node: Comparison) -> str | None:
        """Compare with each of a trace's models."""
        models = self.dialect.texts.format("trace.models")
        source = f"SELECT 1 FROM ({models}) AS models"
        if node.op is Op.IS_NULL:
            return f"{'' if node.negated else 'NOT '}EXISTS({source})"
        condition = self._on_value(node, "value")
        return None if condition is None else f"EXISTS({source} WHERE {condition})"

    def _tag(self, node: Comparison) -> str | None:
        return self._on_value(node, f"({self._text_of(node.field)})")

    def _text_of(self, key: Field) -> str:
        place = _PLACES[key.key]
        return self.dialect.member.format("trace.texts", place, self.bind(key.argument))

    def _judged(self, node: Comparison) -> str | None:
        condition = (
            f"{kind_of(node.field)} AND judged.valid = 1 "
            f"AND judged.name = {self.bind(node.field.argument)}"
        )
        if node.op is not Op.IS_NULL:
            test = self._test(TEST_JSON, node, "judged.value")
            if test is None:
                return None
            negation = "NOT " if node.negated else ""
            # Where the judge failed there is none.
            condition += f" AND judged.value IS NOT NULL AND {negation}{test}"
        judged = "SELECT 1 FROM assessment AS judged WHERE judged"
        of_session = f"session = trace.session AND {self.of_session()}"
        found = (
            f"(EXISTS({judged}.trace = trace.id AND {condition}) "
            f"OR EXISTS({judged}.{of_session} AND {condition}))"
        )
        is_missing = node.op is Op.IS_NULL and not node.negated
        return f"NOT {found}" if is_missing else found

    def _trace_id(self, node: Comparison) -> str | None:
        text = str(node.literals[0]) if node.literals else ""
        if node.op is Op.EQ and not node.negated:
            key = parse_trace_id(text)
            return _FALSE if key is None else f"trace.trace_id = {self._id(key)}"
        if node.op is Op.IN and not node.negated:
            keys = {parse_trace_id(str(one)): one for one in node.literals}
            if all(k is not None and trace_id_text(k) == t for k, t in keys.items()):
                ids = ", ".join(self._id(key) for key in keys if key is not None)
                return f"trace.trace_id IN ({ids})"
        digits = text.removeprefix(TRACE_PREFIX).removesuffix("%")
        is_prefix = node.op is Op.LIKE and text == f"{TRACE_PREFIX}{digits}%"
        if is_prefix and not node.negated and _is_hex(digits):
            low, high = (self._id(int(digits.ljust(32, c), 16)) for c in "0f")
            return f"trace.trace_id BETWEEN {low} AND {high}"
        return self._on_value(node, self._column("trace_id"))

    def _id(self, key: int) -> str:
        return self.bind(id_bytes(key))

    def _state(self, node: Comparison) -> str | None:
        if node.op is not Op.EQ or node.negated:
            return self._on_value(node, self._column("state"))
        names = [state.value for state in STATES]
        if node.literals[0] not in names:
            return _FALSE
        number = names.index(str(node.literals[0]))
        # Literals, not parameters, let SQLite see that the partial index serves.
        rest = "" if number == 1 else " AND trace.state <> 1"
        return f"(trace.state = {number}{rest})"

    def _satisfies(self, node: Comparison, value: str) -> str | None:
        op, literals = node.op, node.literals
        if op in _ORDER_OPS:
            return f"{value} {_ORDER_OPS[op]} {self.bind(literals[0])}"
        if op is Op.BETWEEN:
            low, high = (self.bind(literal) for literal in literals)
            return f"{value} BETWEEN {low} AND {high}"
        if node.field.kind.is_numeric:
            among = ", ".join(self.bind(literal) for literal in literals)
            return f"{value} IN ({among})"
        if not all(isinstance(literal, str) for literal in literals):
            return self._test(TEST_TEXT, node, value)
        return self._satisfies_text(node, value)

    def _satisfies_text(self, node: Comparison, value: str) -> str | None:
        texts = [str(literal) for literal in node.literals]
        if clean_text("".join(texts)) != "".join(texts):
            # Not every engine takes such a text; none has one stored.
            return self._test(TEST_TEXT, node, value)
        if node.op in (Op.EQ, Op.IN):
            return f"{value} IN ({', '.join(self.bind(text) for text in texts)})"
        if node.op is Op.CONTAINS:
            return self.dialect.contains.format(value, self.bind(texts[0]))
        if node.op in (Op.LIKE, Op.ILIKE) and _is_simple(texts[0]):
            return self._like(node, value, texts[0])
        return self._test(TEST_TEXT, node, value)

    def _like(self, node: Comparison, value: str, pattern: str) -> str | None:
        if not self.dialect.has_python:
            is_like = node.op is Op.LIKE
            return f"{value} LIKE {self.bind(pattern)} ESCAPE ''" if is_like else None
        if node.op is Op.ILIKE:
            return f"{LOWER}({value}) GLOB {self.bind(_glob(pattern.lower()))}"
        return f"{value} GLOB {self.bind(_glob(pattern))}"

    def _test(self, function: str, node: Comparison, value: str) -> str | None:
        """Ask our own function, where the engine can."""
        if not self.dialect.has_python:
            return None
        op, literals = self.bind(node.op.value), self.bind(literals_json(node.literals))
        return f"{function}({op}, {literals}, {value})"


def conjuncts(node: Node | None) -> list[Node]:
    """Give the parts that must all hold, the filter itself if it is no AND."""
    if node is None:
        return []
    if not isinstance(node, And):
        return [node]
    return [inner for part in node.parts for inner in conjuncts(part)]


def _glob(pattern: str) -> str:
    r"""Write a LIKE pattern as a GLOB one: ``[`` escapes what GLOB would interpret."""
    special = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
    return "".join(special.get(character, character) for character in pattern)


def _is_simple(pattern: str) -> bool:
    return (
        pattern.count("%") <= _MAX_GLOB_STARS and len(pattern) <= _MAX_GLOB_CHARACTERS
    )


def _is_hex(text: str) -> bool:
    return 0 < len(text) <= 32 and all(c in "0123456789abcdef" for c in text)  # noqa: PLR2004 - digits of an id
