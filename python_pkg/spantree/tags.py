"""Tags of traces, live or stored, and deleting traces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree._arguments import asks, shown
from spantree._runtime import RUNTIME
from spantree._spelling import older_names
from spantree.entities.errors import SpantreeException
from spantree.entities.ids import parse_trace_id
from spantree.recording import RECORDER, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["delete_trace_tag", "delete_traces", "set_trace_tag"]


@older_names(request_id="trace_id")
def set_trace_tag(trace_id: str, key: str, value: str) -> None:
    """Set a tag of a trace.

    Args:
        trace_id: A live or a stored trace.
        key: At most 250 characters.
        value: Text.

    Raises:
        SpantreeException: If the trace is neither live nor stored.
        StoreError: If it was sent to a server that can't be told.
    """
    found, key = _key(trace_id), text_of(key)
    live = RECORDER.traces.get(found)
    if live is not None:
        live.update(tags={key: value})
        return
    value = text_of(value)
    if (server := RUNTIME.elsewhere(found)) is not None:
        server.set_tag(found, key, value)
        return
    RUNTIME.write(lambda store: store.patch(found, tags={key: value}))


@older_names(request_id="trace_id")
@asks
def delete_trace_tag(trace_id: str, key: str) -> None:
    """Remove a tag of a trace; deleting the session or user tag clears the field.

    Raises:
        SpantreeException: If the trace is neither live nor stored.
        StoreError: If it was sent to a server that can't be told.
    """
    found = _key(trace_id)
    live = RECORDER.traces.get(found)
    if live is not None:
        live.remove_tag(key)
    is_here = RUNTIME.elsewhere(found) is None
    if is_here:
        # An open trace is stored as it grows, too; what is not given there stays.
        RUNTIME.write(lambda store: store.patch(found, tags={key: None}))
    server = None if live is not None else RUNTIME.server()
    if server is not None:
        # To send the trace again would leave it there.
        server.delete_tag(found, key)


@older_names(request_ids="trace_ids")
@asks
def delete_traces(trace_ids: Sequence[str]) -> int:
    """Delete traces with all that belongs to them, also from the server.

    Args:
        trace_ids: Their ids.

    Returns:
        How many there were.

    Raises:
        SpantreeException: If a text is no trace id.
        StoreError: If they were sent to a server that can't be told; they are deleted
            here then.
    """
    keys = [_key(trace_id) for trace_id in trace_ids]
    # Open ones are counted as the store has them, and are not to come back.
    RUNTIME.settle()
    for key in keys:
        RECORDER.traces.discard(key)
    server = RUNTIME.server()
    if server is None or not keys:
        return RUNTIME.write(lambda store: store.delete(keys))
    # First here, so that nothing is on its way there any more.
    here = [key for key in keys if RUNTIME.elsewhere(key) is None]
    RUNTIME.write(lambda store: store.delete(here))
    return len({*here, *server.delete(keys)})


def _key(trace_id: str) -> int:
    key = parse_trace_id(text_of(trace_id))
    if key is None:
        msg = f"{shown(trace_id)} is no trace id: 'tr-' and 32 hex digits."
        raise SpantreeException(msg)
    return key
