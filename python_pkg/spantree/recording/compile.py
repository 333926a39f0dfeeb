"""Wrappers with the wrapped function's own signature.

Binding arguments with ``inspect.signature`` costs 4 to 17 µs a call; the interpreter
does it for nothing if the wrapper has the same parameters. So each kind of parameter
list is compiled once, and each function gets a function object of that code with its
own globals, defaults and name. A wrong argument then raises the same TypeError at the
call, and ``inspect`` sees the same kind of function.
"""

from __future__ import annotations

import functools
import inspect
import types
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from spantree.recording.context import CURRENT, leave_to
from spantree.recording.coroutines import follow
from spantree.recording.guard import WRAPPER_FILE
from spantree.recording.streams import as_thrown, first_step, open_stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantree.recording.recorder import Recorder
    from spantree.recording.site import Site
    from spantree.recording.streams import Reducer

_LRU_CACHE_TYPE = type(functools.lru_cache(lambda: None))
_LRU_CACHE_ATTRIBUTES = ("cache_info", "cache_clear", "cache_parameters")

_KIND_PLAIN = "plain"
_KIND_COROUTINE = "coroutine"
_KIND_GENERATOR = "generator"
_KIND_ASYNC_GENERATOR = "async generator"

_F = TypeVar("_F", bound="Callable[..., object]")

# The wrapper runs with the wrapped function's globals, where `type` may mean something
# else: whatever a template names is a variable of the function around it.
_HEAD = """\
def make({names}):
"""
_TAIL = """\
    return wrapper
"""
# `_st_fail` is called once more if it raises, and what it should have made current is
# made so: an interrupt may arrive as it begins, or the stack run out.
_CALL = """\
    {define} wrapper({parameters}):
        if not _st_recorder.enabled:
            return {wait}_st_function({call})
        _st_span = _st_begin(_st_site, {inputs})
        try:
            _st_result = {wait}_st_function({call})
{follow}            _st_end(_st_span, {outputs})
        except _st_exception as _st_error:
            try:
                _st_fail(_st_span, _st_error)
            except _st_exception:
                _st_fail(_st_span, _st_error)
                raise
            finally:
                if _st_current() is _st_span:
                    _st_set_current(_st_span.above)
            raise
        return _st_result
"""
_FOLLOW = """\
            if _st_type(_st_result) is _st_coroutine:
                return _st_follow(_st_span, _st_result)
"""
# The loops are written out here, not called: each frame between consumer and body
# costs 0.1 µs an item, a level of recursion, and a line in every traceback. They are
# no `yield from`, which turns a thrown GeneratorExit into a close. `next` is the one
# way to resume a generator that costs no level of recursion of its own on 3.11.
# `_st_inner` is what the body has current: its span, or a block that it is inside of.
_GENERATOR = """\
    def wrapper({parameters}):
        _st_stream = _st_open({inputs})
        _st_add = _st_stream.add
        _st_span = _st_inner = _st_stream.span
        _st_above = None
        try:
            _st_body = _st_function({call})
            _st_resume = _st_value = None
            while True:
                if _st_span is not None:
                    _st_above = _st_current()
                    _st_set_current(_st_inner)
                try:
                    if _st_resume is None:
                        _st_item = _st_next(_st_body)
                    else:
                        _st_item = _st_resume(_st_value)
                except _st_stop as _st_error:
                    _st_value = _st_error.value
                    break
                if _st_span is not None:
                    _st_inner = _st_current()
                    _st_set_current(_st_above)
                    _st_add(_st_item)
                try:
                    _st_value = None
                    _st_value = yield {item}
                    _st_resume = None if _st_value is None else _st_body.send
                except _st_exception as _st_error:
                    _st_value = _st_as_thrown(_st_error)
                    _st_resume = _st_body.throw
            _st_leave(_st_span, _st_above)
            _st_stream.exhausted(_st_value)
            return _st_value
{stop}"""
_ASYNC_GENERATOR = """\
    async def wrapper({parameters}):
        _st_stream = _st_open({inputs})
        _st_add = _st_stream.add
        _st_span = _st_inner = _st_stream.span
        _st_above = None
        try:
            _st_body = _st_function({call})
            _st_value = _st_first_step(_st_body)
            while True:
                if _st_span is not None:
                    _st_above = _st_current()
                    _st_set_current(_st_inner)
                try:
                    _st_item = await _st_value
                except _st_stop_async:
                    break
                if _st_span is not None:
                    _st_inner = _st_current()
                    _st_set_current(_st_above)
                    _st_add(_st_item)
                try:
                    _st_value = None
                    _st_value = _st_body.asend((yield {item}))
                except _st_exception as _st_error:
                    _st_value = _st_body.athrow(_st_as_thrown(_st_error))
            _st_leave(_st_span, _st_above)
            _st_stream.exhausted(None)
{stop}"""
# `_st_value` may hold the exception, whose traceback holds this frame: no cycles.
_STOP = """\
        except _st_exception as _st_error:
            _st_value = None
            try:
                _st_leave(_st_span, _st_above)
                _st_stream.stopped(_st_error)
            except _st_exception:
                _st_leave(_st_span, _st_above)
                _st_stream.stopped(_st_error)
                raise
            raise
"""
# The item, without a variable that keeps it alive while the consumer has it.
_ITEM = "(_st_item, _st_item := None)[0]"
_SHARED_VARIABLES = {
    "_st_as_thrown": as_thrown,
    "_st_coroutine": types.CoroutineType,
    "_st_current": CURRENT.get,
    "_st_exception": BaseException,
    "_st_first_step": first_step,
    "_st_follow": follow,
    "_st_leave": leave_to,
    "_st_issubclass": issubclass,
    "_st_next": next,
    "_st_set_current": CURRENT.set,
    "_st_stop": StopIteration,
    "_st_stop_async": StopAsyncIteration,
    "_st_type": type,
}
_OWN_VARIABLES = (
    "_st_recorder",
    "_st_begin",
    "_st_end",
    "_st_fail",
    "_st_site",
    "_st_function",
    "_st_open",
)


def same_signature_wrapper(
    function: _F,
    recorder: Recorder,
    site: Site,
    reducer: Reducer | None,
    *,
    keeps_inputs: bool | None = None,
    keeps_outputs: bool | None = None,
) -> _F:
    """Wrap a function of any kind so that each call is a span.

    Args:
        function: A function, coroutine function, generator function, async generator
            function, or any callable; one whose signature can't be told is wrapped
            with ``*args, **kwargs``.
        recorder: Begins and ends the spans.
        site: Their name, type and attributes.
        reducer: Makes a generator's outputs from the list of its items.
        keeps_inputs: Whether to record the arguments; None leaves it to the recorder.
        keeps_outputs: The same for what is returned or yielded.

    Returns:
        A function of the same kind, signature, name and defaults; for a bound method
        and an object with a ``__call__``, a bound method.
    """
    called, bound_to = _unbound(function)
    parameters = _parameters(called)
    make = _compiled(
        tuple((p.name, p.kind, p.default is not p.empty) for p in parameters),
        _kind(called),
        keeps_inputs,
        keeps_outputs,
    )
    shaped = make(
        _st_recorder=recorder,
        _st_begin=recorder.begin,
        _st_end=recorder.end,
        _st_fail=recorder.fail,
        _st_site=site,
        _st_function=called,
        _st_open=functools.partial(open_stream, site, reducer, keeps_outputs),
        **_SHARED_VARIABLES,
    )
    wrapper = types.FunctionType(
        shaped.__code__.replace(
            co_name=site.name,
            co_flags=shaped.__code__.co_flags
            | (_flags(called) & inspect.CO_ITERABLE_COROUTINE),
        ),
        getattr(called, "__globals__", {}),
        closure=shaped.__closure__,
    )
    _set_defaults(wrapper, parameters)
    functools.update_wrapper(wrapper, called)
    if isinstance(called, _LRU_CACHE_TYPE):
        for name in _LRU_CACHE_ATTRIBUTES:
            setattr(wrapper, name, getattr(called, name))
    if bound_to is None:
        return wrapper  # type: ignore[return-value]
    if bound_to is function:
        _look_like(wrapper, bound_to)
    return types.MethodType(wrapper, bound_to)  # type: ignore[return-value]


def is_generator_function(function: Callable[..., object]) -> bool:
    """Tell whether a call gives a generator, asynchronous or not."""
    kind = _kind(_unbound(function)[0])
    return kind in (_KIND_GENERATOR, _KIND_ASYNC_GENERATOR)


def _unbound(
    function: Callable[..., object],
) -> tuple[Callable[..., object], object | None]:
    """Give the Python function behind a callable, and what it is bound to."""
    if isinstance(function, types.MethodType):
        if isinstance(function.__func__, types.FunctionType):
            return function.__func__, function.__self__
    elif not isinstance(function, types.FunctionType):
        call = inspect.getattr_static(type(function), "__call__", None)
        if isinstance(call, types.FunctionType):
            return call, function
    return function, None


def _flags(function: Callable[..., object]) -> int:
    if isinstance(function, types.FunctionType):
        return function.__code__.co_flags
    return 0


def _kind(function: Callable[..., object]) -> str:
    flags = _flags(function)
    if flags & inspect.CO_ASYNC_GENERATOR:
        return _KIND_ASYNC_GENERATOR
    if flags & inspect.CO_GENERATOR:
        return _KIND_GENERATOR
    return _KIND_COROUTINE if flags & inspect.CO_COROUTINE else _KIND_PLAIN


def _parameters(function: Callable[..., object]) -> list[inspect.Parameter]:
    while isinstance(function, _LRU_CACHE_TYPE):
        function = function.__wrapped__
    if isinstance(function, types.FunctionType):
        # Not the `__wrapped__` one's: what counts is what can be passed here.
        if "__signature__" in function.__dict__:
            found = inspect.signature(function, follow_wrapped=False)
            return list(found.parameters.values())
        return _parameters_of_code(function)
    kinds = inspect.Parameter
    return [kinds("args", kinds.VAR_POSITIONAL), kinds("kwargs", kinds.VAR_KEYWORD)]


def _parameters_of_code(function: types.FunctionType) -> list[inspect.Parameter]:
    """Read parameters as `inspect` does, annotations left alone.

    From Python 3.14 on they are evaluated when they are first asked for, and may name
    what is defined later.
    """
    kinds = inspect.Parameter
    code, defaults = function.__code__, function.__defaults__ or ()
    by_name = function.__kwdefaults__ or {}
    names = iter(code.co_varnames)
    found = []
    first_default = code.co_argcount - len(defaults)
    for at, name in enumerate(islice(names, code.co_argcount)):
        is_bare = at < code.co_posonlyargcount
        kind = kinds.POSITIONAL_ONLY if is_bare else kinds.POSITIONAL_OR_KEYWORD
        default = kinds.empty if at < first_default else defaults[at - first_default]
        found.append(kinds(name, kind, default=default))
    by_keyword = [
        kinds(name, kinds.KEYWORD_ONLY, default=by_name.get(name, kinds.empty))
        for name in islice(names, code.co_kwonlyargcount)
    ]
    if code.co_flags & inspect.CO_VARARGS:
        found.append(kinds(next(names), kinds.VAR_POSITIONAL))
    found += by_keyword
    if code.co_flags & inspect.CO_VARKEYWORDS:
        found.append(kinds(next(names), kinds.VAR_KEYWORD))
    return found


def _set_defaults(
    wrapper: types.FunctionType, parameters: list[inspect.Parameter]
) -> None:
    given = [p for p in parameters if p.default is not p.empty]
    positional = tuple(p.default for p in given if p.kind is not p.KEYWORD_ONLY)
    keyword = {p.name: p.default for p in given if p.kind is p.KEYWORD_ONLY}
    wrapper.__defaults__ = positional or None
    wrapper.__kwdefaults__ = keyword or None


def _look_like(wrapper: types.FunctionType, instance: object) -> None:
    """Give the wrapper of a ``__call__`` the attributes and signature of its object."""
    for base in type(instance).__mro__:
        for name, value in vars(base).items():
            if isinstance(value, types.FunctionType) and not name.startswith("_"):
                wrapper.__dict__.setdefault(name, types.MethodType(value, instance))
    wrapper.__doc__ = instance.__doc__
    own = getattr(instance, "__dict__", {})
    for name, value in own.items():
        setattr(wrapper, name, value)
    if own.keys().isdisjoint(("__signature__", "__wrapped__")):
        return
    first = inspect.Parameter("_self", inspect.Parameter.POSITIONAL_ONLY)
    signature = inspect.signature(instance)  # type: ignore[arg-type]
    wrapper.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[first, *signature.parameters.values()]
    )


@functools.lru_cache(maxsize=512)
def _compiled(
    shape: tuple[tuple[str, object, bool], ...],
    kind: str,
    keeps_inputs: bool | None,
    keeps_outputs: bool | None,
) -> Callable[..., types.FunctionType]:
    kinds = inspect.Parameter
    parameters: list[str] = []
    call: list[str] = []
    inputs: list[tuple[str, str]] = []
    positional_only = keyword_only = False
    for name, place, has_default in shape:
        if positional_only and place is not kinds.POSITIONAL_ONLY:
            parameters.append("/")
            positional_only = False
        if place is kinds.KEYWORD_ONLY and not keyword_only:
            parameters.append("*")
        keyword_only = keyword_only or place in (
            kinds.KEYWORD_ONLY,
            kinds.VAR_POSITIONAL,
        )
        positional_only = place is kinds.POSITIONAL_ONLY
        stars = {kinds.VAR_POSITIONAL: "*", kinds.VAR_KEYWORD: "**"}.get(place, "")  # type: ignore[call-overload]
        # The default's text only makes the parameter optional; its value comes later.
        parameters.append(f"{stars}{name}" + ("=None" if has_default else ""))
        call.append(f"{name}={name}" if place is kinds.KEYWORD_ONLY else stars + name)
        inputs.append((name, name))
    if positional_only:
        parameters.append("/")
    body = {_KIND_GENERATOR: _GENERATOR, _KIND_ASYNC_GENERATOR: _ASYNC_GENERATOR}
    text = (
        _HEAD.format(names=", ".join((*_OWN_VARIABLES, *_SHARED_VARIABLES)))
        + body.get(kind, _CALL).format(
            define="async def" if kind == _KIND_COROUTINE else "def",
            wait="await " if kind == _KIND_COROUTINE else "",
            parameters=", ".join(parameters),
            call=", ".join(call),
            inputs=_if_kept(_inputs_display(inputs), keeps_inputs, "keeps_inputs"),
            outputs=_if_kept("_st_result", keeps_outputs, "keeps_outputs"),
            follow=_FOLLOW if kind == _KIND_PLAIN else "",
            item=_ITEM,
            stop=_STOP,
        )
        + _TAIL
    )
    namespace: dict[str, Callable[..., types.FunctionType]] = {}
    exec(compile(text, WRAPPER_FILE, "exec"), namespace)  # noqa: S102 - names checked by the interpreter
    return namespace["make"]


def _if_kept(text: str, is_kept: bool | None, switch: str) -> str:
    if is_kept is None:
        return f"{text} if _st_recorder.{switch} else None"
    return text if is_kept else "None"


def _inputs_display(inputs: list[tuple[str, str]]) -> str:
    def display(items: list[tuple[str, str]]) -> str:
        return "{" + ", ".join(f"{key!r}: {value}" for key, value in items) + "}"

    first = inputs[0][0] if inputs else ""
    if first == "self":
        return display(inputs[1:])
    if first == "cls":
        # No truth test of the value and no `isinstance`: they run the user's code.
        is_class = "_st_issubclass(_st_type(cls), _st_type)"
        return f"({display(inputs[1:])} if {is_class} else {display(inputs)})"
    return display(inputs)
