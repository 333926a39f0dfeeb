"""Traces LlamaIndex through its dispatcher: spans of its methods, and its events.

What a method returns is left alone. A streamed answer's span ends with the stream,
which LlamaIndex reports by events, or with the generator when nobody holds it any
more; the spans around it that return the same stream end with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantree.entities.span import MESSAGE_FORMAT, SpanType
from spantree.integrations import _llama_index_values as values
from spantree.integrations._attach import Attachment
from spantree.integrations._call import Options
from spantree.integrations._integration import Integration, LibraryStatus, Versions
from spantree.integrations._llama_index_streams import Streams
from spantree.integrations._runs import Runs
from spantree.recording import get_current_active_span, guard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from inspect import BoundArguments
    from types import ModuleType

DISTRIBUTION: Final = "llama-index-core"
SUPPORTED: Final = Versions(first=(0, 12), tested=(0, 14))
_UUID_CHARACTERS: Final = 37  # of "-" and a UUID, behind "Class.method"

_integration = Integration(
    "llama_index",
    SUPPORTED,
    module="llama_index.core",
    distribution=DISTRIBUTION,
)
_runs = Runs(_integration)
_streams = Streams(_runs)


class _SpanHandler:
    """Hears of LlamaIndex's own spans; what the dispatcher calls has its names."""

    def __init__(self) -> None:
        self.open_spans: dict[str, object] = {}

    def span_enter(
        self,
        id_: str,
        bound_args: BoundArguments,
        instance: object = None,
        parent_id: str | None = None,
        tags: Mapping[str, object] | None = None,
        **_more: object,
    ) -> None:
        if not _integration.on:
            return
        with guard(_integration.site):
            name = id_[:-_UUID_CHARACTERS] or id_
            span_type = values.span_type_of(instance, name)
            if "._prepare" in name and not _is_within_another(parent_id):
                return  # alone it would be a trace of nothing
            if span_type == SpanType.LLM and _runs.join(id_, parent_id, name):
                return  # a model's method that calls the one it overrides
            _runs.begin(
                id_,
                parent_id,
                name,
                span_type,
                inputs=values.inputs_of(bound_args) or None,
                attributes={MESSAGE_FORMAT: "llamaindex", **values.tags_of(tags)},
            )

    def span_exit(
        self,
        id_: str,
        bound_args: BoundArguments,
        instance: object = None,
        result: object = None,
        **_more: object,
    ) -> None:
        del bound_args, instance
        with guard(_integration.site):
            span = _runs.take(id_)
            if span is None or _streams.is_awaited(span, result):
                return
            if span.end_time_ns is None:
                if span.raw_outputs is None:
                    _runs.set_outputs(span, values.value_of(result))
                span.end()

    def span_drop(
        self,
        id_: str,
        bound_args: BoundArguments,
        instance: object = None,
        err: BaseException | None = None,
        **_more: object,
    ) -> None:
        del bound_args, instance
        with guard(_integration.site):
            _streams.drop(id_)
            _runs.end(id_, error=err)

    def capture_propagation_context(self) -> dict[str, object]:
        return {}

    def restore_propagation_context(self, context: Mapping[str, object]) -> None:
        """Nothing is carried to other processes."""

    def close(self) -> None:
        """Nothing is held that must be closed."""


def _is_within_another(parent_id: str | None) -> bool:
    return _runs.get(parent_id) is not None or get_current_active_span() is not None


class _EventHandler:
    """Hears of what LlamaIndex's methods say while they run."""

    def handle(self, event: Any, **_more: object) -> None:
        if not (_integration.on or _streams):
            return
        with guard(_integration.site):
            take = _EVENTS.get(type(event).__name__)
            if take is not None:
                take(event)

    async def ahandle(self, event: Any, **_more: object) -> None:
        self.handle(event)


def _chat_starts(event: Any) -> None:
    inputs = {"messages": values.value_of(event.messages)}
    _model_starts(event, SpanType.CHAT_MODEL, inputs)


def _completion_starts(event: Any) -> None:
    _model_starts(event, SpanType.LLM, {"prompt": event.prompt})


def _model_starts(event: Any, span_type: str, inputs: dict[str, object]) -> None:
    span = _runs.get(event.span_id)
    if span is None:
        return
    span.set_span_type(span_type)
    span.set_attributes(dict(values.model_of(event.model_dict)))
    if _integration.options.log_inputs:
        span.set_inputs({**inputs, **values.options_of(event.additional_kwargs)})
        tools = values.tools_of(event.additional_kwargs)
        if tools is not None:
            span.set_attribute("mlflow.chat.tools", tools)
    _streams.model_starts(event.span_id, span)


def _model_goes_on(event: Any) -> None:
    _streams.model_goes_on(event.span_id, event.response)


def _model_ends(event: Any) -> None:
    _streams.model_ends(event.span_id, event.response)


def _exception(event: Any) -> None:
    error = event.exception
    if isinstance(error, GeneratorExit):
        _streams.close(event.span_id, "closed")
    else:
        _streams.close(event.span_id, "error", error)


def _embedding_starts(event: Any) -> None:
    span = _runs.get(event.span_id)
    if span is not None:
        span.set_attributes(dict(values.model_of(event.model_dict)))


def _rerank_starts(event: Any) -> None:
    span = _runs.get(event.span_id)
    if span is not None:
        span.set_span_type(SpanType.RERANKER)


_EVENTS: Final[dict[str, Callable[[Any], None]]] = {
    "LLMChatStartEvent": _chat_starts,
    "LLMCompletionStartEvent": _completion_starts,
    "LLMChatInProgressEvent": _model_goes_on,
    "LLMCompletionInProgressEvent": _model_goes_on,
    "LLMChatEndEvent": _model_ends,
    "LLMCompletionEndEvent": _model_ends,
    "ExceptionEvent": _exception,
    "EmbeddingStartEvent": _embedding_starts,
    "SparseEmbeddingStartEvent": _embedding_starts,
    "ReRankStartEvent": _rerank_starts,
}

_span_handler = _SpanHandler()
_event_handler = _EventHandler()


def _attach(module: ModuleType) -> bool:
    get_dispatcher = getattr(module, "get_dispatcher", None)
    if get_dispatcher is None:
        return False
    root = get_dispatcher("root")
    if _span_handler not in root.span_handlers:
        root.add_span_handler(_span_handler)
    if _event_handler not in root.event_handlers:
        root.add_event_handler(_event_handler)
    return True


_integration.hooks = (
    Attachment(
        "llama_index.core.instrumentation", "core.instrumentation.root", _attach
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
) -> None:
    """Trace LlamaIndex from now on, imported already or not.

    Recorded are query engines, retrievers (their outputs as documents), models with
    their tokens, embeddings, rerankers, synthesizers, tools, agents and workflows.

    Args:
        disable: Stop tracing instead; what is under way is finished.
        silent: Say nothing about an unsupported version or an absent library.
        log_traces: False is the same as ``disable``.
        exclusive: Accepted, as MLflow does; without effect.
        disable_for_unsupported_versions: False traces a version outside of
            :data:`SUPPORTED`, too, as far as the hooks fit.
        log_inputs: Whether the arguments are recorded.
        log_outputs: Whether the results are recorded; usage and model always are.
    """
    del exclusive
    _integration.switch(
        Options(log_inputs=log_inputs, log_outputs=log_outputs),
        on=log_traces and not disable,
        is_silent=silent,
        only_supported=disable_for_unsupported_versions,
    )


def status() -> LibraryStatus:
    """Say whether calls are traced, by which hooks, and how many were."""
    return _integration.status()
