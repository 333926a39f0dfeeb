"""How long single calls take at worst, and whether many traces slow later ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import TooLongError, say
from report import Table, digits, duration

if TYPE_CHECKING:
    from lab import Lab

_CALLS = 20_000
_SECONDS = 20.0
_NOTE = (
    f"At most {_SECONDS:.0f} s a library. The bare row shows what the machine itself "
    "adds to the same loop without tracing."
)
_TRACES = 100_000
_POINTS = ("p50", "p99", "p99.9", "max")


def tail(lab: Lab, only: str = "") -> list[Table]:
    """Measure the latency of root calls at full speed, the writer at work."""
    del only
    table = Table(
        f"Wall time of a root call, of {_CALLS:,} made at full speed",
        ["", "calls", *_POINTS],
        notes=[_NOTE],
    )
    for library in lab.pythons:
        say(f"tail of {library}")
        # What is queued is stored before the answer, which takes peers longer.
        patience = lab.patience + _SECONDS
        try:
            found = lab.ask(
                library,
                "latencies",
                patience=patience,
                calls=_CALLS,
                seconds=_SECONDS,
            )
        except TooLongError:
            limit = f"not finished in {patience:.0f} s"
            table.rows.append([library, limit, *("–" for _ in _POINTS)])
            continue
        if found is None:
            continue
        for point in _POINTS:
            lab.figures[f"tail.{point}", library] = found[point]
        table.rows.append(
            [library, f"{found['calls']:,}", *(duration(found[p]) for p in _POINTS)]
        )
        if library == "spantree":
            bare = (duration(found[f"bare_{point}"]) for point in _POINTS)
            table.rows.append(["bare", f"{_CALLS:,}", *bare])
        if found["recorded"] != found["expected"]:
            table.notes.append(
                f"{library} recorded {found['recorded']:,} of {found['expected']:,}."
            )
    return [table]


def growth(lab: Lab, only: str = "") -> list[Table]:
    """Measure whether the last of 100,000 traces cost more than the first."""
    del only
    table = Table(
        f"CPU of a trace until stored, {_TRACES:,} in one process",
        ["", "first tenth", "last tenth", "ratio"],
    )
    say("growth of spantree")
    found = lab.ask("spantree", "growth", traces=_TRACES)
    if found is not None:
        ratio = found["last"] / found["first"]
        lab.figures["growth.ratio", "spantree"] = ratio
        table.rows.append(
            [
                "spantree",
                duration(found["first"]),
                duration(found["last"]),
                digits(ratio),
            ]
        )
    return [table]
