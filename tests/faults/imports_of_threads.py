"""Traces of many kinds; prints what a thread of spantree imports while forks don't wait."""

from __future__ import annotations

import contextlib
import sys
import threading

import spantree
from spantree.entities import SpanEvent
from spantree.recording import FIRST_USE


class Watch:
    """Finds nothing: it is asked before each module is imported that is not yet."""

    def find_spec(self, name, path=None, target=None):
        thread = threading.current_thread().name
        if thread.startswith("spantree-") and not FIRST_USE._lock._is_owned():
            print(name, "by", thread)


@spantree.trace(span_type="LLM")
def descend(levels):
    if levels:
        return descend(levels - 1)
    raise ValueError(levels)


if __name__ == "__main__":
    spantree.set_tracking_uri(sys.argv[1])
    sys.meta_path.insert(0, Watch())
    with spantree.start_span("first") as first:
        first.set_inputs({"key": "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"})
        first.set_attribute("model", "gpt-4o-mini")
        first.set_attribute("usage", {"input_tokens": 3, "output_tokens": 1})
        first.add_event(SpanEvent("event", attributes={"n": 1}))
        # It is open still: it is copied as it is.
        spantree.flush()
    with contextlib.suppress(ValueError):
        descend(100)
    spantree.set_trace_tag(first.trace_id, "key", "value")
    spantree.flush()
    spantree.flush_trace_async_logging()
    print("saved", spantree.stats()["saved"])
