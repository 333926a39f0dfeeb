"""Traces the calls of the anthropic SDK, versions 0.40 to 2.

Messages at once, as streams, through the helpers ``stream``, ``parse`` and
``tool_runner``, also of ``client.beta``; and the orders of batches. Not traced: what
counts tokens, lists models, or fetches what has become of a batch.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from spantree.integrations import _anthropic_wire
from spantree.integrations._call import Options
from spantree.integrations._integration import Integration, LibraryStatus, Versions
from spantree.integrations._patch import Hook, around
from spantree.integrations._sdk_calls import SDK, Operation
from spantree.integrations._sdk_results import Results, watch
from spantree.recording import guard

if TYPE_CHECKING:
    from spantree.integrations._call import Call
    from spantree.integrations._patch import Method

DISTRIBUTION: Final = "anthropic"
SUPPORTED: Final = Versions(first=(0, 40), tested=(2, 12))

# Where the manager that `.stream()` returns keeps what was asked.
_ASKED: Final = "_spantree_asked"

_integration = Integration("anthropic", SUPPORTED)
_results = Results("anthropic", _integration.site)
_sdk = SDK(
    _integration,
    _results,
    # as mlflow 3.17 names them
    span_name=lambda target, method: f"{type(target).__name__}.{method}",
    provider=_anthropic_wire.provider,
    tools=_anthropic_wire.chat_tools,
)
_streams = Operation(_sdk, _anthropic_wire.MESSAGES, "stream")


def _asks(original: Method) -> Method:
    """Wrap ``.stream()``; the manager that it returns sends the request."""

    @wraps(original)
    def stream(self: object, *arguments: Any, **keywords: Any) -> Any:
        if not _streams.on:
            return original(self, *arguments, **keywords)
        _streams.prepare(keywords)
        manager = original(self, *arguments, **keywords)
        with guard(_integration.site):
            setattr(manager, _ASKED, (self, arguments, keywords))
        return manager

    return stream


def _begin(manager: object) -> Call | None:
    asked = vars(manager).pop(_ASKED, None)
    return None if asked is None or not _streams.on else _streams.begin(*asked)


def _follow(call: Call | None, stream: Any) -> None:
    if call is not None:
        with guard(_integration.site):
            watch(call, stream._raw_stream)  # noqa: SLF001 - what the helper reads


def _enters(original: Method) -> Method:
    @wraps(original)
    def enter(self: object) -> Any:
        call = _begin(self)
        try:
            stream = original(self)
        except BaseException as error:
            if call is not None:
                call.fail(error)
            raise
        _follow(call, stream)
        return stream

    return enter


def _enters_async(original: Method) -> Method:
    @wraps(original)
    async def enter(self: object) -> Any:
        call = _begin(self)
        try:
            stream = await original(self)
        except BaseException as error:
            if call is not None:
                call.fail(error)
            raise
        _follow(call, stream)
        return stream

    return enter


def _hooks() -> list[Hook]:
    found = []
    create = around(Operation(_sdk, _anthropic_wire.MESSAGES))
    parse = around(Operation(_sdk, _anthropic_wire.MESSAGES, "parse"))
    order = around(Operation(_sdk, _anthropic_wire.BATCHES))
    for package, helpers, twins in (
        ("messages", "_messages", ("MessageStream", "AsyncMessageStream")),
        (
            "beta.messages",
            "_beta_messages",
            ("BetaMessageStream", "BetaAsyncMessageStream"),
        ),
    ):
        batches = (f"anthropic.resources.{package}.batches",)
        module = (f"anthropic.resources.{package}.messages",)
        helper = (f"anthropic.lib.streaming.{helpers}",)
        # Other releases have fewer methods, above all of those in beta.
        is_beta = package.startswith("beta")
        for owner in ("Messages", "AsyncMessages"):
            found += [
                Hook(module, owner, "create", create),
                Hook(module, owner, "stream", _asks, is_optional=is_beta),
                Hook(module, owner, "parse", parse, is_optional=True),
            ]
        for owner in ("Batches", "AsyncBatches"):
            found.append(Hook(batches, owner, "create", order, is_optional=True))
        entries = (("__enter__", _enters), ("__aenter__", _enters_async))
        for twin, (method, wrap) in zip(twins, entries, strict=True):
            manager = f"{twin}Manager"
            found.append(Hook(helper, manager, method, wrap, is_optional=is_beta))
    return found


_integration.hooks = (*_hooks(), *_results.hooks())


def autolog(
    *,
    disable: bool = False,
    silent: bool = False,
    log_traces: bool = True,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = True,
    log_inputs: bool = True,
    log_outputs: bool = True,
    chunk_events: bool = False,
    propagate: bool = False,
) -> None:
    """Trace the calls of the anthropic SDK from now on, imported already or not.

    Calling it again changes the options. What the SDK sends and returns stays as it
    is.

    Args:
        disable: Stop tracing instead; calls under way are finished.
        silent: Say nothing about an unsupported version or an absent library.
        log_traces: False is the same as ``disable``.
        exclusive: Accepted, as MLflow does; without effect.
        disable_for_unsupported_versions: False traces a version outside of
            :data:`SUPPORTED`, too, as far as the hooks fit.
        log_inputs: Whether the arguments are recorded.
        log_outputs: Whether the replies are recorded; usage and model always are.
        chunk_events: Record each event of a stream as an event of the span, too.
        propagate: Send a ``traceparent`` header, so that a service of your own which
            stands behind the client can continue the trace. Not by ``stream()``, whose
            request is made before its span begins.
    """
    del exclusive
    _integration.switch(
        Options(
            log_inputs=log_inputs,
            log_outputs=log_outputs,
            chunk_events=chunk_events,
            propagate=propagate,
        ),
        on=log_traces and not disable,
        is_silent=silent,
        only_supported=disable_for_unsupported_versions,
    )


def status() -> LibraryStatus:
    """Say whether calls are traced, by which hooks, and how many were."""
    return _integration.status()
