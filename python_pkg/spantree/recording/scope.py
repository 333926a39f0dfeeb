"""What roots begun in a block are given: tags, session, request; or that it is off."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from spantree.entities.live_span import NoOpSpan
from spantree.entities.trace_fields import SESSION, USER
from spantree.recording.blocks import EntersAsync
from spantree.recording.context import CURRENT
from spantree.recording.given import pairs_of, switch_of, text_of
from spantree.recording.guard import guard

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from spantree.entities.live_span import LiveSpan


class Scope:
    """What holds for the roots begun inside; immutable.

    Attributes:
        outer: What holds around the block.
        tags: Their tags, by key.
        metadata: Their metadata, session and user among it.
        client_request_id: The caller's own id of the request, or None.
    """

    __slots__ = ("client_request_id", "metadata", "outer", "tags")

    def __init__(
        self,
        outer: Scope | None,
        tags: dict[str, object],
        metadata: dict[str, object],
        client_request_id: str | None,
    ) -> None:
        self.outer = outer
        self.tags = tags
        self.metadata = metadata
        self.client_request_id = client_request_id


# The experiment of roots begun in this context; None leaves it to the recorder.
EXPERIMENT: ContextVar[str | None] = ContextVar("spantree_experiment", default=None)
SCOPE: ContextVar[Scope | None] = ContextVar("spantree_scope", default=None)


class _Block(EntersAsync):
    """A block of code and what holds in it; see :class:`context`."""

    __slots__ = (
        "_above",
        "_enabled",
        "_metadata",
        "_node",
        "_outer",
        "_request_id",
        "_scope",
        "_tags",
    )

    _above: LiveSpan | None
    _enabled: bool | None
    _metadata: dict[str, object]
    _node: LiveSpan | None
    _outer: Scope | None
    _request_id: str | None
    _scope: Scope | None
    _tags: dict[str, object]

    def __enter__(self) -> None:
        """Begin the block."""
        with guard("context"):
            self._outer = outer = SCOPE.get()
            self._scope = Scope(
                outer,
                {**(outer.tags if outer else {}), **self._tags},
                {**(outer.metadata if outer else {}), **self._metadata},
                self._request_id or (outer.client_request_id if outer else None),
            )
            SCOPE.set(self._scope)
            if self._enabled is not None:
                self._above = above = CURRENT.get()
                self._node = _recorded(above) if self._enabled else _silent(above)
                CURRENT.set(self._node)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        stack: TracebackType | None,
    ) -> None:
        """End the block; exceptions go on."""
        del kind, error, stack
        self._leave()
        self.__class__ = _Block

    def _leave(self) -> None:
        # By value, and only where we are: the block may end in another task. A block
        # inside may not have ended, for the same reason as in `__del__`.
        scope = SCOPE.get()
        while scope is not None and scope is not self._scope:
            scope = scope.outer
        if scope is not None:
            SCOPE.set(self._outer)
        if self._enabled is not None:
            span = CURRENT.get()
            while span is not None and span is not self._node:
                span = span.above
            if span is self._node and (span is not None or CURRENT.get() is None):
                CURRENT.set(self._above)


class context(_Block):  # noqa: N801 - MLflow's name, read as a statement
    """Give every root begun in the block tags, metadata, a session and a user.

    Nested blocks add up; the inner one wins key by key.

    Args:
        metadata: Text by key; a None among the values is skipped.
        tags: The same.
        enabled: False records nothing inside; True records again within such a block.
        session_id: The conversation the traces belong to.
        user: The user the program serves.
        client_request_id: The caller's own id of the request.

    Example:
        >>> import spantree
        >>> with spantree.tracing.context(session_id="s-1"):
        ...     with spantree.start_span("chat"):
        ...         pass
    """

    __slots__ = ()

    def __init__(
        self,
        metadata: Mapping[str, object] | None = None,
        tags: Mapping[str, object] | None = None,
        enabled: bool | None = None,
        session_id: str | None = None,
        user: str | None = None,
        *,
        client_request_id: str | None = None,
    ) -> None:
        self._tags = _given(tags)
        self._metadata = {
            **_given(metadata),
            **_given({SESSION: session_id, USER: user}),
        }
        self._request_id = (
            None if client_request_id is None else text_of(client_request_id)
        )
        self._enabled = switch_of(enabled)
        self._outer = None
        self._scope = None
        self._above = None
        self._node = None

    def __del__(self) -> None:
        # As for `start_span`: an interrupt may keep `__exit__` from running.
        self._leave()


def _given(values: Mapping[str, object] | None) -> dict[str, object]:
    return {text_of(k): v for k, v in pairs_of(values) if v is not None}


def _silent(above: LiveSpan | None) -> LiveSpan:
    node = NoOpSpan()
    node.above = above
    return node


def _recorded(span: LiveSpan | None) -> LiveSpan | None:
    """Give the nearest node at or above that records, or None for a new root."""
    while isinstance(span, NoOpSpan):
        span = span.above
    return span
