"""Where the CPU of a case goes, by function, on all threads.

    benchmarks/.venvs/spantree/bin/python benchmarks/hotspots.py CASE [CALLS]

For explaining a gap, not for comparing: the profiler makes small functions look dear.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
import tempfile
import threading
from pathlib import Path

from adapters import spantree as adapter
from cases import CASES

_ROWS = 25


def main(name: str, calls: int | None = None) -> None:
    """Print the functions of a case, dearest first, with microseconds a call."""
    case = CASES[name]
    calls = calls or case.calls
    profiles: list[cProfile.Profile] = []

    def begin(*event: object) -> None:
        """Profile a thread from its first event on."""
        del event
        profile = cProfile.Profile()
        profiles.append(profile)
        profile.enable()

    with tempfile.TemporaryDirectory() as folder:
        adapter.set_up(Path(folder), enabled=case.enabled)
        threading.setprofile(begin)
        _, traced = case.make(adapter, calls)
        begin()
        traced()
        adapter.flush()
        for profile in profiles:
            profile.disable()
    table = pstats.Stats(*profiles)
    # Waiting for work is not work.
    rows = [
        (own, number, f"{Path(file).name}:{line} {function}")
        for (file, line, function), (_, number, own, *_) in table.stats.items()  # type: ignore[attr-defined]
        if "acquire" not in function and "SimpleQueue" not in function
    ]
    total = sum(own for own, *_ in rows)
    print(f"{case.title}: {total / calls * 1e6:.1f} µs a call under the profiler")
    for own, number, place in sorted(rows, reverse=True)[:_ROWS]:
        share = f"{own / total:6.1%} {own / calls * 1e6:8.2f} µs"
        print(f"{share} {number / calls:8.2f} times  {place}")


if __name__ == "__main__":
    main(sys.argv[1], *(int(text) for text in sys.argv[2:]))
