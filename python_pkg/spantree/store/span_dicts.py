"""Spans in MLflow's serialised form, straight from a chunk.

That form has every value as JSON text, which is how a chunk has it: nothing is decoded
to be encoded again. It is what :meth:`Span.to_dict` gives, which is asked for all that
is rare: events, links, spans that stand in another order than they are shown.
"""

from __future__ import annotations

from binascii import b2a_base64
from functools import lru_cache
from typing import Any

import orjson

from spantree.entities.ids import trace_id_text
from spantree.entities.span import INPUTS, OUTPUTS, SPAN_TYPE, TRACE_REQUEST_ID
from spantree.entities.values import encode
from spantree.store.classes import STATUSES
from spantree.store.payload import captured, read_payloads

_STATUS_TEXTS = tuple(f"STATUS_CODE_{status.value}" for status in STATUSES)
# A number, or a text with an escape, may be spelled in more than one way.
_OF_ONE_SPELLING = frozenset("{[tfn")
_WITHOUT_ESCAPES = frozenset('{[tfn"')

# In a notebook the same traces are asked for again and again. The JSON of those looked
# at last is kept, 2 MB or so: to read it takes a third of the time.
_MOST_KEPT = 500
_KEPT_BYTES = 4096
_kept: dict[tuple[int, str, bytes], str] = {}


def span_dicts(
    key: int, rows: str, body: bytes
) -> tuple[list[dict[str, Any]], str] | None:
    """Give the spans of a trace that is one chunk, and their JSON.

    Args:
        key: The trace's id.
        rows: Of the chunk.
        body: The same, conversations in full.

    Returns:
        In the order of :func:`~spantree.entities.span_order.tree_order`, nobody else's;
        None for a trace that is to be read span by span.
    """
    stored = (key, rows, body)
    text = _kept.get(stored)
    if text is not None:
        return orjson.loads(text), text
    found = _span_dicts(key, rows, body)
    if found is None:
        return None
    text = orjson.dumps(found).decode()
    if len(body) <= _KEPT_BYTES:
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[stored] = text
    return found, text


def _span_dicts(key: int, rows: str, body: bytes) -> list[dict[str, Any]] | None:
    said = orjson.loads(rows)
    payloads = read_payloads(body)
    if said["p"] or payloads.rest:
        return None
    keys, parents, numbers, starts, durations = zip(*said["s"], strict=True)
    if not _is_in_order(parents, starts):
        return None
    trace_id = b2a_base64(key.to_bytes(16, "big"), newline=False).decode()
    request_id = f'"{trace_id_text(key)}"'
    ids = [
        b2a_base64(span_key.to_bytes(8, "big"), newline=False).decode()
        for span_key in keys
    ]
    heads = [
        (name, _encoded(span_type), _STATUS_TEXTS[status])
        for name, span_type, _, status in said["k"]
    ]
    as_written = _OF_ONE_SPELLING if b"\\" in body else _WITHOUT_ESCAPES
    base = said["t"]
    texts: dict[int, dict[str, str]] = {}
    found: list[dict[str, Any]] = []
    for span_id, above, number, start, duration, inputs, outputs, given in zip(
        ids, parents, numbers, starts, durations, *payloads[:3], strict=True
    ):
        name, type_text, status = heads[number]
        attributes = {TRACE_REQUEST_ID: request_id, SPAN_TYPE: type_text}
        if inputs is not None and inputs != "null":
            is_text = inputs[0] in as_written
            attributes[INPUTS] = inputs if is_text else _spelled(inputs)
        if outputs is not None and outputs != "null":
            is_text = outputs[0] in as_written
            attributes[OUTPUTS] = outputs if is_text else _spelled(outputs)
        if given:
            # Spans of one function share the dict.
            known = texts.get(id(given))
            if known is None:
                known = texts[id(given)] = {
                    each: line if line[0] in as_written else _spelled(line)
                    for each, line in given.items()
                }
            attributes.update(known)
        began = base + start
        found.append(
            {
                "trace_id": trace_id,
                "span_id": span_id,
                "parent_span_id": None if above is None else ids[above],
                "name": name,
                "start_time_unix_nano": began,
                "end_time_unix_nano": None if duration is None else began + duration,
                "events": [],
                "status": {"code": status, "message": ""},
                "attributes": attributes,
                "links": [],
            }
        )
    return found


def _is_in_order(parents: tuple[int | None, ...], starts: tuple[int, ...]) -> bool:
    """Tell whether spans stand as shown: one root, children below it, by time."""
    befores = _siblings_before(parents)
    return befores is not None and all(
        starts[before] <= starts[place] for place, before in befores
    )


@lru_cache(maxsize=256)
def _siblings_before(
    parents: tuple[int | None, ...],
) -> list[tuple[int, int]] | None:
    """Give the places of spans and the siblings they follow.

    Returns:
        None for spans that do not stand as a tree is shown.
    """
    found: list[tuple[int, int]] = []
    path: list[int] = []
    for place, above in enumerate(parents):
        if (above is None) != (place == 0):
            return None
        before = None
        while path and path[-1] != above:
            before = path.pop()
        if above is not None and not path:
            return None
        if before is not None:
            found.append((place, before))
        path.append(place)
    return found


def _spelled(line: str) -> str:
    """Spell a value as it is spelled when it is encoded anew."""
    return line if line.isdecimal() else encode(captured(line)).decode()


@lru_cache(maxsize=256)
def _encoded(span_type: str) -> str:
    return encode(span_type).decode()
