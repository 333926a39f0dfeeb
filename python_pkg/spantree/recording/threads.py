"""Carries the current span into threads, one copy of the context per task."""

from __future__ import annotations

import concurrent.futures
import functools
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_P = ParamSpec("_P")
_R = TypeVar("_R")


def propagate(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Make a function run below the span that is current now.

    Each call runs in its own copy of the context, so any number of calls may overlap.

    Args:
        function: What a thread, an executor or ``run_in_executor`` will call.

    Returns:
        A function of the same signature.

    Example:
        >>> import threading, spantree
        >>> with spantree.start_span("root"):
        ...     thread = threading.Thread(target=spantree.propagate(print))
        ...     thread.start(); thread.join()
        <BLANKLINE>
    """
    context = copy_context()

    @functools.wraps(function)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        return context.copy().run(function, *args, **kwargs)

    return run


class ThreadPoolExecutor(concurrent.futures.ThreadPoolExecutor):
    """The standard executor, whose tasks run below the span of whoever submits them."""

    def submit(
        self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> concurrent.futures.Future[Any]:
        """Submit a task in a copy of the caller's context."""
        return super().submit(copy_context().run, fn, *args, **kwargs)

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        **options: Any,
    ) -> Iterator[Any]:
        """Map over the items, each in its own copy of the caller's context."""
        # The standard `map` goes through `submit`, one task an item.
        return super().map(
            fn, *iterables, timeout=timeout, chunksize=chunksize, **options
        )
