"""Traces DSPy by its callbacks: modules, models, adapters, tools, evaluations.

Tokens come from the history that DSPy keeps of a model's calls; with
``disable_history=True`` they are unknown.
"""

from __future__ import annotations

import sys
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from spantree.entities.span import MESSAGE_FORMAT, SpanType
from spantree.integrations import _dspy_values as values
from spantree.integrations._attach import Attachment
from spantree.integrations._call import Options
from spantree.integrations._dspy_streams import Replies, was_left, watch_streamify
from spantree.integrations._integration import Integration, LibraryStatus, Versions
from spantree.integrations._patch import Hook
from spantree.integrations._runs import Runs
from spantree.integrations._threads import below
from spantree.recording import guard
from spantree.recording.context import CURRENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from spantree.integrations._call import StreamEnd
    from spantree.integrations._patch import Method

DISTRIBUTION: Final = "dspy"
SUPPORTED: Final = Versions(first=(2, 6), tested=(3, 4))

_integration = Integration("dspy", SUPPORTED)
_runs = Runs(_integration)
_left_out: set[str] = set()  # "compile" or "evaluate": what happens inside of those


def _active_call_id() -> str | None:
    active: str | None = sys.modules["dspy.utils.callback"].ACTIVE_CALL_ID.get()
    return active


_replies = Replies(_active_call_id)


def _begin(
    call_id: str,
    name: str,
    span_type: str,
    inputs: Callable[[], dict[str, object]],
    attributes: Callable[[], dict[str, object]] = dict,
) -> None:
    if not _integration.on:
        return
    with guard(_integration.site):
        parent_id = _active_call_id()
        if span_type == SpanType.PARSER and _runs.join(call_id, parent_id, name):
            return  # an adapter's method that calls the one it overrides
        _runs.begin(
            call_id,
            parent_id,
            name,
            span_type,
            inputs=inputs() or None,
            attributes={MESSAGE_FORMAT: "dspy", **attributes()},
        )


def _end(
    call_id: str,
    outputs: object,
    exception: BaseException | None,
    convert: Callable[[Any], object] = values.value_of,
) -> None:
    with guard(_integration.site):
        span = _runs.get(call_id)
        if span is not None and span.span_type == SpanType.RETRIEVER:
            convert = values.documents_of
        done = None if outputs is None or span is None else convert(outputs)
        has_left = was_left(exception)
        reply = _replies.take(call_id)
        if reply is not None and span is not None:
            failed: StreamEnd = "closed" if has_left else "error"
            span.set_attributes(
                reply.attributes("exhausted" if exception is None else failed)
            )
            done = [str(reply.text)] if outputs is None else done
        _runs.end(call_id, done, None if has_left else exception)


def _is_left_out(call_id: str, what: str) -> bool:
    """Whether what happens inside is not to be recorded; sees to it, if so."""
    if not (_integration.on and what in _left_out):
        return False
    with guard(_integration.site):
        _runs.silence(call_id)
    return True


def _begins(
    suffix: str, span_type: str, *, within: str | None = None
) -> Callable[[_Callback, str, object, Mapping[str, Any]], None]:
    """Make a callback that begins a span named by the instance's class and a suffix.

    Args:
        suffix: What follows the class's name.
        span_type: The span's type.
        within: "compile" or "evaluate", where what happens inside may be left out.
    """

    def begins(
        _: _Callback, call_id: str, instance: object, inputs: Mapping[str, Any]
    ) -> None:
        if within is not None and _is_left_out(call_id, within):
            return
        name = type(instance).__name__ + suffix
        _begin(call_id, name, span_type, lambda: values.arguments_of(inputs))

    return begins


class _Callback:
    """What DSPy calls; its methods have the names of ``BaseCallback``."""

    def on_module_start(
        self, call_id: str, instance: object, inputs: Mapping[str, Any]
    ) -> None:
        _begin(
            call_id,
            f"{type(instance).__name__}.forward",
            values.module_type(instance),
            lambda: values.arguments_of(inputs),
        )

    def on_lm_start(
        self, call_id: str, instance: Any, inputs: Mapping[str, Any]
    ) -> None:
        is_chat = getattr(instance, "model_type", "chat") != "text"
        _begin(
            call_id,
            f"{type(instance).__name__}.__call__",
            SpanType.CHAT_MODEL if is_chat else SpanType.LLM,
            lambda: values.arguments_of(inputs),
            lambda: values.model_attributes(instance, inputs),
        )
        if _runs.get(call_id) is not None:
            with guard(_integration.site):
                _replies.begin(call_id)

    on_adapter_format_start = _begins(".format", SpanType.PARSER)
    on_adapter_parse_start = _begins(".parse", SpanType.PARSER)
    on_evaluate_start = _begins(".__call__", SpanType.EVALUATOR, within="evaluate")
    on_compile_start = _begins(".compile", SpanType.TASK, within="compile")
    on_interpreter_execute_start = _begins(".execute", SpanType.TOOL)
    on_interpreter_tool_call_start = _begins(".invoke_tool", SpanType.TOOL)

    def on_tool_start(
        self, call_id: str, instance: Any, inputs: Mapping[str, Any]
    ) -> None:
        name = f"Tool.{instance.name}"
        _begin(call_id, name, SpanType.TOOL, lambda: values.arguments_of(inputs))

    def on_interpreter_startup_start(
        self, call_id: str, instance: object, inputs: Mapping[str, Any]
    ) -> None:
        """An interpreter's start and shutdown are not recorded."""

    on_interpreter_shutdown_start = on_interpreter_startup_start

    def on_module_end(
        self, call_id: str, outputs: object, exception: BaseException | None = None
    ) -> None:
        _end(call_id, outputs, exception)

    on_lm_end = on_adapter_format_end = on_adapter_parse_end = on_module_end
    on_tool_end = on_evaluate_end = on_compile_end = on_module_end
    on_interpreter_execute_end = on_interpreter_tool_call_end = on_module_end
    on_interpreter_startup_end = on_interpreter_shutdown_end = on_module_end


_callback = _Callback()


def _attach(module: ModuleType) -> bool:
    # Its `configure` refuses other threads than the first that called it, and makes
    # the caller's the first: the user's own call must stay allowed.
    config: dict[str, Any] | None = getattr(module, "main_thread_config", None)
    if config is None:
        return False
    callbacks = config.get("callbacks") or []
    if _callback not in callbacks:
        config["callbacks"] = [*callbacks, _callback]
    return True


def _keep_callback(original: Method) -> Method:
    @wraps(original)
    def configure(self: object, **settings: Any) -> Any:
        result = original(self, **settings)
        if _integration.on and "callbacks" in settings:
            _integration.apply()
        return result

    return configure


def _note_reply(original: Method) -> Method:
    @wraps(original)
    def update_history(self: object, entry: Any) -> Any:
        result = original(self, entry)
        if _integration.on:
            with guard(_integration.site):
                span = _runs.get(_active_call_id())
                if span is not None and isinstance(entry, dict):
                    span.set_attributes(values.reply_attributes(entry))
        return result

    return update_history


def _bind_span(original: Method) -> Method:
    """Let what runs in DSPy's threads nest below the span that began it."""

    @wraps(original)
    def execute(self: object, function: Method, data: Any) -> Any:
        above = CURRENT.get()
        if not _integration.on or above is None:
            return original(self, function, data)
        return original(self, below(function, above), data)

    return execute


_settings = "dspy.dsp.utils.settings"
_integration.hooks = (
    Attachment(_settings, "dsp.utils.settings.callbacks", _attach),
    Attachment(
        "dspy.streaming.streamify",
        "streaming.streamify",
        watch_streamify,
        is_optional=True,
    ),
    Hook((_settings,), "Settings", "configure", _keep_callback),
    Hook(("dspy.clients.base_lm",), "BaseLM", "update_history", _note_reply),
    Hook(("dspy.utils.parallelizer",), "ParallelExecutor", "execute", _bind_span),
)


def autolog(
    *,
    disable: bool = False,
    silent: bool = False,
    log_traces: bool = True,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = True,
    log_inputs: bool = True,
    log_outputs: bool = True,
    log_traces_from_compile: bool = False,
    log_traces_from_eval: bool = True,
    log_compiles: bool = False,
    log_evals: bool = False,
) -> None:
    """Trace DSPy from now on, imported already or not.

    Args:
        disable: Stop tracing instead; what is under way is finished.
        silent: Say nothing about an unsupported version or an absent library.
        log_traces: False is the same as ``disable``.
        exclusive: Accepted, as MLflow does; without effect.
        disable_for_unsupported_versions: False traces a version outside of
            :data:`SUPPORTED`, too, as far as the hooks fit.
        log_inputs: Whether the arguments are recorded.
        log_outputs: Whether the results are recorded; usage and model always are.
        log_traces_from_compile: Whether what an optimizer calls is recorded.
        log_traces_from_eval: Whether an evaluation, and what it calls, is recorded.
        log_compiles: Accepted, as MLflow does; there are no runs here.
        log_evals: The same.
    """
    del exclusive, log_compiles, log_evals
    _left_out.clear()
    if not log_traces_from_compile:
        _left_out.add("compile")
    if not log_traces_from_eval:
        _left_out.add("evaluate")
    _integration.switch(
        Options(log_inputs=log_inputs, log_outputs=log_outputs),
        on=log_traces and not disable,
        is_silent=silent,
        only_supported=disable_for_unsupported_versions,
    )


def status() -> LibraryStatus:
    """Say whether calls are traced, by which hooks, and how many were."""
    return _integration.status()
