"""Writing traces to files: OTLP JSON, what JupyterLab opens, a page, a table."""

from __future__ import annotations

import gzip
import json
import os
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import orjson

from spantree._arguments import asks, is_a, read_from
from spantree._runtime import RUNTIME
from spantree.entities.errors import SpantreeException, did_you_mean
from spantree.entities.trace import Trace, TraceLocation
from spantree.frames import get
from spantree.searching import trace_query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

__all__ = ["export_traces"]

# A page of the store; what is held in memory at a time.
_PAGE = 50
_SHOWN = 20

OTLP_OPENING = b'{"resourceSpans":['
OWN_OPENING = b'{"otlp":['
"""How files begin that hold one part a line, so that they are read line by line."""


@asks
def export_traces(
    path: str | os.PathLike[str],
    filter: str | None = None,  # noqa: A002 - what it is
    *,
    traces: Any = None,
    order_by: Sequence[str] | str | None = None,
    limit: int | None = None,
    experiment_names: Sequence[str] | None = None,
) -> int:
    """Write traces to a file; its name says how.

    ============================ ==================================================
    ``*.otlp.jsonl``             OTLP/JSON, an envelope a line; any collector reads it
    ``*.otlp.json``              OTLP/JSON, one envelope
    ``*.spantree.json``          the tree as JupyterLab opens it, and the whole record
    ``*.html``                   one interactive page; held in memory while written
    ``*.parquet``                a row a span; needs pyarrow
    ``*.csv``                    a line a trace, as :func:`spantree.traces` gives it
    ============================ ==================================================

    With ``.gz`` at the end the first three are compressed. All but the page are written
    trace by trace, so that memory does not grow with their number. The first three are
    complete: :func:`import_traces` gives the same traces back.

    Args:
        path: Where to; an existing file is replaced once the new one is whole.
        filter: The search language; None for all traces.
        traces: Instead of a filter: traces, ids, or a frame with a column ``trace_id``.
        order_by: Fields, each with an optional ``ASC`` or ``DESC``; newest first.
        limit: At most so many.
        experiment_names: Only of these experiments.

    Returns:
        How many traces were written. Those without spans have no place in OTLP and are
        left out.

    Raises:
        SpantreeException: If the name says no known form, or nothing is to be written.
        FilterError: If the filter is not understood.
        MissingExtraError: If pyarrow is needed and not installed.
        OSError: If the file can't be written.
    """
    target = Path(path)
    write = _form(target)
    if traces is not None and filter is not None:
        msg = "Give export_traces either a filter or traces."
        raise SpantreeException(msg)
    if traces is not None:
        found: Iterable[Trace] = _given(traces)
    else:
        found = _found(filter, order_by, limit, experiment_names)
    with _replacing(target) as file:
        return write(file, _named(found))


def _form(path: Path) -> Callable[[IO[bytes], Iterable[Trace]], int]:
    name = path.name.lower().removesuffix(".gz")
    for suffix, write in _FORMS.items():
        if name.endswith(suffix):
            if path.suffix == ".gz" and suffix not in _COMPRESSED:
                break
            return write
    given = "".join(path.suffixes)
    known = ", ".join(_FORMS)
    hint = did_you_mean(given, _FORMS)
    msg = f"A file's name says its form, and {given or path.name!r} says none."
    raise SpantreeException(f"{msg}{hint} Known: {known}.")


def _given(traces: Any) -> Iterator[Trace]:
    if is_a(traces, Trace):
        traces = [traces]
    if is_a(traces, list, tuple):
        for trace in read_from(list, traces, "traces are given as a list"):
            yield from [trace] if is_a(trace, Trace) else get(trace)
    else:
        yield from get(traces)


def _found(
    filter_string: str | None,
    order_by: Sequence[str] | str | None,
    limit: int | None,
    experiment_names: Sequence[str] | None,
) -> Iterator[Trace]:
    from spantree.experiments import experiment_ids

    where = experiment_ids(None, experiment_names, None)
    query = trace_query(filter_string, order_by, experiments=where)
    cursor, left = None, limit
    while left is None or left > 0:
        size = _PAGE if left is None else min(left, _PAGE)
        page = RUNTIME.search_page(query, size, cursor=cursor, spans=True)
        yield from page.traces
        cursor = page.cursor
        if cursor is None:
            return
        left = None if left is None else left - len(page.traces)


def _named(traces: Iterable[Trace]) -> Iterator[Trace]:
    """Say experiments by name; ids differ from store to store."""
    names = {e.experiment_id: e.name for e in RUNTIME.read(lambda s: s.experiments())}
    for trace in traces:
        known = names.get(trace.info.experiment_id)
        location = TraceLocation.from_experiment_id(known or trace.info.experiment_id)
        yield Trace(replace(trace.info, trace_location=location), trace.data)


def _write_lines(file: IO[bytes], traces: Iterable[Trace]) -> int:
    from spantree.entities.otlp import to_otlp

    count = 0
    for trace in traces:
        if trace.data.spans:
            file.write(_json(to_otlp([trace], dialects=("gen_ai",))) + b"\n")
            count += 1
    return count


def _write_envelope(file: IO[bytes], traces: Iterable[Trace]) -> int:
    from spantree.entities.otlp import to_otlp

    count = 0
    file.write(OTLP_OPENING)
    for trace in traces:
        for part in to_otlp([trace], dialects=("gen_ai",))["resourceSpans"]:
            file.write((b",\n" if count else b"\n") + _json(part))
            count += 1
    file.write(b"\n]}\n")
    return count


def _write_own(file: IO[bytes], traces: Iterable[Trace]) -> int:
    """Write the record first and its view last, when it is known what was written."""
    from spantree.entities.otlp import to_otlp
    from spantree.render import FULL, build_output

    shown: list[Trace] = []
    count = 0
    file.write(OWN_OPENING)
    for trace in traces:
        if not trace.data.spans:
            continue
        file.write((b",\n" if count else b"\n") + _json(to_otlp([trace])))
        count += 1
        if len(shown) < _SHOWN:
            shown.append(trace)
    shown.sort(key=lambda trace: trace.info.request_time)
    view = build_output(shown, key=os.urandom(8).hex(), total=count, budget=FULL)
    # The list of records ends, and the payload's own keys follow.
    file.write(b"\n],\n" + _json(view)[1:] + b"\n")
    return count


def _write_page(file: IO[bytes], traces: Iterable[Trace]) -> int:
    from spantree.render import to_html

    found = sorted(traces, key=lambda trace: trace.info.request_time)
    file.write(to_html(found).encode())
    return len(found)


def _write_table(file: IO[bytes], traces: Iterable[Trace]) -> int:
    from spantree.parquet import write_parquet

    return write_parquet(file, traces)


def _write_csv(file: IO[bytes], traces: Iterable[Trace]) -> int:
    from spantree.search.spreadsheet import csv_lines
    from spantree.search.summary import summarise

    lines = csv_lines(map(summarise, traces))
    file.write(next(lines))  # the columns' names
    count = 0
    for line in lines:
        file.write(line)
        count += 1
    return count


_FORMS: Mapping[str, Callable[[IO[bytes], Iterable[Trace]], int]] = {
    ".otlp.jsonl": _write_lines,
    ".otlp.json": _write_envelope,
    ".spantree.json": _write_own,
    ".html": _write_page,
    ".parquet": _write_table,
    ".csv": _write_csv,
}
_COMPRESSED = (".otlp.jsonl", ".otlp.json", ".spantree.json")


def _json(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # a lone surrogate, which JSON can only escape
        return json.dumps(value, separators=(",", ":")).encode()


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file beside the one asked for, which takes its place when it is whole."""
    made = path.with_name(f".{path.name}.{os.getpid()}.part")
    descriptor = os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if path.suffix == ".gz":
                with gzip.GzipFile(fileobj=file, mode="wb", filename="") as packed:
                    yield cast("IO[bytes]", packed)
            else:
                yield file
        made.replace(path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
