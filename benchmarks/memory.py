"""What a finished span of an open trace keeps in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import WorkerError, say
from report import Table

if TYPE_CHECKING:
    from lab import Lab

_SPANS = 4000
_NOTE = (
    "otel_io, logfire and langfuse export spans as they end: theirs is the memory of "
    "an exported span that an exporter keeps."
)


def memory(lab: Lab, only: str = "") -> list[Table]:
    """Weigh spans with tracemalloc, in fresh workers, as it slows all that follows."""
    del only
    table = Table(
        f"Memory of a finished span while its trace is open, {_SPANS:,} spans",
        ["", "bytes"],
        notes=[_NOTE],
    )
    for library in lab.pythons:
        say(f"memory of {library}")
        worker = lab.new_worker(library)
        try:
            found = worker.ask("bytes_per_span", spans=_SPANS)
        except WorkerError as error:
            lab.problems.append(f"memory: {error}")
            continue
        finally:
            worker.close()
        lab.figures["memory.bytes", library] = found["bytes"]
        table.rows.append([library, f"{found['bytes']:,.0f}"])
    return [table]
