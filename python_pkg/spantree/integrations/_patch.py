"""Replaces methods of a library's classes, once each, now or when they are imported.

A replaced method stays replaced for the life of the process; what it does depends on
a switch that it reads first. Enabling imports nothing.
"""

from __future__ import annotations

import inspect
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import wraps
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from spantree.recording import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from spantree.integrations._call import Call

    Method: TypeAlias = Callable[..., Any]

MARK = "__spantree_hook__"
# Looking for the caller, `warnings` passes over files with these two words in their
# names: a warning of the library names the user's line, not ours.
_OUT_OF_WARNINGS = f"{__file__}#importlib._bootstrap"
_MAX_WRAPPERS = 20  # a chain of wrappers could be a ring
_apply_lock = threading.Lock()


class HookState(str, Enum):
    """What has become of a hook."""

    APPLIED = "applied"
    MISSING = "missing"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Hook:
    """One method of one class that is replaced.

    Args:
        modules: Where the class lives; versions of a library differ, any will do.
        owner: The class's name.
        method: The method's name.
        wrap: Original method → the one that takes its place.
        is_optional: Whether some supported versions lack it.
    """

    modules: tuple[str, ...]
    owner: str
    method: str
    wrap: Callable[[Method], Method]
    is_optional: bool = False

    @property
    def name(self) -> str:
        """The hook as people read it, without the library's name."""
        place = self.modules[0].partition(".")[2]
        return f"{place}.{self.owner}.{self.method}"

    def apply(self) -> HookState:
        """Replace the method wherever its class has been imported."""
        loaded = [sys.modules[name] for name in self.modules if name in sys.modules]
        with _apply_lock:
            found = [self._apply_in(module) for module in loaded]
        if any(found):
            return HookState.APPLIED
        return HookState.MISSING if loaded else HookState.WAITING

    def _apply_in(self, module: ModuleType) -> bool:
        owner = vars(module).get(self.owner)
        original: Any = getattr(owner, "__dict__", {}).get(self.method)
        if not callable(original):
            return False
        if not is_hooked(original):
            replacement: Any = self.wrap(original)
            setattr(replacement, MARK, True)
            code = replacement.__code__.replace(co_filename=_OUT_OF_WARNINGS)
            replacement.__code__ = code
            setattr(owner, self.method, replacement)
        return True


def is_hooked(method: object) -> bool:
    """Whether a method is one of ours, or somebody else's around one of ours."""
    for _ in range(_MAX_WRAPPERS):
        if getattr(method, MARK, False) is True:
            return True
        method = getattr(method, "__wrapped__", None)
    return False


class Tracer(Protocol):
    """What a replaced method asks."""

    @property
    def on(self) -> bool:
        """Whether calls are traced at all."""

    def prepare(self, keywords: dict[str, Any]) -> None:
        """Change the call's own copy of its keywords before it is made."""

    def begin(
        self, target: object, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Call | None:
        """Begin the span of a call; None where nothing is to be recorded."""

    def finish(self, call: Call, result: object) -> None:
        """Take note of what the call returned."""


def around(tracer: Tracer) -> Callable[[Method], Method]:
    """Make the wrap of a hook that traces calls.

    Args:
        tracer: Begins and finishes the calls.

    Returns:
        Original method → replacement of the same kind: ``async def`` for an
        ``async def``, and a plain function where a decorator hides one.
    """

    def wrap(original: Method) -> Method:
        if inspect.iscoroutinefunction(original):
            return _around_coroutine_function(original, tracer)
        if inspect.iscoroutinefunction(inspect.unwrap(original)):
            return _around_awaitable(original, tracer)
        return _around_function(original, tracer)

    return wrap


def _around_function(original: Method, tracer: Tracer) -> Method:
    @wraps(original)
    def traced(self: object, *arguments: Any, **keywords: Any) -> Any:
        if not tracer.on:
            return original(self, *arguments, **keywords)
        tracer.prepare(keywords)
        call = tracer.begin(self, arguments, keywords)
        if call is None:
            return original(self, *arguments, **keywords)
        try:
            result = original(self, *arguments, **keywords)
        except BaseException as error:
            call.fail(error)
            raise
        tracer.finish(call, result)
        return result

    return traced


def _around_coroutine_function(original: Method, tracer: Tracer) -> Method:
    @wraps(original)
    async def traced(self: object, *arguments: Any, **keywords: Any) -> Any:
        if not tracer.on:
            return await original(self, *arguments, **keywords)
        tracer.prepare(keywords)
        call = tracer.begin(self, arguments, keywords)
        if call is None:
            return await original(self, *arguments, **keywords)
        try:
            result = await original(self, *arguments, **keywords)
        except BaseException as error:
            call.fail(error)
            raise
        tracer.finish(call, result)
        return result

    return traced


class _Made:
    """Holds a coroutine that was made and isn't awaited yet.

    Closing it prevents Python's warning that it never was awaited; the coroutine that
    the user holds has that warning for itself.
    """

    __slots__ = ("coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.coroutine = coroutine

    def __del__(self) -> None:
        """Close the coroutine."""
        self.coroutine.close()


def _around_awaitable(original: Method, tracer: Tracer) -> Method:
    """Replace a plain function that returns a coroutine.

    It is called at once, since it refuses wrong arguments at once; its span begins
    when it is awaited, since only then the request is made.
    """

    @wraps(original)
    def traced(self: object, *arguments: Any, **keywords: Any) -> Any:
        if not tracer.on:
            return original(self, *arguments, **keywords)
        tracer.prepare(keywords)
        pending = original(self, *arguments, **keywords)
        if not inspect.iscoroutine(pending):
            return pending
        awaited: Any = wait(_Made(pending), self, arguments, keywords)
        name_of: Any = pending
        awaited.__name__, awaited.__qualname__ = name_of.__name__, name_of.__qualname__
        return awaited

    async def wait(
        made: _Made,
        target: object,
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
    ) -> Any:
        call = tracer.begin(target, arguments, keywords)
        if call is None:
            return await made.coroutine
        try:
            result = await made.coroutine
        except BaseException as error:
            call.fail(error)
            raise
        tracer.finish(call, result)
        return result

    return traced


class _ImportWatcher(MetaPathFinder):
    """Tells when a module has been imported or reloaded.

    It finds modules by asking the other finders and changes neither ``__spec__`` nor
    ``__loader__``: only the loader's ``exec_module`` is replaced, for one execution.
    """

    def __init__(self) -> None:
        self._callbacks: dict[str, Callable[[], None]] = {}
        self._lock = threading.Lock()
        self._asking = threading.local()

    def watch(self, names: Iterable[str], callback: Callable[[], None]) -> None:
        """Call back after each execution of one of the modules."""
        with self._lock:
            self._callbacks |= dict.fromkeys(names, callback)
            if self not in sys.meta_path:
                sys.meta_path.insert(0, self)

    def unwatch(self, names: Iterable[str]) -> None:
        """Stop calling back; leave ``sys.meta_path`` when nothing is watched."""
        with self._lock:
            for name in names:
                self._callbacks.pop(name, None)
            if not self._callbacks and self in sys.meta_path:
                sys.meta_path.remove(self)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Find a watched module as the other finders do."""
        callback = self._callbacks.get(fullname)
        if callback is None or getattr(self._asking, "name", None) == fullname:
            return None
        self._asking.name = fullname
        try:
            spec = _find_elsewhere(self, fullname, path, target)
        finally:
            self._asking.name = None
        if spec is not None:
            with guard("import_hook"):
                _call_after_execution(spec, callback)
        return spec


def _find_elsewhere(
    watcher: MetaPathFinder,
    fullname: str,
    path: Sequence[str] | None,
    target: ModuleType | None,
) -> ModuleSpec | None:
    for finder in list(sys.meta_path):
        find = None if finder is watcher else getattr(finder, "find_spec", None)
        spec: ModuleSpec | None = find(fullname, path, target) if find else None
        if spec is not None:
            return spec
    return None


def _call_after_execution(spec: ModuleSpec, callback: Callable[[], None]) -> None:
    loader: Any = spec.loader
    execute = getattr(loader, "exec_module", None)
    # A loader that is a class serves every module of its kind.
    if execute is None or isinstance(loader, type):
        return

    def exec_module(module: ModuleType) -> None:
        if getattr(module.__spec__, "name", None) != spec.name:
            execute(module)
            return
        with suppress(AttributeError):
            del loader.exec_module
        execute(module)
        with guard("import_hook"):
            callback()

    with suppress(AttributeError, TypeError):
        loader.exec_module = exec_module


WATCHER = _ImportWatcher()
