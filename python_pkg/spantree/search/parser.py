"""Reads a filter into a syntax tree: a Pratt parser over the tokens."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from spantree.search.errors import FilterError, nearest
from spantree.search.fields import (
    OPERATORS,
    SHOWN_FIELDS,
    Field,
    FieldKind,
    known_names,
    resolve,
)
from spantree.search.hints import warn_of_doubtful
from spantree.search.literals import Nanoseconds, in_nanoseconds, trace_id_literal
from spantree.search.literals import number as number_of
from spantree.search.nodes import (
    And,
    Comparison,
    Node,
    Not,
    Op,
    Or,
    Relation,
    SpanCount,
    SpanMatch,
    SpanRelation,
)
from spantree.search.patterns import PatternError, check_pattern
from spantree.search.reader import Reader
from spantree.search.texts import clean_text
from spantree.search.tokens import Token, TokenKind, tokenize
from spantree.search.values import read_list, read_value

if TYPE_CHECKING:
    from spantree.search.values import Value

_logger = logging.getLogger("spantree.search")

MAX_DEPTH = 100
_SYMBOLS = {"==": "=", "<>": "!="}
_OPS = {op.value: op for op in Op}
_WORD_OPS = ("LIKE", "ILIKE", "RLIKE", "CONTAINS", "MATCH", "IN", "BETWEEN")
_KEYWORDS = {"AND", "OR", "NOT", "IS", "NULL", *_WORD_OPS}
_NAME_KINDS = (TokenKind.NAME, TokenKind.QUOTED_NAME)
# After a dot also tag."my key", as mlflow 3.17 takes it.
_KEY_KINDS = (*_NAME_KINDS, TokenKind.NUMBER, TokenKind.STRING)
_OPENING_WORDS = ("SPAN", "COUNT", "HAS")
_COUNT_OPS = ("=", "!=", "<", "<=", ">", ">=")
_OR_POWER, _AND_POWER, _NOT_POWER = 1, 2, 3


def parse_filter(text: str, *, now_ns: int | None = None) -> Node | None:
    """Read a filter.

    Args:
        text: What the user wrote; blank means no filter.
        now_ns: What ``now`` means; the current time when left out.

    Returns:
        The tree, or None for no filter.

    Raises:
        FilterError: With the place, the choices there and a suggestion.

    Example:
        >>> parse_filter("status = 'OK'").op
        <Op.EQ: '='>

    """
    return read_filter(text, now_ns=now_ns)[0]


def read_filter(text: str, *, now_ns: int | None = None) -> tuple[Node | None, bool]:
    """Read a filter; the flag tells that it need not be read again."""
    tokens = tokenize(text)
    if len(tokens) == 1:
        return None, True
    reader = Reader(text, tokens, time.time_ns() if now_ns is None else now_ns)
    return _Parser(reader).whole(), reader.is_lasting


class _Parser:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._depth = 0
        self._inside_span = False

    def whole(self) -> Node:
        tree = self._expression(0)
        left = self._reader.peek()
        if left.kind is not TokenKind.END:
            hint = "join conditions with AND or OR"
            raise self._reader.error(f"unexpected {left.text}", left, hint=hint)
        return tree

    def _expression(self, power: int) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            problem = f"nested deeper than {MAX_DEPTH} levels"
            raise self._reader.error(problem, self._reader.peek())
        left = self._condition()
        while True:
            word = self._reader.peek()
            if word.is_word("AND") and power < _AND_POWER:
                left = self._conjunction(left)
            elif word.is_word("OR") and power < _OR_POWER:
                left = self._disjunction(left)
            else:
                self._depth -= 1
                return left

    def _conjunction(self, first: Node) -> Node:
        parts = [first]
        while self._reader.peek().is_word("AND"):
            self._reader.take()
            if self._reader.peek().kind is TokenKind.END:
                # MLflow 3.17 accepts a filter that ends in AND.
                _logger.warning("The filter ends in AND; nothing follows it.")
                self._reader.is_lasting = False
                break
            parts.append(self._expression(_AND_POWER))
        parts = parts if self._inside_span else _of_one_span(parts)
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _disjunction(self, first: Node) -> Node:
        parts = [first]
        while self._reader.peek().is_word("OR"):
            self._reader.take()
            parts.append(self._expression(_OR_POWER))
        return Or(tuple(parts))

    def _condition(self) -> Node:
        token = self._reader.peek()
        if token.text == "(":
            return self._in_parentheses()
        word = token.text.upper() if token.kind is TokenKind.NAME else ""
        if word == "NOT":
            self._reader.take()
            return Not(self._expression(_NOT_POWER))
        if word in _OPENING_WORDS:
            following = self._reader.peek(1)
            if word == "SPAN" and following.text == "(":
                return self._span_relation()
            if word == "COUNT" and following.is_word("SPAN"):
                return self._span_count()
            if word == "HAS" and following.kind in _NAME_KINDS:
                return self._has()
        return self._comparison()

    def _in_parentheses(self) -> Node:
        opened = self._reader.take()
        inner = self._expression(0)
        self._reader.take_closing(opened, "parenthesis")
        return inner

    def _has(self) -> Node:
        start = self._reader.take()
        field = self._field()
        node = Comparison(field, Op.IS_NULL, negated=True, position=start.position)
        return self._placed(node)

    def _span_count(self) -> Node:
        self._reader.take()
        condition = self._span_group()
        token = self._reader.take()
        symbol = _SYMBOLS.get(token.text, token.text)
        number = self._reader.take()
        if symbol not in _COUNT_OPS or number.kind is not TokenKind.NUMBER:
            hint = "COUNT span(type = 'TOOL') > 3"
            problem = "COUNT span(…) is compared with a number"
            raise self._reader.error(problem, token, hint=hint)
        negated = symbol == "!="
        op = Op.EQ if negated else Op(symbol)
        return SpanCount(condition, op, number_of(number.value), negated)

    def _span_relation(self) -> Node:
        condition = self._span_group()
        relation = self._relation()
        if relation is None:
            return SpanMatch(condition, is_group=True)
        token = self._reader.peek()
        if not token.is_word("SPAN"):
            hint = "span(…) UNDER span(…)"
            raise self._reader.error("span(…) is missing here", token, hint=hint)
        return SpanRelation(condition, relation, self._span_group())

    def _relation(self) -> Relation | None:
        token = self._reader.peek()
        if token.is_word("CHILD"):
            self._reader.take()
            self._reader.take_keyword("OF")
            return Relation.CHILD_OF
        for relation in (Relation.UNDER, Relation.AFTER):
            if token.is_word(relation.value):
                self._reader.take()
                return relation
        return None

    def _span_group(self) -> Node:
        """Read ``span(…)`` and give what stands inside."""
        token = self._reader.take()
        if self._inside_span:
            hint = "join the conditions with AND"
            raise self._reader.error("span(…) inside span(…)", token, hint=hint)
        if self._reader.peek().text != "(":
            raise self._reader.error("( is missing after span", token)
        self._inside_span = True
        inner = self._in_parentheses()
        self._inside_span = False
        return inner

    def _comparison(self) -> Node:
        start = self._reader.peek()
        field = self._field()
        token = self._reader.peek()
        op, negated = self._operator(field, start)
        if op not in OPERATORS[field.kind]:
            problem = f"{field.shown} does not take {token.text}"
            raise self._reader.error(problem, token, hint=_operators_hint(field))
        token = self._reader.peek()
        values = self._values(field, op)
        if op is Op.RLIKE:
            self._check_pattern(values, token)
        node = _compare(field, op, values, negated=negated, position=start.position)
        if warn_of_doubtful(node):
            self._reader.is_lasting = False
        return self._placed(node)

    def _placed(self, node: Comparison) -> Node:
        is_bare = node.field.of_span and not self._inside_span
        return SpanMatch(node) if is_bare else node

    def _field(self) -> Field:
        first = self._reader.peek()
        is_keyword = first.kind is TokenKind.NAME and first.text.upper() in _KEYWORDS
        # "status" = 'OK' is a field in MLflow, too.
        is_name = first.kind in _NAME_KINDS or first.text[:1] == '"'
        if not is_name or is_keyword:
            raise self._no_field(first)
        parts = [self._reader.take().value]
        while self._reader.peek().text in (".", "["):
            if self._reader.take().text == "[":
                parts.append(self._index())
                continue
            part = self._reader.take()
            if part.kind not in _KEY_KINDS:
                raise self._reader.error("a key is missing after the dot", part)
            parts.append(
                part.text if part.kind is TokenKind.NUMBER else clean_text(part.value)
            )
        field = resolve(tuple(parts), inside_span=self._inside_span)
        if field is None:
            raise self._unknown_field(self._reader.since(first))
        return field

    def _index(self) -> str:
        token = self._reader.take()
        if not token.text.isdecimal() or self._reader.take().text != "]":
            hint = "inputs.messages[0].content"
            raise self._reader.error("an index is a number in [ ]", token, hint=hint)
        return token.text

    def _operator(self, field: Field, first: Token) -> tuple[Op, bool]:
        """Read an operator; the flag tells whether it is negated."""
        reader = self._reader
        token = reader.peek()
        if token.kind is TokenKind.OPERATOR and token.text != "-":
            symbol = _SYMBOLS.get(reader.take().text, token.text)
            return (Op.EQ, True) if symbol == "!=" else (_OPS[symbol], False)
        if token.is_word("IS"):
            reader.take()
            negated = self._took_not()
            reader.take_keyword("NULL")
            return Op.IS_NULL, negated
        negated = self._took_not()
        word = reader.peek().text.upper()
        if reader.peek().kind is TokenKind.NAME and word in _WORD_OPS:
            reader.take()
            return _OPS[word], negated
        raise self._no_operator(field, self._reader.since(first), token)

    def _took_not(self) -> bool:
        found = self._reader.peek().is_word("NOT")
        if found:
            self._reader.take()
        return found

    def _values(self, field: Field, op: Op) -> list[Value]:
        if op is Op.IS_NULL:
            return []
        if op is Op.IN:
            return read_list(self._reader, field)
        values = [read_value(self._reader, field)]
        if op is Op.BETWEEN:
            self._reader.take_keyword("AND")
            values.append(read_value(self._reader, field))
        return values

    def _check_pattern(self, values: list[Value], token: Token) -> None:
        try:
            check_pattern(str(values[0]))
        except PatternError as error:
            raise self._reader.error(str(error), token) from error

    def _no_field(self, token: Token) -> FilterError:
        if token.kind is TokenKind.END:
            problem = "the filter ends where a condition should begin"
        else:
            problem = f"a field is missing before {token.text}"
        return self._reader.error(problem, token, hint=f"Fields: {SHOWN_FIELDS}")

    def _unknown_field(self, token: Token) -> FilterError:
        names = known_names(inside_span=self._inside_span)
        return self._reader.error(
            f"unknown field '{token.text}'",
            token,
            suggestion=nearest(token.text, names),
            hint=f"Fields: {SHOWN_FIELDS}",
        )

    def _no_operator(self, field: Field, written: Token, token: Token) -> FilterError:
        is_dash = token.text == "-"
        dash_hint = "a key with a '-' goes in backticks: tag.`my-key`"
        return self._reader.error(
            f"an operator is missing after {written.text}",
            written if token.kind is TokenKind.END else token,
            hint=dash_hint if is_dash else _operators_hint(field),
        )


def _of_one_span(parts: list[Node]) -> list[Node]:
    """Bare span comparisons in one AND chain speak of one same span."""
    bare = [p for p in parts if isinstance(p, SpanMatch) and not p.is_group]
    if len(bare) < 2:  # noqa: PLR2004 - one alone is in its place already
        return parts
    one = SpanMatch(And(tuple(p.condition for p in bare)))
    return [one, *(p for p in parts if p not in bare)]


def _compare(
    field: Field, op: Op, values: list[Value], *, negated: bool, position: int
) -> Comparison:
    """Make the comparison, its literals in the field's own unit."""
    if field.kind in (FieldKind.TIME, FieldKind.DURATION):
        numbers = [v for v in values if not isinstance(v, (str, bool))]
        return in_nanoseconds(field, op, numbers, negated=negated, position=position)
    plain = tuple(v for v in values if not isinstance(v, Nanoseconds))
    if field.kind is FieldKind.TRACE_ID and plain:
        pairs = [trace_id_literal(op, str(value)) for value in plain]
        op, plain = pairs[0][0], tuple(literal for _, literal in pairs)
    if field.shout:
        plain = tuple(v.upper() if isinstance(v, str) else v for v in plain)
    return Comparison(field, op, plain, negated, position)


def _operators_hint(field: Field) -> str:
    names = ", ".join(op.value for op in OPERATORS[field.kind])
    return f"{field.shown} takes {names}, and their negations"
