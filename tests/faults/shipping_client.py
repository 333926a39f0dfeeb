"""Records 200 traces with a server named in the environment; run as a process."""

from __future__ import annotations

import sys
import time

import spantree

COUNT = 200

mode = sys.argv[1]
if mode == "deliver":
    spantree.flush_trace_async_logging()
else:
    for number in range(COUNT):
        with spantree.start_span(f"t{number}"), spantree.start_span("inner"):
            pass
        if mode == "slowly":
            time.sleep(0.005)
    spantree.flush()
    print("saved", flush=True)
    if mode == "linger":
        time.sleep(60)
