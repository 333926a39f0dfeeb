"""Reads what experiments are found and ordered by: MLflow's grammar for them.

Conditions on ``name``, ``experiment_id``, ``creation_time``, ``last_update_time`` and
``tags.<key>``, joined by ``AND`` (MLflow 3.17.2, ``SearchExperimentsUtils``).
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from spantree.search.errors import nearest
from spantree.search.order import take_direction
from spantree.search.patterns import like
from spantree.search.reader import Reader
from spantree.search.tokens import Token, TokenKind, tokenize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from spantree.entities.experiment import Experiment

_Test: TypeAlias = "Callable[[Experiment], bool]"
_Get: TypeAlias = "Callable[[Experiment], Any]"

_TEXTS: Final[Mapping[str, _Get]] = {
    "name": lambda experiment: experiment.name,
    "experiment_id": lambda experiment: experiment.experiment_id,
}
_TIMES: Final[Mapping[str, _Get]] = {
    "creation_time": lambda experiment: experiment.creation_time or 0,
    "last_update_time": lambda experiment: experiment.last_update_time or 0,
}
# Ids are decimal text: 10 comes after 9.
_ORDERS: Final[Mapping[str, _Get]] = {
    "name": _TEXTS["name"],
    "experiment_id": lambda e: (len(e.experiment_id), e.experiment_id),
    **_TIMES,
}
_NEWEST: Final = ("creation_time DESC", "experiment_id ASC")
_OF_TEXT: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "LIKE": like,
    "ILIKE": lambda text, pattern: like(text.lower(), pattern.lower()),
}
_OF_TIME: Final[Mapping[str, Callable[[int, float], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_SAME = {"==": "=", "<>": "!="}
_FIELDS = "name, experiment_id, creation_time, last_update_time, tags.<key>"


def parse_experiment_filter(text: str | None) -> _Test:
    """Read a filter of experiments.

    Args:
        text: Conditions joined by AND; None or blank for all. Times are milliseconds
            since 1970. A tag that is missing meets ``IS NULL`` and nothing else.

    Returns:
        Decides on an experiment.

    Raises:
        FilterError: If it can't be read.
    """
    text = text or ""
    reader = Reader(text, tokenize(text), 0)
    tests: list[_Test] = []
    while reader.peek().kind is not TokenKind.END:
        if tests:
            reader.take_keyword("AND")
        tests.append(_condition(reader))
    return lambda experiment: all(test(experiment) for test in tests)


def ordered(
    found: Sequence[Experiment], order_by: Sequence[str] | str | None
) -> list[Experiment]:
    """Sort experiments by entries like ``"name DESC"``, the first one counts most.

    The newest comes first when nothing is asked for. Of equal ones the higher id does,
    or, when nothing is asked for, the lower one: as in MLflow.

    Raises:
        FilterError: If an entry names no field to sort by.
    """
    entries = [order_by] if isinstance(order_by, str) else list(order_by or _NEWEST)
    result = sorted(found, key=_ORDERS["experiment_id"], reverse=True)
    for entry in reversed(entries):
        reader = Reader(entry, tokenize(entry), 0)
        name, token = _name(reader)
        if name not in _ORDERS:
            raise _unknown(reader, token, tuple(_ORDERS), ", ".join(_ORDERS))
        result.sort(key=_ORDERS[name], reverse=take_direction(reader))
    return result


def _condition(reader: Reader) -> _Test:
    name, token = _name(reader)
    if name.startswith("tags."):
        return _of_tag(reader, name.removeprefix("tags."))
    if name in _TIMES:
        return _of_time(reader, _TIMES[name])
    if name not in _TEXTS:
        raise _unknown(reader, token, (*_TEXTS, *_TIMES), _FIELDS)
    if name == "experiment_id" and _is_list(reader):
        return _of_list(reader, _TEXTS[name])
    return _of_text(reader, _TEXTS[name])


def _name(reader: Reader) -> tuple[str, Token]:
    """Take a field's name; ``attribute.`` before it says nothing, ``tag.`` is one."""
    parts, written = reader.take_path()
    kind = parts[0].lower()
    if kind in ("tag", "tags") and len(parts) > 1:
        parts[0] = "tags"
    elif kind in ("attribute", "attributes", "attr") and len(parts) > 1:
        del parts[0]
    return ".".join(parts), written


def _of_text(reader: Reader, get: _Get) -> _Test:
    compare = _OF_TEXT[_operator(reader, _OF_TEXT)]
    value = _text(reader)
    return lambda experiment: compare(get(experiment), value)


def _of_time(reader: Reader, get: _Get) -> _Test:
    compare = _OF_TIME[_operator(reader, _OF_TIME)]
    token = reader.take()
    if token.kind is not TokenKind.NUMBER or token.unit:
        raise reader.error("a time is a number of milliseconds since 1970 here", token)
    value = float(token.value)
    return lambda experiment: compare(get(experiment), value)


def _of_tag(reader: Reader, key: str) -> _Test:
    if reader.peek().is_word("IS"):
        reader.take()
        is_wanted = reader.peek().is_word("NOT")
        if is_wanted:
            reader.take()
        reader.take_keyword("NULL")
        return lambda experiment: (key in experiment.tags) == is_wanted
    test = _of_text(reader, lambda experiment: experiment.tags[key])
    return lambda experiment: key in experiment.tags and test(experiment)


def _is_list(reader: Reader) -> bool:
    first = reader.peek()
    return first.is_word("IN") or first.is_word("NOT")


def _of_list(reader: Reader, get: _Get) -> _Test:
    is_in = not reader.peek().is_word("NOT")
    if not is_in:
        reader.take()
    reader.take_keyword("IN")
    opened = reader.take()
    if opened.text != "(":
        raise reader.error("a list in parentheses is missing here", opened)
    values = {_text(reader)}
    while reader.peek().text == ",":
        reader.take()
        values.add(_text(reader))
    reader.take_closing(opened, "list")
    return lambda experiment: (get(experiment) in values) == is_in


def _operator(reader: Reader, known: Mapping[str, object]) -> str:
    token = reader.take()
    written = token.text.upper()
    found = _SAME.get(written, written)
    if found not in known:
        allowed = ", ".join(known)
        raise reader.error("an operator is missing here", token, hint=allowed)
    return found


def _text(reader: Reader) -> str:
    token = reader.take()
    if token.kind is not TokenKind.STRING:
        raise reader.error("a text in quotes is missing here", token)
    return token.value


def _unknown(
    reader: Reader, token: Token, known: Sequence[str], hint: str
) -> Exception:
    return reader.error(
        f"experiments have no '{token.text}'" if token.text else "a field is missing",
        token,
        suggestion=nearest(token.text, known) if token.text else None,
        hint=f"Fields: {hint}",
    )
