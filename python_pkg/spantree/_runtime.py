"""The one place that wires recorder, store and display together.

Importing it opens nothing and starts nothing: the store's thread begins with the
first trace, a notebook's hooks with ``%load_ext spantree``.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, TypeVar

from spantree._environment import (
    apply_environment,
    environment_experiment,
    watch_timeouts,
)
from spantree._exit import at_exit
from spantree._storage import READ_YOUR_WRITES_SECONDS, Storage
from spantree.entities.drawing import RENDERERS
from spantree.entities.errors import RESOURCE_DOES_NOT_EXIST, SpantreeException
from spantree.entities.ids import is_experiment_id, parse_trace_id, trace_id_text
from spantree.entities.trace_fields import DEFAULT_ID, TraceState
from spantree.recording import (
    FIRST_USE,
    RECORDER,
    counters,
    guard,
    internal_errors,
    warn,
)
from spantree.recording.capture import SHELF

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell

    from spantree._storage import Place
    from spantree.entities.span import Span
    from spantree.entities.trace import Trace
    from spantree.recording import LiveTrace
    from spantree.search import Query, Summary
    from spantree.shipping import Server
    from spantree.store import Page, Store

_T = TypeVar("_T")

# The experiment is looked up when a root needs it, not before.
_UNDECIDED = ""
_EXPERIMENT_SECONDS = 1.0  # while a root begins
_ASKED_SECONDS = 5.0
_MOST_PARTS = 10_000
_MOST_ASIDE = 100_000


class Runtime(Storage):
    """What a process has of spantree: one recorder, and where its traces rest.

    Attributes:
        display: Whether notebooks show trees under cells.
        on_rendered: Called with each trace that draws itself, or None.
        on_asked_to_show: Called with a trace to show under the running cell, or None.
        progress_bar: Makes a bar for work that its label names, or None.
        experiment_name: The experiment chosen by name; its id differs by store.
    """

    def __init__(self) -> None:
        super().__init__(self.open_traces)
        self.display = True
        self.experiment_name: str | None = None
        self.on_rendered: Callable[[Trace], None] | None = None
        self.on_asked_to_show: Callable[[Trace], None] | None = None
        self.progress_bar: (
            Callable[[str], AbstractContextManager[Callable[[int], object]]] | None
        ) = None
        # Traces that were judged while only this process knew them whole.
        self._judged: set[int] = set()
        # Those of which another process, or an earlier run, holds a part; newest last.
        self._parts: dict[int, None] = {}
        # Open ones that are in the store only; a number each, the newest last.
        self._aside: dict[int, None] = {}

    # Listener: what the recorder announces.

    def trace_started(self, trace: LiveTrace) -> None:
        """Let the writer look at the open traces from now on."""
        if trace.experiment_id == _UNDECIDED:
            trace.experiment_id = self._experiment()
        self.writer().watch()

    def trace_ended(self, trace: LiveTrace) -> None:
        """Hand the trace to the writer, which takes its copy on its own thread."""
        self._submit(trace)

    def trace_changed(self, trace: LiveTrace) -> None:
        """Hand over a trace again that changed after its root ended."""
        self._submit(trace)

    def _submit(self, trace: LiveTrace) -> None:
        # Thousands may wait: the fewer objects each holds, the less the collector does.
        supply = trace.to_trace if SHELF.is_empty else self._with_attachments(trace)
        if trace.origin is None:
            self.writer().submit(trace.key, supply, trace.size)
            return
        # Parts of one trace must not replace each other while they wait.
        self._parts[trace.key] = self._parts.pop(trace.key, None)
        if len(self._parts) > _MOST_PARTS:
            del self._parts[next(iter(self._parts))]
        part_key = trace.root_key << 128 | trace.key
        self.writer().submit(part_key, supply, trace.size)

    def set_aside(self, trace: LiveTrace) -> None:
        """Store an open trace that is no longer held in memory."""
        self._submit(trace)
        self._aside[trace.key] = None
        if len(self._aside) > _MOST_ASIDE:
            del self._aside[next(iter(self._aside))]

    def live_trace(self, key: int) -> LiveTrace | None:
        """Give a trace that has an open span; one that was set aside is held again."""
        live = RECORDER.traces.get(key)
        if live is not None or key not in self._aside:
            return live
        del self._aside[key]
        from spantree.recording import revive

        with guard("live_trace"):
            stored = self.get_trace(trace_id_text(key))
            if stored is not None and stored.info.state is TraceState.IN_PROGRESS:
                return revive(stored, RECORDER)
        return None

    # Experiments.

    def _moved(self) -> None:
        if self.experiment_name is not None:
            # Its id is another one there.
            RECORDER.experiment_id = _UNDECIDED

    def forget_experiment(self) -> None:
        """Decide at the next root where roots belong."""
        self.experiment_name = None
        RECORDER.experiment_id = _UNDECIDED

    def _experiment(self) -> str:
        """Give where roots belong: as set, as the environment says, or Default.

        An id, or a name: whoever records does not wait until the store is asked for
        its id. A store takes both.
        """
        if RECORDER.experiment_id == _UNDECIDED:
            name, known_id = environment_experiment()
            self.experiment_name = name = self.experiment_name or name
            if name is not None and is_experiment_id(name):
                # It would be taken for an id: here alone the store is waited for.
                name = self._known_id_of(name)
            RECORDER.experiment_id = name or known_id or DEFAULT_ID
        return RECORDER.experiment_id

    def active_experiment_id(self) -> str:
        """Give the id of the experiment that roots belong to.

        Raises:
            StoreError: If it is known by name and the store can't be asked now.
        """
        named = RECORDER.destination_id or self._experiment()
        if is_experiment_id(named):
            return named
        number = self._id_of_experiment(named)
        if RECORDER.experiment_id == named:
            RECORDER.experiment_id = number
        return number

    def _known_id_of(self, name: str) -> str | None:
        try:
            return self._id_of_experiment(name, _EXPERIMENT_SECONDS)
        except SpantreeException as error:
            warn("experiment", "Traces go to the default experiment: %s", error)
            return None

    def _id_of_experiment(self, name: str, timeout_s: float | None = None) -> str:
        return self.writer().call(
            lambda store: store.experiment_id_for(name), timeout_s or _ASKED_SECONDS
        )

    def _locate(self, trace: Trace) -> None:
        """Put the experiment's id into a trace that the store has not seen yet."""
        from spantree.entities.trace import TraceLocation

        info = trace.info
        if not is_experiment_id(info.experiment_id):
            with contextlib.suppress(SpantreeException):
                number = self._id_of_experiment(info.experiment_id)
                info.trace_location = TraceLocation.from_experiment_id(number)

    # What is in memory.

    def open_traces(self) -> list[Trace]:
        """Copy the traces that have an open span."""
        live = RECORDER.traces.all()
        if not live:
            return []
        found = [trace.to_trace() for trace in live]
        self._keep_attachments(self.place())
        # One that has ended meanwhile is handed over by that, and sent on once.
        return [t for t in found if any(s.end_time_ns is None for s in t.data.spans)]

    def _with_attachments(self, trace: LiveTrace) -> Callable[[], Trace]:
        place = self.place()

        def supply() -> Trace:
            found = trace.to_trace()
            self._keep_attachments(place)
            return found

        return supply

    def _keep_attachments(self, place: Place) -> None:
        """Write down what was taken out of values, on the thread that writes."""
        try:
            SHELF.hand_over(place.store().attachments.put)
        except OSError as error:
            warn("attachments", "Attachments wait in memory: %s", error)

    def attachment(self, trace: Trace, attachment_id: str) -> bytes | None:
        """Give bytes kept beside a trace: in memory, with the store, on the server."""
        waiting = SHELF.get(attachment_id)
        if waiting is not None:
            return waiting
        found = self.read(lambda store: store.attachments.get(trace.key, attachment_id))
        server = self.server() if found is None else None
        return found if server is None else server.attachment(trace.key, attachment_id)

    # Asking.

    def get_trace(self, trace_id: str) -> Trace | None:
        """Give a trace from memory, else from the store, else None."""
        key = parse_trace_id(trace_id)
        if key is None:
            return None
        live = RECORDER.traces.get(key)
        if key in self._parts or (live is not None and live.origin is not None):
            return self._joined(key, live)
        known = live.to_trace() if live is not None else self.writer().pending(key)
        if known is None:
            self._judged.discard(key)
            stored = self.read(lambda store: store.get(key))
            server = self.server() if stored is None else None
            return stored if server is None else server.get(key)
        self._locate(known)
        if key in self._judged:
            stored = self.read(lambda store: store.get(key, include_spans=False))
            known.info.assessments = stored.info.assessments if stored else []
        return known

    def _joined(self, key: int, live: LiveTrace | None) -> Trace | None:
        """Give a trace of several parts, which only the store puts together."""
        self.flush(READ_YOUR_WRITES_SECONDS)
        stored = self.read(lambda store: store.get(key))
        return live.to_trace() if stored is None and live is not None else stored

    def search(
        self,
        query: Query,
        limit: int | None,
        *,
        spans: bool,
        everywhere: bool = False,
    ) -> list[Trace]:
        """Give the traces that match, this process's latest included."""
        return self.search_page(
            query, limit, cursor=None, spans=spans, everywhere=everywhere
        ).traces

    def search_page(
        self,
        query: Query,
        limit: int | None,
        *,
        cursor: str | None,
        spans: bool,
        timeout_s: float | None = None,
        everywhere: bool = False,
    ) -> Page:
        """Give a page of the traces that match, this process's latest included.

        With ``everywhere``, also of those on the server that traces are sent to.
        """
        self.settle()
        if everywhere and (server := self.server()) is not None:
            return server.search(
                query,
                limit=limit,
                cursor=cursor,
                include_spans=spans,
                timeout_s=timeout_s,
            )
        return self.read(
            lambda store: store.search(
                query,
                limit=limit,
                cursor=cursor,
                include_spans=spans,
                timeout_s=timeout_s,
            )
        )

    def summaries(self, query: Query, limit: int | None) -> list[Summary]:
        """Give what is known of the traces that match, without their spans."""
        self.settle()
        return self.read(lambda store: store.summaries(query, limit=limit))

    def export_traces(
        self, path: Path, wanted: str | None, traces: Sequence[Trace] | None
    ) -> int:
        """Write the traces that match, or those given, to a file."""
        from spantree.exporting import export_traces

        return export_traces(path, wanted, traces=traces)

    def import_traces(self, path: Path) -> int:
        """Store the traces of a file; count them."""
        from spantree.importing import import_traces

        return import_traces(path)

    def progress(
        self, label: str, given: Callable[[int], object] | None
    ) -> AbstractContextManager[Callable[[int], object]]:
        """Give what takes the steps of long work: the caller's own, or a bar's."""
        if given is not None:
            return contextlib.nullcontext(given)
        bar = self.progress_bar
        return bar(label) if bar else contextlib.nullcontext(lambda _count: None)

    def span_frame(self, traces: Sequence[Trace]) -> pd.DataFrame:
        """Give a DataFrame with one row a span."""
        from spantree.span_rows import span_frame

        return span_frame(traces)

    def aggregate(
        self, query: Query, by: Sequence[str], measures: Sequence[str]
    ) -> list[dict[str, object]]:
        """Group the traces that match, and measure each group."""
        self.settle()
        return self.read(lambda store: store.aggregate(query, by, measures))

    def show(self, trace: Trace) -> None:
        """Show a trace under the running cell, in a notebook; elsewhere do nothing."""
        if self.on_asked_to_show is not None:
            self.on_asked_to_show(trace)

    # TraceRenderer: how a trace draws itself.

    def text(self, trace: Trace) -> str:
        """Draw the tree as text."""
        from spantree.render import render_text

        return render_text([trace])

    def bundle(self, traces: Sequence[Trace]) -> dict[str, object]:
        """Draw traces that stand as the last expression of a cell, the oldest first."""
        from spantree.render import mime_bundle, mode_for

        if self.on_rendered is not None:
            for trace in traces:
                self.on_rendered(trace)
        drawn = sorted(traces, key=lambda trace: trace.info.request_time)
        return mime_bundle(drawn, key=os.urandom(8).hex(), mode=mode_for(len(drawn)))

    def page(self, trace: Trace) -> str:
        """Draw one HTML file."""
        from spantree.render import to_html

        return to_html([trace])

    def judge(self, trace: Trace, change: Callable[[Store], _T]) -> _T:
        """Change the assessments of a trace in the store.

        Raises:
            StoreError: If the store can't be changed now.
        """
        self._judged.add(trace.key)
        return self.write(change)

    def elsewhere(self, key: int) -> Server | None:
        """Give the server if it alone may have a trace, else None."""
        server = self.server()
        if server is None or RECORDER.traces.get(key) is not None:
            return None
        self.flush(READ_YOUR_WRITES_SECONDS)
        stored = self.read(lambda store: store.get(key, include_spans=False))
        return server if stored is None else None

    def stats(self) -> dict[str, int]:
        """Count what was saved, what waits and what went wrong."""
        return {
            **super().stats(),
            "truncated": counters["truncated"],
            "warnings": counters["warnings"],
            "masked": RECORDER.redactor.masked,
            "internal_errors": sum(internal_errors().values()),
        }

    def require_trace(self, trace_id: str) -> Trace:
        """Give a trace.

        Raises:
            SpantreeException: If there is no trace of that id.
        """
        found = self.get_trace(trace_id)
        if found is None:
            msg = (
                f"No trace with the id {trace_id!r}. Trace ids are 'tr-' and 32 hex "
                "digits; search_traces() lists them."
            )
            raise SpantreeException(msg, RESOURCE_DOES_NOT_EXIST)
        return found


def _trace_libraries() -> None:
    """Trace the libraries that SPANTREE_AUTOLOG names."""
    names = os.environ.get("SPANTREE_AUTOLOG", "")
    for name in filter(None, (part.strip() for part in names.split(","))):
        from spantree.integrations import autolog

        try:
            autolog(name)
        except SpantreeException as error:
            warn(f"environment:AUTOLOG:{name}", "SPANTREE_AUTOLOG: %s", error)


RUNTIME = Runtime()


def _first_trace() -> None:
    """Wire the store in; in a notebook, show trees also without ``%load_ext``."""
    with FIRST_USE:
        # Else the writer's thread would, while the program may fork.
        pass
    RECORDER.traces.add_listener(RUNTIME, first=True)
    RECORDER.traces.on_set_aside = RUNTIME.set_aside
    watch_timeouts()
    at_exit(RUNTIME.close)
    shell = _kernel_shell()
    if shell is not None and os.environ.get("SPANTREE_AUTOLOAD") != "0":
        from spantree.notebook import activate

        activate(shell, RUNTIME)


def _draw_span(span: Span) -> dict[str, object]:
    from spantree.render import span_bundle

    return span_bundle(span, key=os.urandom(8).hex())


def _kernel_shell() -> InteractiveShell | None:
    """Give the shell of a Jupyter kernel, if this process is one."""
    if "ipykernel" not in sys.modules:
        return None
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    return shell if shell is not None and hasattr(shell, "kernel") else None


RECORDER.traces.on_first_trace = _first_trace
SHELF.is_open = True
RECORDER.experiment_id = _UNDECIDED
apply_environment()
RENDERERS.trace = RUNTIME
RENDERERS.span = _draw_span
_trace_libraries()


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register magics and the display of trees; called by ``%load_ext spantree``."""
    from spantree.notebook import load

    load(shell, RUNTIME)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Remove all that :func:`load_ipython_extension` registered."""
    from spantree.notebook import unload

    unload(shell)
