"""Spans in MLflow's serialised form, straight from a chunk.

That form has every value as JSON text, which is how a chunk has it: nothing is decoded
to be encoded again. It is what :meth:`Span.to_dict` gives, which is asked for all that
is rare: events, links, spans that stand in another order than they are shown.
"""

from __future__ import annotations

import struct
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


def span_dicts(key: int, rows: str, body: bytes) -> list[dict[str, Any]] | None:
    """Give the spans of a trace that is one chunk.

    Args:
        key: The trace's id.
        rows: Of the chunk.
        body: The same, conversations in full.

    Returns:
        In the order of :func:`~spantree.entities.span_order.tree_order`; None for a
        trace that is to be read span by span.
    """
    said = orjson.loads(rows)
    stored, classes, base = said["s"], said["k"], said["t"]
    if said["p"] or not _is_in_order(stored):
        return None
    trace_id = b2a_base64(key.to_bytes(16, "big"), newline=False).decode()
    request_id = f'"{trace_id_text(key)}"'
    ids = _base64_ids([row[0] for row in stored])
    heads = [
        (name, _encoded(span_type), _STATUS_TEXTS[status])
        for name, span_type, _, status in classes
    ]
    as_written = _OF_ONE_SPELLING if b"\\" in body else _WITHOUT_ESCAPES
    texts: dict[int, dict[str, str]] = {}
    found: list[dict[str, Any]] = []
    for span_id, (_, above, number, start, duration), payload in zip(
        ids, stored, read_payloads(body), strict=True
    ):
        inputs, outputs, given, events, links, message = payload
        if events or links is not None or message is not None:
            return None
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


def _is_in_order(stored: list[list[Any]]) -> bool:
    """Tell whether rows stand as shown: one root, children below it, by time."""
    path: list[int] = []
    started: list[int] = []
    for place, (_, above, _, start, _) in enumerate(stored):
        if (above is None) != (place == 0):
            return False
        latest = None
        while path and path[-1] != above:
            path.pop()
            latest = started.pop()
        if above is not None and not path:
            return False
        if latest is not None and start < latest:
            return False
        path.append(place)
        started.append(start)
    return True


def _spelled(line: str) -> str:
    """Spell a value as it is spelled when it is encoded anew."""
    return line if line.isdecimal() else encode(captured(line)).decode()


@lru_cache(maxsize=256)
def _encoded(span_type: str) -> str:
    return encode(span_type).decode()


def _base64_ids(keys: list[int]) -> list[str]:
    """Encode ids of 8 bytes, all at once: each with a byte that fills it up to 9."""
    filled = struct.pack(">" + "Qx" * len(keys), *keys)
    text = b2a_base64(filled, newline=False).decode()
    return [text[at : at + 11] + "=" for at in range(0, len(text), 12)]
