"""Reading traces from files: OTLP JSON, our own, and MLflow's trace JSON."""

from __future__ import annotations

import gzip
import zlib
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeAlias, cast

from spantree._arguments import asks
from spantree._runtime import RUNTIME
from spantree.entities.errors import SpantreeException
from spantree.entities.experiment import DEFAULT_ID
from spantree.entities.otlp import OtlpError, from_otlp
from spantree.entities.trace import Trace, TraceLocation
from spantree.entities.values import read_json
from spantree.exporting import OTLP_OPENING, OWN_OPENING

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator

    from spantree.store import Store

__all__ = ["import_traces", "read_traces"]

MAX_DOCUMENT_BYTES = 100_000_000
"""The most that one JSON document, or one line, may take."""

_Path: TypeAlias = "str | os.PathLike[str]"
_AT_ONCE = 100
_SPANS_AT_ONCE = 2_000


@asks
def import_traces(
    path: str | os.PathLike[str],
    *,
    experiment_name: str | None = None,
    progress: Callable[[int], object] | None = None,
) -> int:
    """Store the traces of a file; importing it twice changes nothing.

    Read are OTLP/JSON (one envelope, or one a line, as collectors write them),
    ``*.spantree.json``, and what ``Trace.to_json`` gives here and in MLflow 3 (one, a
    list, or one a line); each also compressed with gzip. Files of lines may be of any
    size, since they are stored as they are read.

    Args:
        path: The file.
        experiment_name: Where the traces shall belong, made if need be; as the file
            says when left out, else ``Default``.
        progress: Called with the number of traces of each step that was stored; in a
            notebook a bar shows them when left out.

    Returns:
        How many traces were stored. Spans of one trace may come in several lines.

    Raises:
        SpantreeException: If it is none of these; the message says the line. What was
            read before stays stored.
        OSError: If the file can't be read.
    """
    seen: set[int] = set()
    with RUNTIME.progress(Path(path).name, progress) as tell:
        for batch in _batches(read_traces(path)):
            seen.update(trace.key for trace in batch)
            _store(batch, experiment_name)
            tell(len(batch))
    return len(seen)


@asks
def read_traces(path: str | os.PathLike[str]) -> Iterator[Trace]:
    """Give the traces of a file, one after the other, without storing them.

    Args:
        path: As :func:`import_traces` takes it.

    Raises:
        SpantreeException: If it is no such file; the message says the line.
        OSError: If the file can't be read.
    """
    with _opened(Path(path)) as file:
        first = file.readline(MAX_DOCUMENT_BYTES + 1)
        if first.strip() == OWN_OPENING:
            yield from _of_parts(path, file, lambda found: found)
        elif first.strip() == OTLP_OPENING:
            yield from _of_parts(path, file, lambda found: {"resourceSpans": [found]})
        else:
            yield from _of_documents(path, first, file)


def _store(batch: list[Trace], experiment_name: str | None) -> None:
    RUNTIME.write(lambda store: store.write(_placed(store, batch, experiment_name)))


def _of_parts(
    path: _Path, file: IO[bytes], envelope: Callable[[object], object]
) -> Iterator[Trace]:
    """Read the elements of a list, one a line, up to the line that ends it."""
    for number, line in _numbered(path, file, 2):
        text = line.strip()
        if text[:1] == b"]":
            return
        if text:
            part = _parsed(path, number, text.rstrip(b","))
            yield from _traces_of(path, number, envelope(part))
    msg = f"{path} is not whole: it ends in the middle of its list of traces."
    raise SpantreeException(msg)


def _of_documents(path: _Path, first: bytes, file: IO[bytes]) -> Iterator[Trace]:
    """Read a document a line, or one document over many lines."""
    try:
        found = read_json(first)
    except (ValueError, RecursionError):
        text = first + file.read(MAX_DOCUMENT_BYTES + 1)
        yield from _traces_of(path, 1, _parsed(path, 1, text))
        return
    yield from _traces_of(path, 1, found)
    for number, line in _numbered(path, file, 2):
        if line.strip():
            yield from _traces_of(path, number, _parsed(path, number, line))


def _numbered(path: _Path, file: IO[bytes], number: int) -> Iterator[tuple[int, bytes]]:
    while line := file.readline(MAX_DOCUMENT_BYTES + 1):
        _check_size(path, number, line)
        yield number, line
        number += 1


def _parsed(path: _Path, number: int, text: bytes) -> object:
    _check_size(path, number, text)
    try:
        return read_json(text)
    except (ValueError, RecursionError) as error:
        msg = f"{path}, line {number}: this is not JSON: {error}"
        raise SpantreeException(msg) from error


def _check_size(path: _Path, number: int, text: bytes) -> None:
    if len(text) > MAX_DOCUMENT_BYTES:
        msg = (
            f"{path}, line {number}: one document has at most "
            f"{MAX_DOCUMENT_BYTES:,} bytes. Larger files hold one trace a line."
        )
        raise SpantreeException(msg)


def _traces_of(path: _Path, number: int, found: object) -> list[Trace]:
    try:
        return _recognised(found)
    except SpantreeException as error:
        kind = type(error) if isinstance(error, OtlpError) else SpantreeException
        msg = f"{path}, line {number}: {error.message}"
        raise kind(msg) from error


def _recognised(found: object) -> list[Trace]:
    if isinstance(found, list):
        return [trace for part in found for trace in _recognised(part)]
    if isinstance(found, dict):
        if "resourceSpans" in found or "resource_spans" in found:
            return from_otlp(found)
        if "otlp" in found:
            return _recognised(found["otlp"])
        if "info" in found and "data" in found:
            return [Trace.from_dict(found)]
        if found.get("v") == 1 and "traces" in found:
            msg = (
                "this is the view of an output, shortened and without its record. "
                "Export the trace to a *.spantree.json file instead."
            )
            raise SpantreeException(msg)
    msg = (
        "there are no traces here. Known: OTLP/JSON ({'resourceSpans': …}), "
        "*.spantree.json, and a trace's to_json ({'info': …, 'data': …})."
    )
    raise SpantreeException(msg)


def _batches(traces: Iterable[Trace]) -> Iterator[list[Trace]]:
    batch: list[Trace] = []
    spans = 0
    for trace in traces:
        batch.append(trace)
        spans += len(trace.data.spans)
        if len(batch) >= _AT_ONCE or spans >= _SPANS_AT_ONCE:
            yield batch
            batch, spans = [], 0
    if batch:
        yield batch


def _placed(store: Store, traces: list[Trace], name: str | None) -> list[Trace]:
    """Put traces into the experiment of that name, else of the name they bring."""
    names = {e.name: e.experiment_id for e in store.experiments()}
    placed = []
    for trace in traces:
        wanted = name or trace.info.experiment_id
        if wanted not in names:
            names[wanted] = _experiment_id(store, names.values(), wanted)
        location = TraceLocation.from_experiment_id(names[wanted])
        placed.append(Trace(replace(trace.info, trace_location=location), trace.data))
    return placed


def _experiment_id(store: Store, known: Iterable[str], wanted: str) -> str:
    """Read a number as an id, which another store's may be: then it says nothing."""
    if wanted.isdecimal():
        return wanted if wanted in known else DEFAULT_ID
    return store.experiment_id_for(wanted)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        is_packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not is_packed:
            yield file
            return
        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield cast("IO[bytes]", unpacked)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            msg = f"{path} is not whole: {error}"
            raise SpantreeException(msg) from error
