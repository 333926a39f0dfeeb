"""The open spans of a framework that reports its steps by ids of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree.recording import (
    LiveSpan,
    NoOpSpan,
    get_current_active_span,
    start_span_no_context,
)
from spantree.recording.context import CURRENT, leave

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantree.integrations._integration import Integration


class Runs:
    """Finds the span of a framework's step by the framework's id of it.

    A step's span is current from its beginning to its end, so that what the step
    calls nests below, whoever traces that.

    Args:
        integration: The framework's; counts the spans and names them as its own.
    """

    __slots__ = ("_integration", "_joined", "_open")

    def __init__(self, integration: Integration) -> None:
        self._integration = integration
        self._open: dict[str, LiveSpan] = {}
        self._joined: set[str] = set()

    def begin(
        self,
        key: str,
        parent_key: str | None,
        name: str,
        span_type: str,
        *,
        inputs: object = None,
        attributes: Mapping[str, object] | None = None,
    ) -> LiveSpan | None:
        """Begin a step's span and make it current.

        Args:
            key: The framework's id of the step.
            parent_key: That of the step around it, if it knows one.
            name: The span's name.
            span_type: The span's type.
            inputs: Snapshotted now, unless the user wants none.
            attributes: JSON-able data by name.

        Returns:
            The span, or None where nothing is to be recorded.
        """
        parent = self._parent(parent_key)
        if parent is not None and not parent:
            return None
        integration = self._integration
        library = f"{integration.library} {integration.installed_version()}"
        span = start_span_no_context(
            name,
            span_type,
            parent_span=parent,
            inputs=inputs if integration.options.log_inputs else None,
            attributes={**(attributes or {}), "spantree.autolog": library},
        )
        if not span:
            self.silence(key)  # a root that the sample left out
            return None
        self._make_current(key, span)
        integration.calls += 1
        return span

    def silence(self, key: str) -> None:
        """Record nothing from now on until the step is over."""
        self._make_current(key, NoOpSpan())

    def _make_current(self, key: str, node: LiveSpan) -> None:
        node.above = CURRENT.get()
        CURRENT.set(node)
        self._open[key] = node

    def join(self, key: str, parent_key: str | None, name: str) -> bool:
        """Let a step be part of the one around it, if that has the same name.

        Returns:
            Whether it is; its id stands for the same span until it is taken.
        """
        around = self._open.get(parent_key) if parent_key is not None else None
        if around is None or around.name != name or CURRENT.get() is not around:
            return False
        self._open[key] = around
        self._joined.add(key)
        return True

    def get(self, key: str | None) -> LiveSpan | None:
        """Give the span of a step that is under way, or None."""
        return (self._open.get(key) if key is not None else None) or None

    def take(self, key: str) -> LiveSpan | None:
        """Give the span of a step that is over, and make the one above current."""
        node = self._open.pop(key, None)
        if key in self._joined:
            self._joined.discard(key)
            return None
        if node is None:
            return None
        leave(node)
        return node or None

    def set_outputs(self, span: LiveSpan, outputs: object) -> None:
        """Set what came out, unless the user wants none."""
        if self._integration.options.log_outputs and outputs is not None:
            span.set_outputs(outputs)

    def end(
        self, key: str, outputs: object = None, error: BaseException | None = None
    ) -> None:
        """End the span of a step, if it has one.

        Args:
            key: The framework's id of the step.
            outputs: What came out.
            error: What was raised instead.
        """
        span = self.take(key)
        if span is None:
            return
        self.set_outputs(span, outputs)
        if error is not None:
            span.record_exception(error)
        span.end()

    def __len__(self) -> int:
        """Count the steps under way."""
        return len(self._open)

    def _parent(self, key: str | None) -> LiveSpan | None:
        current = get_current_active_span()
        known = self._open.get(key) if key is not None else None
        if known is None:
            return current
        # Spans that the user opened inside of the step lie above its own.
        node = CURRENT.get()
        while node is not None:
            if node is known:
                return current
            node = node.above
        return known
