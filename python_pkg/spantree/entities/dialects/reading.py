"""Reads what a span of somebody else's instrumentation says, in our words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from spantree.entities.dialects import convert, gen_ai, openinference, traceloop
from spantree.entities.span_fields import CHAT_TOOLS, COST, TOKEN_USAGE, SpanType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    Event: TypeAlias = tuple[str, Mapping[str, Any]]

_ABOUT_MODELS: Final = ("gen_ai.", "openinference.", "llm.", "traceloop.")


@dataclass(slots=True)
class Reading:
    """What was understood of a span's attributes and events.

    Attributes:
        span_type: One of our types or the convention's own word; None if unsaid.
        inputs: JSON data, or None.
        outputs: The same.
        attributes: By our names, such as ``mlflow.llm.model``.
        session: Of the trace.
        user: Of the trace.
        tags: Of the trace, text by key.
        metadata: Of the trace, text by key.
    """

    span_type: str | None = None
    inputs: Any = None
    outputs: Any = None
    attributes: dict[str, Any] = field(default_factory=dict)
    session: str | None = None
    user: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)


def is_about_models(attributes: Mapping[str, Any]) -> bool:
    """Whether a span says anything by the conventions for models."""
    return any(name.startswith(_ABOUT_MODELS) for name in attributes)


def read(attributes: dict[str, Any], events: Sequence[Event] = ()) -> Reading:
    """Read the attributes and events of a span, of any convention and version.

    Args:
        attributes: By name, values as OpenTelemetry holds them.
        events: Name and attributes, in order.
    """
    found = Reading()
    found.span_type = _type_of(attributes)
    found.inputs = _inputs(attributes, events, found.span_type)
    found.outputs = _outputs(attributes, events, found.span_type)
    _read_fields(attributes, found)
    usage = _usage(attributes)
    if usage:
        found.attributes[TOKEN_USAGE] = usage
    _read_trace(attributes, found)
    return found


def _first(attributes: dict[str, Any], names: Sequence[str]) -> Any:
    for name in names:
        if attributes.get(name) is not None:
            return attributes[name]
    return None


def _type_of(attributes: dict[str, Any]) -> str | None:
    operation = _first(attributes, gen_ai.OPERATION)
    if operation is not None:
        return gen_ai.TYPES.get(str(operation), str(operation))
    kind = attributes.get(openinference.KIND)
    if kind is not None:
        has_messages = f"{openinference.INPUT_MESSAGES}.0.message.role" in attributes
        if kind == "LLM" and not has_messages:
            return SpanType.LLM
        return openinference.TYPES.get(str(kind), str(kind))
    for name, types in (
        (traceloop.KIND, traceloop.TYPES),
        (traceloop.REQUEST, traceloop.REQUEST_TYPES),
    ):
        if attributes.get(name) in types:
            return types[attributes[name]]
    if str(attributes.get("db.operation", "")) in ("query", "search"):
        return SpanType.RETRIEVER
    return None


def _inputs(
    attributes: dict[str, Any], events: Sequence[Event], span_type: str | None
) -> Any:
    messages = _input_messages(attributes, events)
    given = _value(attributes, openinference.INPUT)
    if given is None:
        given = convert.parsed(attributes.get(traceloop.INPUT))
    if span_type == SpanType.CHAT_MODEL and messages and not isinstance(given, dict):
        return {"messages": messages}
    if given is not None:
        return given
    arguments = _first(attributes, gen_ai.TOOL_ARGUMENTS)
    if arguments is not None:
        return convert.parsed(arguments)
    query = _first(attributes, gen_ai.QUERY)
    if query is not None:
        return {"query": query}
    return {"messages": messages} if messages else None


def _input_messages(attributes: dict[str, Any], events: Sequence[Event]) -> list[Any]:
    found = _openinference_messages(attributes, openinference.INPUT_MESSAGES)
    if found:
        return found
    given = convert.parsed(_first(attributes, gen_ai.INPUT_MESSAGES))
    instructions = convert.parsed(_first(attributes, gen_ai.INSTRUCTIONS))
    if isinstance(instructions, list):
        system = {"role": "system", "parts": instructions}
        found += convert.from_gen_ai(system)
    if isinstance(given, list):
        return found + [m for item in given for m in convert.from_gen_ai(item)]
    if gen_ai.RUN_MESSAGES in attributes:
        return found + _asked_of_run(attributes)
    prompts = convert.unflatten(attributes, traceloop.PROMPT)
    if prompts:
        return found + [convert.from_traceloop(item) for item in prompts]
    return found + [
        {"role": gen_ai.EVENT_ROLES[name], **dict(fields)}
        for name, fields in events
        if name in gen_ai.EVENT_ROLES
    ]


def _asked_of_run(attributes: dict[str, Any]) -> list[Any]:
    """Give the messages that an agent's run began with."""
    given = convert.parsed(attributes[gen_ai.RUN_MESSAGES])
    items = given if isinstance(given, list) else []
    said = [m for item in items for m in convert.from_gen_ai(item)]
    roles = [message.get("role") for message in said]
    if gen_ai.RUN_HAS_HISTORY in attributes:
        users = [at for at, role in enumerate(roles) if role == "user"]
        return said[: users[-1] + 1] if users else said
    return said[: roles.index("assistant")] if "assistant" in roles else said


def _openinference_messages(attributes: dict[str, Any], prefix: str) -> list[Any]:
    items = convert.unflatten(attributes, prefix)
    return [convert.from_openinference(item) for item in items]


def _outputs(
    attributes: dict[str, Any], events: Sequence[Event], span_type: str | None
) -> Any:
    documents = _documents(attributes, events)
    if documents:
        return documents
    given = _value(attributes, openinference.OUTPUT)
    if given is None:
        given = convert.parsed(attributes.get(traceloop.OUTPUT))
    messages = _output_messages(attributes, events)
    if span_type == SpanType.CHAT_MODEL and messages and not isinstance(given, dict):
        return {"messages": messages}
    if given is not None:
        return given
    result = _first(attributes, gen_ai.TOOL_RESULT)
    if result is None and gen_ai.RUN_MESSAGES in attributes:
        result = attributes.get(gen_ai.RUN_RESULT)
    if result is not None:
        return convert.parsed(result)
    if messages:
        return {"messages": messages}
    embeddings = convert.unflatten(attributes, openinference.EMBEDDINGS)
    held = convert.dicts([item.get("embedding") for item in embeddings])
    vectors = [item.get("vector") for item in held]
    return [list(v) for v in vectors if isinstance(v, (list, tuple))] or None


def _output_messages(attributes: dict[str, Any], events: Sequence[Event]) -> list[Any]:
    found = _openinference_messages(attributes, openinference.OUTPUT_MESSAGES)
    if found:
        return found
    given = convert.parsed(_first(attributes, gen_ai.OUTPUT_MESSAGES))
    if isinstance(given, list):
        return [m for item in given for m in convert.from_gen_ai(item)]
    completions = convert.unflatten(attributes, traceloop.COMPLETION)
    if completions:
        return [convert.from_traceloop(item) for item in completions]
    return [
        {"role": "assistant", **dict(fields)}
        for name, fields in events
        if name == gen_ai.CHOICE_EVENT
    ]


def _documents(attributes: dict[str, Any], events: Sequence[Event]) -> list[Any]:
    items = convert.unflatten(attributes, openinference.DOCUMENTS)
    if not items:
        given = convert.parsed(_first(attributes, gen_ai.DOCUMENTS))
        items = convert.dicts(given)
    if items:
        return [convert.document(item) for item in items]
    return [
        {
            ours: convert.parsed(fields[theirs])
            for ours, theirs in traceloop.RESULT.items()
            if theirs in fields
        }
        for name, fields in events
        if name == traceloop.RESULT_EVENT
    ]


def _value(attributes: dict[str, Any], name: str) -> Any:
    value = attributes.get(name)
    is_json = attributes.get(openinference.MIME_TYPE[name]) == openinference.JSON
    return convert.parsed(value) if is_json else value


def _read_fields(attributes: dict[str, Any], found: Reading) -> None:
    for rows in (openinference.FIELDS, gen_ai.FIELDS, gen_ai.PARAMETERS):
        for ours, theirs in rows.items():
            value = _first(attributes, theirs)
            if value is not None:
                found.attributes[ours] = _plain(value)
    reason = _first(attributes, openinference.FINISH_REASON)
    if reason is not None:
        found.attributes["spantree.llm.finish_reasons"] = [reason]
    wait_s = _first(attributes, gen_ai.FIRST_CHUNK_S)
    if isinstance(wait_s, (int, float)):
        found.attributes["spantree.stream.first_item_ms"] = wait_s * 1000
    parameters = convert.parsed(attributes.get(openinference.PARAMETERS))
    if isinstance(parameters, dict):
        known = {k: v for k, v in parameters.items() if k in gen_ai.PARAMETERS}
        # Mistral's instrumentation writes "" for what wasn't given.
        found.attributes |= {k: v for k, v in known.items() if v not in (None, "")}
    tools = convert.parsed(_first(attributes, gen_ai.TOOLS))
    if isinstance(tools, list):
        found.attributes[CHAT_TOOLS] = tools
    costs = {k: _first(attributes, v) for k, v in openinference.COSTS.items()}
    if costs["total_cost"] is not None:
        found.attributes[COST] = {k: v for k, v in costs.items() if v is not None}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _usage(attributes: dict[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for rows in (traceloop.USAGE, openinference.USAGE, gen_ai.USAGE):
        for ours, theirs in rows.items():
            count = _first(attributes, theirs)
            if type(count) in (int, float):
                found[ours] = int(count)
    if (
        "total_tokens" not in found
        and {"input_tokens", "output_tokens"} <= found.keys()
    ):
        found["total_tokens"] = found["input_tokens"] + found["output_tokens"]
    return found


def _read_trace(attributes: dict[str, Any], found: Reading) -> None:
    session = _first(attributes, (*openinference.SESSION, *gen_ai.SESSION))
    found.session = None if session is None else str(session)
    user = _first(attributes, openinference.USER)
    found.user = None if user is None else str(user)
    for tag in _plain(attributes.get(openinference.TAGS)) or ():
        found.tags[str(tag)] = "true"
    metadata = convert.parsed(attributes.get(openinference.METADATA))
    if isinstance(metadata, dict):
        found.metadata = {
            str(k): v if isinstance(v, str) else convert.text(v)
            for k, v in metadata.items()
        }
