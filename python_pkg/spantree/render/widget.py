"""The viewer as a widget: for VS Code, Colab and marimo, and to read a selection.

Nothing imports this module until a widget is asked for; it needs anywidget.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from spantree.render.budget import FULL, LEAN, Budget
from spantree.render.bundle import mime_bundle
from spantree.render.payload import build_output

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spantree.entities.span import Span
    from spantree.entities.trace import Trace

_STATIC = Path(__file__).resolve().parent.parent / "static"
_NOT_BUILT = """
export default {
  render({ el }) {
    el.textContent = "This copy of spantree was built without its viewer.";
  },
};
"""


def _asset(name: str, otherwise: str) -> Path | str:
    path = _STATIC / name
    return path if path.is_file() else otherwise


class TraceWidget(anywidget.AnyWidget):  # type: ignore[misc]
    """Traces as a live tree.

    One widget draws any number of traces: its module travels once per instance.

    Args:
        traces: The traces, by start time.
        key: 16 hex digits that name the output; made from the trace ids if left out.
        budget: What the payload may take; a widget's state is not saved by default, so
            up to 1 MB.
        height: Pixels; 0 lets the view choose.
        answer: Answers the view's requests for what the payload leaves out: takes
            ``{id, op, …}``, gives JSON data and buffers. Without it the view says what
            is missing.
        options: ``mode``, ``depth``, ``open_errors``, ``total``, ``live`` and ``rev``
            of :func:`spantree.render.build_output`.
    """

    _esm = _asset("widget.js", _NOT_BUILT)
    _css = _asset("widget.css", "")

    payload = traitlets.Dict().tag(sync=True)
    """What the viewer draws."""

    selected = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """Ids of the spans selected in the view, 16 hex digits each; observable."""

    selected_span_id = traitlets.Unicode("").tag(sync=True)
    """Id of the selected span, empty while none is; set it to select one."""

    filter = traitlets.Unicode("").tag(sync=True)
    """Text looked for in names, types, models, errors and values."""

    expanded = traitlets.List(
        traitlets.Unicode(), default_value=None, allow_none=True
    ).tag(sync=True)
    """Ids of the spans whose children are drawn; None until someone opens or closes."""

    linked = traitlets.Bool(False).tag(sync=True)
    """Whether the view may ask for what the payload leaves out."""

    height = traitlets.Int(0).tag(sync=True)
    """Pixels; 0 lets the view choose."""

    def __init__(
        self,
        traces: Sequence[Trace] = (),
        *,
        key: str | None = None,
        budget: Budget = FULL,
        height: int = 0,
        answer: Callable[[object], tuple[dict[str, object], list[bytes]]] | None = None,
        **options: Any,
    ) -> None:
        self._traces = list(traces)
        self._options = {**options, "key": key or _key_of(self._traces)}
        payload = build_output(self._traces, budget=budget, **self._options)
        super().__init__(payload=payload, height=height, linked=answer is not None)
        if answer is not None:

            def received(_: object, content: object, __: object) -> None:
                reply, buffers = answer(content)
                self.send(reply, buffers)

            self.on_msg(received)

    @property
    def selected_span(self) -> Span | None:
        """The selected span, or None."""
        for trace in self._traces:
            for span in trace.data.spans:
                if span.span_id == self.selected_span_id:
                    return span
        return None

    def _repr_mimebundle_(
        self,
        **_: object,
    ) -> tuple[dict[str, object], dict[str, object]]:
        """Give the widget's view and, for hosts without it, our three types."""
        bundle = mime_bundle(self._traces, budget=LEAN, **self._options)
        drawn = super()._repr_mimebundle_()
        if drawn is None:
            return bundle, {}
        view, metadata = drawn
        return {**view, **bundle}, metadata


def _key_of(traces: Sequence[Trace]) -> str:
    ids = "".join(trace.trace_id for trace in traces)
    return hashlib.sha256(ids.encode()).hexdigest()[:16]
