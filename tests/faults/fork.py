"""Functions for the processes of the fork tests, importable by their children."""

from __future__ import annotations

from spantree.recording import start_span, trace
from spantree.testing import recorded_traces


@trace
def leaf(n):
    """A traced function, which a pool pickles by its name."""
    return n


def traced_ids(n):
    """Record a trace in this process and give its id and those of its spans."""
    with recorded_traces() as traces:
        with start_span(f"root {n}"):
            leaf(n)
        return [traces[0].trace_id, *(s.span_id for s in traces[0].data.spans)]
