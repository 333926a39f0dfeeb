"""Traces LangChain and LangGraph by a handler of LangChain's own callbacks.

The handler runs inline, so its spans are current inside tools and chains: what these
call nests below, whoever traces that. Not told by LangChain, so not recorded: what a
chain that is left early has given so far (what its model has said, is).
"""

from __future__ import annotations

import asyncio
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from spantree.entities.span import MESSAGE_FORMAT, SpanEvent, SpanType
from spantree.entities.trace_info import SESSION
from spantree.integrations import _langchain_values as values
from spantree.integrations._attach import Attachment
from spantree.integrations._call import Options
from spantree.integrations._integration import Integration, LibraryStatus, Versions
from spantree.integrations._runs import Runs
from spantree.recording import guard
from spantree.recording.clock import perf_counter_ns

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from uuid import UUID

    from spantree.recording import LiveSpan

DISTRIBUTION: Final = "langchain-core"
SUPPORTED: Final = Versions(first=(0, 3), tested=(1, 8))

_SESSIONS: Final = ("session_id", "thread_id")
_UNKNOWN_INPUT: Final = {"input": ""}  # what a stream says for inputs at its beginning
_HIDDEN: Final = "langsmith:hidden"
_AGENT: Final = "langchain_create_agent"

_integration = Integration(
    "langchain", SUPPORTED, module="langchain_core", distribution=DISTRIBUTION
)
# Where LangChain does not lose its own thread: its context variable reaches tasks.
_runs = Runs(_integration, knows_parents=sys.version_info >= (3, 11))
_streams: dict[UUID, _Stream] = {}


class _Stream:
    """What a model has streamed so far."""

    __slots__ = ("first_ns", "items")

    def __init__(self) -> None:
        self.first_ns = perf_counter_ns()
        self.items = 0


def _begin(
    run_id: UUID,
    parent_run_id: UUID | None,
    name: str,
    span_type: str,
    inputs: Callable[[], object],
    keywords: dict[str, Any],
    attributes: Callable[[], dict[str, object]] = dict,
    *,
    is_current: bool = True,
) -> None:
    if not _integration.on:
        return
    with guard(_integration.site):
        tags = keywords.get("tags") or ()
        if _HIDDEN in tags:
            _runs.pass_over(run_id, parent_run_id)
            return
        about: dict[str, object] = {MESSAGE_FORMAT: "langchain", **attributes()}
        metadata = keywords.get("metadata") or {}
        if tags:
            about["tags"] = list(tags)
        if metadata:
            about["metadata"] = values.value_of(metadata)
        span = _runs.begin(
            run_id,
            parent_run_id,
            name,
            span_type,
            inputs=inputs() if _integration.options.log_inputs else None,
            attributes=about,
            is_current=is_current,
        )
        if span is not None:
            _name_session(span, metadata)


def _name_session(span: LiveSpan, metadata: dict[str, Any]) -> None:
    trace: Any = span.owner
    for key in _SESSIONS:
        session = metadata.get(key)
        if session is not None and SESSION not in trace.metadata:
            trace.update(session_id=str(session))


def _end_with_task(run_id: UUID) -> None:
    """End the span of a model, called by no runnable, when its task is cancelled."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return

    def done(task: asyncio.Task[Any]) -> None:
        if task.cancelled() and _runs.get(run_id) is not None:
            _end(run_id, lambda: None, asyncio.CancelledError())

    if task is not None:
        task.add_done_callback(done)


def _end(
    run_id: Any, outputs: Callable[[], object], error: BaseException | None = None
) -> None:
    with guard(_integration.site):
        stream = _streams.pop(run_id, None)
        span = _runs.get(run_id)
        if span is None:
            _runs.take(run_id)
            return
        is_left = isinstance(error, GeneratorExit)
        if isinstance(error, asyncio.CancelledError):
            # LangChain tells nothing of a model whose call is cancelled.
            for key in _runs.below(span):
                _end(key, lambda: None, error)
        if stream is not None:
            _describe(span, stream, error, is_left=is_left)
        elif is_left:
            span.set_attribute("spantree.stream.end", "closed")
        given = outputs() if _integration.options.log_outputs else None
        if is_left or _is_pause(error):
            error = None
        _runs.end(run_id, given, error)


def _describe(
    span: LiveSpan, stream: _Stream, error: BaseException | None, *, is_left: bool
) -> None:
    failed = "closed" if is_left else "error"
    waited_ns = stream.first_ns + span.owner.clock_offset - span.start_time_ns
    span.set_attributes(
        {
            "spantree.stream.end": "exhausted" if error is None else failed,
            "spantree.stream.items": stream.items,
            "spantree.stream.first_item_ms": round(waited_ns / 1_000_000, 3),
        }
    )


def _is_pause(error: BaseException | None) -> bool:
    """Whether a graph waits for a human, or a node hands over: no failure."""
    return any(kind.__name__ == "GraphBubbleUp" for kind in type(error).__mro__)


def _name(serialized: dict[str, Any] | None, keywords: dict[str, Any]) -> str:
    about = serialized or {}
    place = about.get("id") or ["LangChain"]
    return str(keywords.get("name") or about.get("name") or place[-1])


class _Handler:
    """What LangChain calls; its methods have the names of ``BaseCallbackHandler``."""

    run_inline = True
    raise_error = False

    @property
    def ignore_chain(self) -> bool:
        """Whether to be left alone: tracing is off, and nothing is under way."""
        return not (_integration.on or len(_runs))

    ignore_llm = ignore_chain
    ignore_chat_model = ignore_chain
    ignore_agent = ignore_chain
    ignore_retriever = ignore_chain
    ignore_custom_event = ignore_chain
    ignore_retry = ignore_chain

    def on_chain_start(
        self,
        serialized: dict[str, Any] | None,
        inputs: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **keywords: Any,
    ) -> None:
        """Begin the span of a runnable or of a graph."""
        metadata = keywords.get("metadata") or {}
        is_agent = parent_run_id is None and metadata.get("ls_integration") == _AGENT
        name = _name(serialized, keywords)
        # A sequence that streams begins and goes on in the context of its consumer,
        # whose spans are no part of it; its steps say that they are.
        streams = parent_run_id is None and inputs == _UNKNOWN_INPUT
        _begin(
            run_id,
            parent_run_id,
            name,
            SpanType.AGENT if is_agent else SpanType.CHAIN,
            lambda: values.value_of(inputs),
            keywords,
            is_current=not (streams and name == "RunnableSequence"),
        )

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **keywords: Any) -> None:
        """End the span of a runnable; one that streams only now knows its inputs."""
        inputs = keywords.get("inputs")
        span = _runs.get(run_id)
        if span is not None and inputs is not None and _integration.options.log_inputs:
            with guard(_integration.site):
                span.set_inputs(values.value_of(inputs))
        _end(run_id, lambda: values.value_of(outputs))

    def on_chain_error(
        self, error: BaseException, *, run_id: UUID, **_keywords: Any
    ) -> None:
        """End the span of a runnable that failed, or was left."""
        _end(run_id, lambda: None, error)

    def on_chat_model_start(
        self,
        serialized: dict[str, Any] | None,
        messages: list[list[Any]],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **keywords: Any,
    ) -> None:
        """Begin the span of a chat model; LangChain gives one list of messages."""
        _begin(
            run_id,
            parent_run_id,
            _name(serialized, keywords),
            SpanType.CHAT_MODEL,
            lambda: {"messages": values.value_of(messages[0] if messages else [])},
            keywords,
            lambda: _asked(keywords),
        )
        if parent_run_id is None:
            _end_with_task(run_id)

    def on_llm_start(
        self,
        serialized: dict[str, Any] | None,
        prompts: list[str],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **keywords: Any,
    ) -> None:
        """Begin the span of a model of text; LangChain gives one prompt."""
        _begin(
            run_id,
            parent_run_id,
            _name(serialized, keywords),
            SpanType.LLM,
            lambda: {"prompt": prompts[0] if prompts else None},
            keywords,
            lambda: _asked(keywords),
        )

    def on_llm_new_token(self, token: Any, *, run_id: UUID, **_keywords: Any) -> None:
        """Count a chunk; it is on its way to the consumer, whose spans are siblings."""
        del token
        stream = _streams.get(run_id)
        if stream is None:
            if _runs.get(run_id) is None:
                return
            stream = _streams[run_id] = _Stream()
        _runs.leave(run_id)
        stream.items += 1

    def on_llm_end(self, response: Any, *, run_id: UUID, **_keywords: Any) -> None:
        """End the span of a model."""
        self._note_reply(response, run_id)
        _end(run_id, lambda: values.generations_of(response))

    def on_llm_error(
        self, error: BaseException, *, run_id: UUID, **keywords: Any
    ) -> None:
        """End the span of a model that failed, or whose stream was left."""
        response = keywords.get("response")
        self._note_reply(response, run_id)
        _end(run_id, lambda: values.generations_of(response), error)

    @staticmethod
    def _note_reply(response: Any, run_id: UUID) -> None:
        span = _runs.get(run_id)
        if span is not None:
            with guard(_integration.site):
                span.set_attributes(values.reply_attributes(response))

    def on_tool_start(
        self,
        serialized: dict[str, Any] | None,
        input_str: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        inputs: dict[str, Any] | None = None,
        **keywords: Any,
    ) -> None:
        """Begin the span of a tool."""
        _begin(
            run_id,
            parent_run_id,
            _name(serialized, keywords),
            SpanType.TOOL,
            lambda: {"input": input_str} if inputs is None else values.value_of(inputs),
            keywords,
        )

    def on_tool_end(self, output: Any, *, run_id: UUID, **_keywords: Any) -> None:
        """End the span of a tool."""
        _end(run_id, lambda: values.value_of(output))

    on_tool_error = on_chain_error

    def on_retriever_start(
        self,
        serialized: dict[str, Any] | None,
        query: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **keywords: Any,
    ) -> None:
        """Begin the span of a retriever."""
        _begin(
            run_id,
            parent_run_id,
            _name(serialized, keywords),
            SpanType.RETRIEVER,
            lambda: {"query": query},
            keywords,
        )

    def on_retriever_end(
        self, documents: Any, *, run_id: UUID, **_keywords: Any
    ) -> None:
        """End the span of a retriever."""
        _end(run_id, lambda: [values.document_of(one) for one in documents])

    on_retriever_error = on_chain_error

    def on_custom_event(
        self, name: str, data: Any, *, run_id: UUID, **_keywords: Any
    ) -> None:
        """Add an event that the user dispatches."""
        span = _runs.get(run_id)
        if span is not None:
            with guard(_integration.site):
                event = SpanEvent(name, attributes={"data": values.value_of(data)})
                span.add_event(event)


def _asked(keywords: dict[str, Any]) -> dict[str, object]:
    return values.request_attributes(
        keywords.get("invocation_params") or {}, keywords.get("metadata") or {}
    )


_variable: ContextVar[Any] | None = None


def _attach(module: ModuleType) -> bool:
    """Register the handler, for good: LangChain knows no way back."""
    global _variable  # noqa: PLW0603 - one handler a process
    register = getattr(module, "register_configure_hook", None)
    if register is None:
        return False
    if _variable is None:
        base = sys.modules["langchain_core.callbacks.base"].BaseCallbackHandler
        handler = type("SpantreeHandler", (_Handler, base), {})()
        _variable = ContextVar("spantree_langchain", default=handler)
    hooks = getattr(module, "_configure_hooks", ())
    if not any(hook[0] is _variable for hook in hooks):
        register(_variable, inheritable=True)
    return True


_integration.hooks = (
    Attachment(
        "langchain_core.tracers.context", "tracers.register_configure_hook", _attach
    ),
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
    run_tracer_inline: bool = True,
) -> None:
    """Trace what LangChain and LangGraph do from now on, imported already or not.

    Calling it again changes the options. What they return stays as it is.

    Args:
        disable: Stop tracing instead; runs under way are finished.
        silent: Say nothing about an unsupported version or an absent library.
        log_traces: False is the same as ``disable``.
        exclusive: Accepted, as MLflow does; without effect.
        disable_for_unsupported_versions: False traces a version outside of
            :data:`SUPPORTED`, too, as far as the hooks fit.
        log_inputs: Whether inputs are recorded.
        log_outputs: Whether outputs are recorded; usage and model always are.
        run_tracer_inline: Accepted, as MLflow does; it always is.
    """
    del exclusive, run_tracer_inline
    _integration.switch(
        Options(log_inputs=log_inputs, log_outputs=log_outputs),
        on=log_traces and not disable,
        is_silent=silent,
        only_supported=disable_for_unsupported_versions,
    )


def status() -> LibraryStatus:
    """Say whether runs are traced, by which hooks, and how many were."""
    return _integration.status()
