"""The open spans of a framework that reports its steps by ids of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree.integrations._nesting import innermost
from spantree.recording import LiveSpan, NoOpSpan, start_span_no_context
from spantree.recording.context import CURRENT, leave

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from spantree.integrations._integration import Integration


class Runs:
    """Finds the span of a framework's step by the framework's id of it.

    A step's span is current from its beginning to its end, so that what the step
    calls nests below, whoever traces that.

    Args:
        integration: The framework's; counts the spans and names them as its own.
        knows_parents: Whether the framework always says which step a step is part of.
            Those that are begun one after the other, before the first is over, are
            siblings then.
    """

    __slots__ = ("_integration", "_joined", "_knows_parents", "_open", "_own")

    def __init__(
        self, integration: Integration, *, knows_parents: bool = False
    ) -> None:
        self._integration = integration
        self._knows_parents = knows_parents
        self._open: dict[Hashable, LiveSpan] = {}
        self._own: set[int] = set()
        self._joined: set[Hashable] = set()

    def begin(
        self,
        key: Hashable,
        parent_key: Hashable | None,
        name: str,
        span_type: str,
        *,
        inputs: object = None,
        attributes: Mapping[str, object] | None = None,
        is_current: bool = True,
    ) -> LiveSpan | None:
        """Begin a step's span and make it current.

        Args:
            key: The framework's id of the step.
            parent_key: That of the step around it, if it knows one.
            name: The span's name.
            span_type: The span's type.
            inputs: Snapshotted now, unless the user wants none.
            attributes: JSON-able data by name.
            is_current: False where the step runs in the context of its consumer.

        Returns:
            The span, or None where nothing is to be recorded.
        """
        known = self._open.get(parent_key) if parent_key is not None else None
        parent = self._around(known) if self._knows_parents else innermost(known)
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
        self._make_current(key, span, is_current=is_current)
        integration.calls += 1
        return span

    def silence(self, key: Hashable) -> None:
        """Record nothing from now on until the step is over."""
        self._make_current(key, NoOpSpan())

    def _make_current(
        self, key: Hashable, node: LiveSpan, *, is_current: bool = True
    ) -> None:
        node.above = CURRENT.get()
        if is_current:
            CURRENT.set(node)
        self._open[key] = node
        self._own.add(id(node))

    def pass_over(self, key: Hashable, parent_key: Hashable | None) -> None:
        """Record nothing of a step; what it calls is part of the step around it."""
        around = self._open.get(parent_key) if parent_key is not None else None
        if around is not None:
            self._open[key] = around
            self._joined.add(key)

    def leave(self, key: Hashable) -> None:
        """Make the span above current: a step goes on that calls nothing more."""
        node = self._open.get(key)
        if node is not None and key not in self._joined and CURRENT.get() is node:
            CURRENT.set(node.above)

    def join(self, key: Hashable, parent_key: Hashable | None, name: str) -> bool:
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

    def get(self, key: Hashable | None) -> LiveSpan | None:
        """Give the span of a step that is under way, or None."""
        return (self._open.get(key) if key is not None else None) or None

    def take(self, key: Hashable) -> LiveSpan | None:
        """Give the span of a step that is over, and make the one above current."""
        node = self._open.pop(key, None)
        if key in self._joined:
            self._joined.discard(key)
            return None
        if node is None:
            return None
        self._own.discard(id(node))
        leave(node)
        return node or None

    def set_outputs(self, span: LiveSpan, outputs: object) -> None:
        """Set what came out, unless the user wants none."""
        if self._integration.options.log_outputs and outputs is not None:
            span.set_outputs(outputs)

    def end(
        self, key: Hashable, outputs: object = None, error: BaseException | None = None
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

    def below(self, span: LiveSpan) -> list[Hashable]:
        """Give the steps under way whose spans are children of a span."""
        return [
            key
            for key, node in list(self._open.items())
            if node.parent_key == span.span_key and key not in self._joined
        ]

    def __len__(self) -> int:
        """Count the steps under way."""
        return len(self._open)

    def _around(self, known: LiveSpan | None) -> LiveSpan | None:
        """Give the step around, or what the user opened inside of it."""
        # A current span of another step says nothing: it may be a sibling.
        inside: LiveSpan | None = None
        node = CURRENT.get()
        while node is not None and node is not known:
            if inside is None and id(node) not in self._own and not node.end_time_ns:
                inside = node
            node = node.above
        is_inside = node is known  # and if there is none, all the way up
        return inside if inside is not None and is_inside else known
