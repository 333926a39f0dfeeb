"""Says in another convention's words what a span of ours says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantree.entities.dialects import convert, gen_ai, openinference
from spantree.entities.span_fields import CHAT_TOOLS, COST, TOKEN_USAGE, SpanType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantree.entities.span import Span

DIALECTS: Final = ("gen_ai", "openinference")


def write(span: Span, dialect: str) -> dict[str, Any]:
    """Give the attributes by which another convention says what a span says.

    Args:
        span: Of ours; what it says that the convention has no word for is left out.
        dialect: ``"gen_ai"`` or ``"openinference"``, in their newest versions.

    Returns:
        Texts, numbers, booleans and lists of texts, as OpenTelemetry allows them.

    Raises:
        ValueError: If there is no such dialect.
    """
    if dialect == "gen_ai":
        return _gen_ai(span)
    if dialect == "openinference":
        return _openinference(span)
    raise ValueError(f"Unknown dialect {dialect!r}. Known: {', '.join(DIALECTS)}.")


def _gen_ai(span: Span) -> dict[str, Any]:
    attributes = span.attributes
    found = _renamed(attributes, {**gen_ai.FIELDS, **gen_ai.PARAMETERS})
    found |= _renamed(attributes.get(TOKEN_USAGE), gen_ai.USAGE)
    operations = [
        operation
        for operation, span_type in gen_ai.TYPES.items()
        if span_type == span.span_type and operation not in gen_ai.NOT_WRITTEN
    ]
    if operations:
        found[gen_ai.OPERATION[0]] = operations[0]
    if span.span_type in (SpanType.CHAT_MODEL, SpanType.LLM):
        for value, name in (
            (span.inputs, gen_ai.INPUT_MESSAGES[0]),
            (span.outputs, gen_ai.OUTPUT_MESSAGES[0]),
        ):
            messages = messages_of(value)
            if messages:
                said = [convert.to_gen_ai(message) for message in messages]
                found[name] = convert.text(said)
    elif span.span_type == SpanType.TOOL:
        found |= _texts(span, gen_ai.TOOL_ARGUMENTS[0], gen_ai.TOOL_RESULT[0])
    elif span.span_type == SpanType.RETRIEVER and isinstance(span.outputs, list):
        found[gen_ai.DOCUMENTS[0]] = convert.text(span.outputs)
    if isinstance(attributes.get(CHAT_TOOLS), list):
        found[gen_ai.TOOLS[0]] = convert.text(attributes[CHAT_TOOLS])
    return found


def _openinference(span: Span) -> dict[str, Any]:
    attributes = span.attributes
    found = _renamed(attributes, openinference.FIELDS)
    found |= _renamed(attributes.get(TOKEN_USAGE), openinference.USAGE)
    found |= _renamed(attributes.get(COST), openinference.COSTS)
    if openinference.MODEL_ANSWERED in found:
        # The one name that backends look for, whichever model it is.
        found[openinference.MODEL] = found[openinference.MODEL_ANSWERED]
    found[openinference.KIND] = _kind(span.span_type)
    found |= _texts(span, openinference.INPUT, openinference.OUTPUT)
    for name, mime_type in openinference.MIME_TYPE.items():
        if name in found:
            found[mime_type] = openinference.JSON
    if span.span_type == SpanType.CHAT_MODEL:
        for value, prefix in (
            (span.inputs, openinference.INPUT_MESSAGES),
            (span.outputs, openinference.OUTPUT_MESSAGES),
        ):
            said = [convert.to_openinference(m) for m in messages_of(value)]
            found |= convert.flatten(said, prefix)
    elif span.span_type == SpanType.RETRIEVER and isinstance(span.outputs, list):
        documents = [_document(item) for item in span.outputs if isinstance(item, dict)]
        found |= convert.flatten(documents, openinference.DOCUMENTS)
    return found


def _kind(span_type: str) -> str:
    if span_type in openinference.KINDS:
        return openinference.KINDS[span_type]
    kinds = (k for k, known in openinference.TYPES.items() if known == span_type)
    return next(kinds, openinference.UNKNOWN)


def _renamed(values: Any, rows: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    if not isinstance(values, dict):
        return {}  # a user's own attribute of that name
    return {
        theirs[0]: values[ours]
        for ours, theirs in rows.items()
        if values.get(ours) is not None
    }


def _texts(span: Span, inputs: str, outputs: str) -> dict[str, str]:
    pairs = ((inputs, span.inputs), (outputs, span.outputs))
    return {name: convert.text(value) for name, value in pairs if value is not None}


def _document(item: dict[str, Any]) -> dict[str, Any]:
    found = {
        "content": item.get("page_content"),
        "id": item.get("id"),
        "score": item.get("score"),
    }
    if item.get("metadata"):
        found["metadata"] = convert.text(item["metadata"])
    return {"document": found}


def messages_of(value: Any) -> list[dict[str, Any]]:
    """Give the chat messages that inputs or outputs hold, of any provider's form."""
    if not isinstance(value, dict):
        return []
    found = value.get("messages")
    if isinstance(found, list):
        return [message for message in found if isinstance(message, dict)]
    if isinstance(value.get("message"), dict):
        return [value["message"]]
    choices = value.get("choices")
    if isinstance(choices, list):
        said = [c.get("message") for c in choices if isinstance(c, dict)]
        return [message for message in said if isinstance(message, dict)]
    if isinstance(value.get("content"), (str, list)) and "role" in value:
        return [{"role": value["role"], "content": value["content"]}]
    return []
