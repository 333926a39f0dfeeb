"""Begins the spans of an SDK's calls.

The SDKs of OpenAI and of Anthropic come from the same generator (Stainless): methods of
resource classes, keyword arguments, the same kinds of results.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from spantree.entities.span import MESSAGE_FORMAT, MODEL, PROVIDER
from spantree.integrations._call import Call
from spantree.integrations._plain import SCALARS, plain
from spantree.recording import (
    RECORDER,
    get_current_active_span,
    guard,
    plain_site,
)
from spantree.recording.guard import swallow

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantree.integrations._call import WireFormat
    from spantree.integrations._integration import Integration
    from spantree.integrations._sdk_results import Results

REQUEST_MODEL: Final = "spantree.llm.request_model"
FINISH_REASONS: Final = "spantree.llm.finish_reasons"
RESPONSE_ID: Final = "spantree.llm.response_id"

# Of the connection and not of the model; headers may hold a secret.
_NOT_INPUTS: Final = frozenset({"extra_headers", "extra_query", "timeout"})
# Classes of what the SDK reads as "not given".
_SENTINELS: Final = frozenset({"NotGiven", "Omit"})
# What the user says to the model is an input and no attribute.
_CONTENT: Final = frozenset({"messages", "input", "prompt", "instructions", "system"})
_SCALARS: Final = (str, int, float, bool)


@dataclass(frozen=True, slots=True)
class SDK:
    """What the calls of one SDK have in common.

    Args:
        integration: Its switch and options.
        results: Takes note of what its calls return.
        span_name: Resource object and name of the method → name of the span.
        provider: Client → who answers.
        tools: Inputs → attributes that describe the tools offered.
    """

    integration: Integration
    results: Results
    span_name: Callable[[object, str], str]
    provider: Callable[[object], str]
    tools: Callable[[dict[str, object]], dict[str, object]]


class Operation:
    """Traces the calls of one kind of method.

    Args:
        sdk: The SDK the method belongs to.
        wire: How its replies are written.
        method: Its name.
        positional: Names of the arguments that may be given without one.
        only_streams: Whether other calls are no calls of a model.
    """

    __slots__ = (
        "_integration",
        "_method",
        "_only_streams",
        "_positional",
        "_sdk",
        "_site",
        "_wire",
    )

    def __init__(
        self,
        sdk: SDK,
        wire: WireFormat,
        method: str = "create",
        *,
        positional: tuple[str, ...] = (),
        only_streams: bool = False,
    ) -> None:
        self._sdk = sdk
        self._integration = sdk.integration
        self._site = sdk.integration.site
        self._wire = wire
        self._method = method
        self._positional = positional
        self._only_streams = only_streams

    @property
    def on(self) -> bool:
        """Whether calls are traced at all."""
        return self._integration.on

    def prepare(self, keywords: dict[str, Any]) -> None:
        """Make the headers of the call its own, if one is to be added."""
        if self._integration.options.propagate:
            with guard(self._site):
                keywords["extra_headers"] = {**(keywords.get("extra_headers") or {})}

    def begin(
        self, target: object, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Call | None:
        """Begin the span of a call; None where nothing is to be recorded."""
        if self._only_streams and keywords.get("stream") is not True:
            return None
        try:
            return self._begin(target, arguments, keywords)
        except BaseException as error:  # noqa: BLE001 - ours; `guard` takes half a µs
            swallow(self._site, error)
        return None

    def _begin(
        self, target: object, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Call | None:
        parent = get_current_active_span()
        if parent is not None and not parent:
            return None
        integration, sdk = self._integration, self._sdk
        options = integration.options
        given = request_inputs(self._positional, arguments, keywords)
        inputs = self._wire.asked(given)
        attributes = request_attributes(inputs)
        attributes[PROVIDER] = sdk.provider(getattr(target, "_client", None))
        attributes[MESSAGE_FORMAT] = integration.library
        attributes["spantree.autolog"] = integration.label
        if options.log_inputs and "tools" in inputs:
            attributes |= sdk.tools(inputs)
        name = sdk.span_name(target, self._method)
        site = plain_site(name, self._wire.span_type, attributes)
        span = RECORDER.begin_detached(
            site, parent, inputs if options.log_inputs else None
        )
        if not span:
            return None
        integration.calls += 1
        if options.propagate:
            flow = f"00-{span.trace_key:032x}-{span.span_key:016x}-01"
            keywords["extra_headers"].setdefault("traceparent", flow)
        return Call(span, self._wire, options, self._site)

    def finish(self, call: Call, result: object) -> None:
        """Take note of what the call returned."""
        try:
            self._sdk.results.take(call, result)
        except BaseException as error:  # noqa: BLE001 - ours, as above
            swallow(self._site, error)


def request_inputs(
    names: tuple[str, ...], arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> dict[str, object]:
    """Give a call's arguments by name, as JSON data where possible."""
    given = keywords
    if arguments:
        given = {**dict(zip(names, arguments, strict=False)), **keywords}
    return {
        name: value if type(value) in SCALARS else plain(value)
        for name, value in given.items()
        if name not in _NOT_INPUTS and type(value).__name__ not in _SENTINELS
    }


def request_attributes(inputs: dict[str, object]) -> dict[str, object]:
    """Give the attributes that the arguments tell: model and parameters."""
    found = {
        name: value
        for name, value in inputs.items()
        if type(value) in _SCALARS and name not in _CONTENT
    }
    model = inputs.get("model")
    if isinstance(model, str):
        found[MODEL] = found[REQUEST_MODEL] = model
    return found
