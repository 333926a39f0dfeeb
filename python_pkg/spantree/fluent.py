"""The functions of ``spantree.*`` that read single traces and set the process up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree._arguments import asks
from spantree._runtime import RUNTIME
from spantree._spelling import older_names
from spantree.entities.errors import MissingExtraError
from spantree.entities.ids import trace_id_text
from spantree.recording import RECORDER, internal_errors, warn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from spantree.entities.trace import Trace
    from spantree.render.widget import TraceWidget

__all__ = [
    "autolog",
    "flush",
    "flush_trace_async_logging",
    "get_last_active_trace_id",
    "get_trace",
    "get_tracking_uri",
    "internal_errors",
    "set_tracking_uri",
    "stats",
    "view",
]


@asks
def get_last_active_trace_id(thread_local: bool = False) -> str | None:
    """Give the id of the last trace whose root has ended, or None before the first.

    Args:
        thread_local: Only those whose root was ended by this thread.
    """
    traces = RECORDER.traces
    key = traces.last_ended_here if thread_local else traces.last_ended_key
    return None if key is None else trace_id_text(key)


@older_names(request_id="trace_id")
@asks
def get_trace(trace_id: str, silent: bool = False, flush: bool = False) -> Trace | None:
    """Give a trace: running, just ended, or stored.

    Args:
        trace_id: ``tr-`` and 32 hex digits, or the digits alone.
        silent: Do not warn when there is none.
        flush: Wait first until everything recorded so far is committed.

    Returns:
        The trace as it is now, or None when there is none of that id.
    """
    if flush:
        RUNTIME.flush()
    found = RUNTIME.get_trace(str(trace_id))
    if found is None and not silent:
        warn(
            "get_trace",
            "No trace with the id %r. Trace ids are 'tr-' and 32 hex digits; "
            "search_traces() lists them.",
            trace_id,
        )
    return found


@asks
def set_tracking_uri(uri: str | Path | Sequence[str | Path] | None) -> None:
    """Choose where traces go; contacts nothing and waits for nothing.

    Recording that was turned off stays off. An experiment chosen by name is looked up
    again in the new place.

    Args:
        uri: ``sqlite:///path``, a path ending in ``.db``, ``memory:``, …; None for the
            default, one file in the user's data folder. With a server's address
            (``http://…``, ``databricks``, ``otlp+http://…``) traces rest in the default
            file and are sent on from there by a thread. A list, or a text with commas,
            names several servers, and a file among them is where traces rest.

    Raises:
        SpantreeException: If the form is unknown; the message lists those accepted.
    """
    RUNTIME.set_target(uri)


def get_tracking_uri() -> str:
    """Give the tracking URI in force, passwords left out.

    Returns:
        What was set, else what the environment names, else the URI of the default
        file.
    """
    return RUNTIME.tracking_uri()


@asks
def flush(timeout: float | None = None) -> bool:
    """Wait until everything recorded before the call is committed locally.

    Args:
        timeout: Seconds to wait at most; None waits as long as it takes.

    Returns:
        True when all of it is committed.
    """
    return RUNTIME.flush(timeout)


@asks
def flush_trace_async_logging(terminate: bool = False) -> None:
    """Wait as :func:`flush` does, then up to 10 s until all has reached the server.

    A server that gives trouble is not waited for: what it does not take now is kept
    and sent later.

    Args:
        terminate: Accepted for MLflow's callers; the writer ends with the process.
    """
    del terminate
    RUNTIME.deliver()


def stats() -> dict[str, int]:
    """Count what was saved, what waits, and what went wrong.

    Returns:
        Numbers by name, since the process began: traces ``saved``, ``waiting`` for the
        store (``queue`` of them in memory, with ``queue_bytes``, and ``spilled`` in
        files), ``dropped`` for ever (``memory:`` keeps 256 MB), ``damaged`` in spill
        files; with a server also ``shipped``, ``blocked`` and ``rejected``; values
        ``truncated``; secrets ``masked``; ``warnings`` of calls that were skipped or
        put right, each one counted though of a kind only one is logged in 60 seconds;
        ``internal_errors``.
    """
    return RUNTIME.stats()


@asks
def autolog(
    disable: bool = False,
    silent: bool = False,
    log_traces: bool = True,
    exclude_flavors: Sequence[str] | None = None,
    *,
    disable_for_unsupported_versions: bool = True,
    log_inputs: bool = True,
    log_outputs: bool = True,
    **mlflow_options: object,
) -> None:
    """Trace every supported library, also those imported later.

    Args:
        disable: Stop tracing them.
        silent: Say nothing about libraries that are missing.
        log_traces: False is the same as ``disable``.
        exclude_flavors: Libraries to leave as they are.
        disable_for_unsupported_versions: False traces also the versions that the hooks
            are not made for, as far as they fit.
        log_inputs: Whether inputs are recorded.
        log_outputs: Whether outputs are recorded; usage and model always are.
        **mlflow_options: MLflow's other options, of model logging; without effect.
    """
    from spantree.integrations import ALL
    from spantree.integrations import autolog as autolog_library

    del mlflow_options
    for name in ALL:
        if name not in (exclude_flavors or ()):
            autolog_library(
                name,
                disable=disable or not log_traces,
                silent=silent,
                disable_for_unsupported_versions=disable_for_unsupported_versions,
                log_inputs=log_inputs,
                log_outputs=log_outputs,
            )


@asks
def view(traces: Trace | list[Trace]) -> TraceWidget:
    """Show traces in a widget whose selection Python can read.

    Args:
        traces: One trace, or several.

    Returns:
        The widget; ``widget.selected`` lists the ids of the selected spans.

    Raises:
        MissingExtraError: If anywidget is not installed.
    """
    try:
        from spantree.render.widget import TraceWidget
    except ModuleNotFoundError as error:
        msg = f'view() needs {error.name}. Run: pip install "spantree[notebook]"'
        raise MissingExtraError(msg) from None
    from spantree.notebook.kernel_link import answer

    return TraceWidget(
        traces if isinstance(traces, list) else [traces],
        answer=lambda request: answer(request, RUNTIME),
    )
