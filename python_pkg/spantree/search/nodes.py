"""The syntax tree of a filter: what both back ends, objects and SQL, decide by."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from spantree.search.fields import Field

Literal: TypeAlias = "str | int | float | bool"
Node: TypeAlias = "And | Or | Not | Comparison | SpanMatch | SpanCount | SpanRelation"


class Op(Enum):
    """How a value is compared; ``!=``, ``NOT IN`` … are these, negated."""

    EQ = "="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    IN = "IN"
    BETWEEN = "BETWEEN"
    LIKE = "LIKE"
    ILIKE = "ILIKE"
    RLIKE = "RLIKE"
    CONTAINS = "CONTAINS"
    MATCH = "MATCH"
    IS_NULL = "IS NULL"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field compared with literals.

    A field without a value satisfies only ``IS NULL``, negated or not: ``!=`` asks
    for a value that differs. Of several values one that satisfies is enough.

    Args:
        field: What is looked at.
        op: See :class:`Op`.
        literals: None for IS_NULL, two for BETWEEN, any number for IN, else one;
            already in the field's unit (nanoseconds for times and durations).
        negated: The value must not satisfy ``op``.
        position: Where it stands in the filter.

    """

    field: Field
    op: Op
    literals: tuple[Literal, ...] = ()
    negated: bool = False
    position: int = 0


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold; two-valued, a missing value makes a comparison false."""

    part: Node


@dataclass(frozen=True, slots=True)
class SpanMatch:
    """Some single span satisfies the condition, whose fields are all span fields.

    Args:
        condition: What that span satisfies.
        is_group: Written as ``span(…)``, so it stands for a span of its own.

    """

    condition: Node
    is_group: bool = False


@dataclass(frozen=True, slots=True)
class SpanCount:
    """So many spans satisfy the condition.

    Args:
        condition: What those spans satisfy.
        op: How their number is compared.
        number: With what.
        negated: The comparison must not hold.

    """

    condition: Node
    op: Op
    number: int | float
    negated: bool = False


class Relation(Enum):
    """How one span stands to another."""

    UNDER = "UNDER"
    CHILD_OF = "CHILD OF"
    AFTER = "AFTER"


@dataclass(frozen=True, slots=True)
class SpanRelation:
    """Some span satisfies the condition and stands so to some span of the other.

    Args:
        condition: What the span satisfies.
        relation: UNDER: any number of levels below; AFTER: begun at or after its end.
        other: What the other span satisfies.

    """

    condition: Node
    relation: Relation
    other: Node
