"""The columns that ``search_traces(extract_fields=…)`` adds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from spantree.entities.errors import SpantreeException, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spantree.entities.trace import Trace

_PART = re.compile(r"`([^`]+)`|([^.`]+)")
_KINDS = ("inputs", "outputs", "attributes")


def extracted(fields: Sequence[str]) -> dict[str, Callable[[Trace], object]]:
    """Read ``span.inputs.key`` and the like.

    Args:
        fields: A span's name, ``inputs``, ``outputs`` or ``attributes``, and keys into
            the value; backticks around whatever has dots.

    Returns:
        By column name (the field without backticks), what gives a trace's value: of
        the last span of that name; None where there is none.

    Raises:
        SpantreeException: If a field has not that form.

    Example:
        >>> list(extracted(["`my.span`.inputs.q"]))
        ['my.span.inputs.q']
    """
    return {field.replace("`", ""): _reader(field) for field in fields}


def _reader(field: str) -> Callable[[Trace], object]:
    parts = [quoted or plain for quoted, plain in _PART.findall(field)]
    if len(parts) < 2:  # noqa: PLR2004 - a span and a kind
        msg = f"A field is a span's name and one of {_known()}, not {field!r}."
        raise SpantreeException(msg)
    span_name, kind, *keys = parts
    if kind not in _KINDS:
        hint = did_you_mean(kind, _KINDS)
        msg = f"Unknown kind {kind!r} in {field!r}.{hint} Known: {_known()}."
        raise SpantreeException(msg)

    def value_of(trace: Trace) -> object:
        spans = trace.search_spans(name=span_name)
        value: object = getattr(spans[-1], kind) if spans else None
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    return value_of


def _known() -> str:
    return ", ".join(_KINDS)
