"""Takes in whatever is instrumented with OpenTelemetry, for as long as it is wanted.

Who owns the global tracer provider decides how. Nobody: ours becomes global, and makes
room when the user sets one later. The user: their provider, its sampler and its
exporters stay as they are; we listen to it, and repeat our spans to it, so that its
trees are whole.

``_TRACER_PROVIDER`` and ``_TRACER_PROVIDER_SET_ONCE`` are private to
opentelemetry.trace; seen in 1.45.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from opentelemetry import trace
from opentelemetry.util._once import Once

from spantree.integrations import _otel_context
from spantree.integrations._otel_listener import Listener
from spantree.integrations._otel_mirror import Mirror
from spantree.integrations._otel_provider import SpantreeTracerProvider
from spantree.recording import RECORDER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spantree.integrations._otel_provider import Switch
    from spantree.recording import LiveTrace

Mode: TypeAlias = Literal["own", "mirror", "listen", "context"]
Wanted: TypeAlias = Literal["auto", "mirror", "listen", "context"]
_USER = "otel"


class Installation:
    """The bridge while it is installed.

    Args:
        switch: Who it records for.
        covered: Gives the libraries that we trace ourselves at the moment.

    Attributes:
        mode: How it takes part, or None while it doesn't.
    """

    def __init__(self, switch: Switch, covered: Callable[[], Sequence[str]]) -> None:
        self.mode: Mode | None = None
        self._switch = switch
        self._repeats = True
        self._mirror = Mirror()
        self._listener = Listener(switch, covered, self._mirror)
        self._heard: weakref.WeakSet[Any] = weakref.WeakSet()
        self._provider = SpantreeTracerProvider(
            switch, only_models=True, covered=covered
        )
        self._provider.successor = self._successor
        _otel_context.FINDERS.append(self._listener.find)

    def install(self, mode: Wanted = "auto") -> Mode:
        """Take part, in the way that suits the provider there is."""
        self._switch.on = True
        self._repeats = mode != "listen"
        RECORDER.traces.remove_listener(self)
        RECORDER.traces.add_listener(self)
        if mode == "context":
            self.mode = "context"
            self._mirror.end()
            _otel_context.follow(_USER)
        elif self._users_provider() is None:
            self.mode = "own"
            _otel_context.follow(_USER)
            self._set_global(self._provider)
        else:
            self._listen()
        assert self.mode is not None  # noqa: S101 - set in each case
        return self.mode

    def uninstall(self) -> None:
        """Leave everything as it was; spans under way are finished."""
        self._switch.on = False
        self.mode = None
        RECORDER.traces.remove_listener(self)
        self._mirror.end()
        if trace._TRACER_PROVIDER is self._provider:  # noqa: SLF001
            self._set_global(None)
        _otel_context.unfollow(_USER)

    def _users_provider(self) -> trace.TracerProvider | None:
        known = trace._TRACER_PROVIDER  # noqa: SLF001
        return None if known is self._provider else known

    @staticmethod
    def _set_global(provider: SpantreeTracerProvider | None) -> None:
        # Set once only, else: the user's own call, later, would be refused.
        trace._TRACER_PROVIDER = provider  # noqa: SLF001
        trace._TRACER_PROVIDER_SET_ONCE = Once()  # noqa: SLF001

    # Listener: what the recorder announces.

    def trace_started(self, trace: LiveTrace) -> None:
        """Repeat a root, also to a provider that was set since."""
        self._successor()
        self._mirror.begin_root(trace)

    def trace_ended(self, trace: LiveTrace) -> None:
        """Nothing: each span was repeated when it ended."""

    def trace_changed(self, trace: LiveTrace) -> None:
        """Nothing, for the same reason."""

    def _listen(self) -> None:
        provider: Any = self._users_provider()
        if not self._repeats:
            self._mirror.end()
        is_mirror = self._repeats and self._mirror.begin(provider)
        self.mode = "mirror" if is_mirror else "listen"
        # Without: ours are nothing that their backend knows, so their spans keep their
        # own parents.
        _otel_context.follow(_USER, shows_ours=is_mirror)
        if provider not in self._heard:
            add = getattr(provider, "add_span_processor", None)
            if add is not None:
                add(self._listener)
                self._heard.add(provider)

    def _successor(self) -> trace.TracerProvider | None:
        """Give the provider that the user has set after ours, if there is one."""
        provider = self._users_provider()
        if provider is not None and self.mode == "own":
            self._listen()
        return provider
