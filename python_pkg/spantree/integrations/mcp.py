"""Traces clients of the Model Context Protocol: tools called, resources, prompts.

A session's own methods are what every client goes through, also those that frameworks
for agents make. Nothing is added to what is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantree.entities.span import SpanStatus, SpanStatusCode, SpanType
from spantree.integrations._bodies import Body, around_body
from spantree.integrations._call import Options
from spantree.integrations._integration import Integration, LibraryStatus, Versions
from spantree.integrations._nesting import innermost
from spantree.integrations._patch import Hook
from spantree.integrations._plain import plain
from spantree.recording import start_span_no_context

if TYPE_CHECKING:
    from spantree.recording import LiveSpan

DISTRIBUTION: Final = "mcp"
SUPPORTED: Final = Versions(first=(1, 9), tested=(2, 3))

_integration = Integration("mcp", SUPPORTED)
# Method → the type of its span, and what the protocol calls it.
_METHODS: Final = {
    "call_tool": (SpanType.TOOL, "tools/call"),
    "read_resource": (SpanType.RETRIEVER, "resources/read"),
    "get_prompt": (SpanType.CHAIN, "prompts/get"),
}


def _begin(target: object, method: str, arguments: dict[str, Any]) -> Body | None:
    if not _integration.on:
        return None
    parent = innermost(None)
    if parent is not None and not parent:
        return None
    span_type, called = _METHODS[method]
    name = str(arguments.get("name", arguments.get("uri", method)))
    inputs: object = plain(arguments.get("arguments"))
    if method == "read_resource":
        inputs = {"uri": name}
    span = start_span_no_context(
        name,
        span_type,
        parent_span=parent,
        inputs=inputs if _integration.options.log_inputs else None,
        attributes={
            "mcp.method.name": called,
            "spantree.autolog": _integration.label,
        },
    )
    if not span:
        return None
    _integration.calls += 1
    return Body(span, target, _write, _integration.site)


def _write(
    span: LiveSpan, target: object, result: object, partial_text: str | None
) -> None:
    del target, partial_text
    found = plain(result)
    if _integration.options.log_outputs:
        span.set_outputs(found)
    # A tool that fails says so in its result; the session raises nothing.
    failed: Any = getattr(result, "is_error", getattr(result, "isError", None))
    if failed is True:
        parts: Any = getattr(result, "content", ())
        texts = [part.text for part in parts if hasattr(part, "text")]
        said = "\n".join(texts) or "The tool failed."
        span.set_status(SpanStatus(SpanStatusCode.ERROR, said))


_integration.hooks = tuple(
    Hook(("mcp.client.session",), "ClientSession", method, around_body(_begin))
    for method in _METHODS
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
    """Trace what MCP sessions ask their servers for from now on.

    Args:
        disable: Stop tracing instead; what is under way is finished.
        silent: Say nothing about an unsupported version or an absent library.
        log_traces: False is the same as ``disable``.
        exclusive: Accepted, as MLflow does; without effect.
        disable_for_unsupported_versions: False traces a version outside of
            :data:`SUPPORTED`, too, as far as the hooks fit.
        log_inputs: Whether the arguments are recorded.
        log_outputs: Whether the results are recorded.
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
