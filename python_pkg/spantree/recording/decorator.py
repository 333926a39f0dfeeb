"""``@trace``: a span for every call of a function."""

from __future__ import annotations

import functools
import inspect
import sys
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from spantree.entities.span import FUNCTION_NAME, SpanType
from spantree.entities.values import SharedValues
from spantree.recording.compile import is_generator_function, same_signature_wrapper
from spantree.recording.given import is_a, pairs_of, switch_of, text_of
from spantree.recording.guard import swallow, warn
from spantree.recording.recorder import RECORDER
from spantree.recording.routes import warn_if_routed
from spantree.recording.site import make_site

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType

    from spantree.entities.span import Link, SpanLogLevel
    from spantree.recording.site import Site
    from spantree.recording.streams import Reducer

# Of a function's whole type: a ParamSpec would lose overloads and generics.
_F = TypeVar("_F", bound="Callable[..., Any]")


@overload
def trace(
    func: _F,
    name: str | None = None,
    span_type: str = SpanType.UNKNOWN,
    attributes: Mapping[str, object] | None = None,
    output_reducer: Reducer | None = None,
    trace_destination: object = None,
    sampling_ratio_override: float | None = None,
    log_level: SpanLogLevel | str | None = None,
    links: Sequence[Link] | None = None,
    description: str | None = None,
    *,
    capture_inputs: bool | None = None,
    capture_outputs: bool | None = None,
) -> _F: ...


@overload
def trace(
    func: str | None = None,
    name: str | None = None,
    span_type: str = SpanType.UNKNOWN,
    attributes: Mapping[str, object] | None = None,
    output_reducer: Reducer | None = None,
    trace_destination: object = None,
    sampling_ratio_override: float | None = None,
    log_level: SpanLogLevel | str | None = None,
    links: Sequence[Link] | None = None,
    description: str | None = None,
    *,
    capture_inputs: bool | None = None,
    capture_outputs: bool | None = None,
) -> Callable[[_F], _F]: ...


def trace(
    func: Any = None,
    name: str | None = None,
    span_type: str = SpanType.UNKNOWN,
    attributes: Mapping[str, object] | None = None,
    output_reducer: Reducer | None = None,
    trace_destination: object = None,
    sampling_ratio_override: float | None = None,
    log_level: SpanLogLevel | str | None = None,
    links: Sequence[Link] | None = None,
    description: str | None = None,
    *,
    capture_inputs: bool | None = None,
    capture_outputs: bool | None = None,
) -> Any:
    """Record every call of a function as a span.

    Use it bare, with arguments, or as a function: ``trace(math.sqrt)``. Functions,
    coroutine functions, generators, async generators, methods, partials and callable
    objects keep their kind, name and signature. Inputs are the arguments, outputs what
    is returned; an exception marks the span as failed and goes on unchanged.

    Args:
        func: The function; a text in its place is the name.
        name: The spans' name; the function's own when left out.
        span_type: One of :class:`spantree.entities.SpanType` or any text.
        attributes: JSON-able data by name, set on every span.
        output_reducer: For generators: makes the outputs from the list of items.
        trace_destination: The experiment that roots begun here belong to.
        sampling_ratio_override: The share of roots begun here to record, 0 to 1.
        log_level: A :class:`spantree.entities.SpanLogLevel` or its name.
        links: Pointers to other spans, given to every span.
        description: What the spans are about.
        capture_inputs: False records no arguments; None does as configured, which is
            to record them.
        capture_outputs: The same for results.

    Returns:
        What was decorated, traced.

    Example:
        >>> @trace(span_type="TOOL")
        ... def add(a, b=1):
        ...     return a + b
        >>> add(1)
        2
    """
    if is_a(func, str):
        name, func = func, None

    def traced(function: _F) -> _F:
        own_name = _name_of(function)
        site = make_site(
            (text_of(name) if is_a(name, str) else None) or own_name,
            span_type,
            attributes={
                FUNCTION_NAME: own_name,
                **dict(pairs_of(attributes)),
            },
            links=links,
            description=description,
            log_level=log_level,
            destination=trace_destination,
            sampling_ratio=sampling_ratio_override,
        )
        site.attributes = SharedValues(site.attributes)
        return _Decoration(
            site,
            output_reducer,
            keeps_inputs=switch_of(capture_inputs),
            keeps_outputs=switch_of(capture_outputs),
        ).apply(function)

    def decorate(function: _F, frame: FrameType | None = None) -> _F:
        warn_if_routed(function, frame or sys._getframe(1))  # noqa: SLF001 - the decorating frame
        try:
            return traced(function)
        except BaseException as error:  # noqa: BLE001 - ours: the function is left as it is
            swallow("trace", error)
            return function

    return decorate if func is None else decorate(func, sys._getframe(1))  # noqa: SLF001


class _Decoration:
    """Applies one ``@trace`` to whatever kind of callable it stands above."""

    def __init__(
        self,
        site: Site,
        reducer: Reducer | None,
        *,
        keeps_inputs: bool | None,
        keeps_outputs: bool | None,
    ) -> None:
        self._site = site
        self._reducer = reducer
        self._keeps_inputs = keeps_inputs
        self._keeps_outputs = keeps_outputs

    def apply(self, function: _F) -> _F:
        """Give the traced form, of the same kind as what was given."""
        return cast("_F", self._apply(function))

    def _apply(self, given: Any) -> object:
        if isinstance(given, (staticmethod, classmethod)):
            return type(given)(self.apply(given.__func__))
        if isinstance(given, property):
            return given if given.fget is None else given.getter(self.apply(given.fget))
        if isinstance(given, functools.partial):
            made = functools.partial(
                self.apply(given.func), *given.args, **given.keywords
            )
            made.__dict__.update(given.__dict__)
            return made
        if inspect.isclass(given) or not callable(given):
            _refuse(given)
            return given
        if self._reducer is not None and not is_generator_function(given):
            warn("reducer", "output_reducer needs a generator function; ignored.")
        return same_signature_wrapper(
            given,
            RECORDER,
            self._site,
            self._reducer,
            keeps_inputs=self._keeps_inputs,
            keeps_outputs=self._keeps_outputs,
        )


def _name_of(function: object) -> str:
    if isinstance(function, (staticmethod, classmethod)):
        return _name_of(function.__func__)
    if isinstance(function, property):
        return _name_of(function.fget)
    if isinstance(function, functools.partial):
        return _name_of(function.func)
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) else type(function).__name__


def _refuse(given: object) -> None:
    what = (
        f"the class {given.__name__} (decorate its methods)"
        if inspect.isclass(given)
        else f"a {type(given).__name__}"
    )
    warn(
        "not_a_function",
        "@trace expects a function, not %s; it is left as it is.",
        what,
    )
