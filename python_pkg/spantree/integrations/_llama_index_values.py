"""What LlamaIndex passes around, as JSON data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from spantree.entities.span import SpanType
from spantree.integrations._plain import model_fields, plain
from spantree.integrations._usage import openai_usage
from spantree.integrations._vectors import short_vectors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from inspect import BoundArguments

_TYPE_OF_CLASS: Final = {
    "BaseWorkflowAgent": SpanType.AGENT,
    "AgentWorkflow": SpanType.AGENT,
    "BaseAgent": SpanType.AGENT,
    "BaseLLM": SpanType.LLM,
    "BaseEmbedding": SpanType.EMBEDDING,
    "BaseSparseEmbedding": SpanType.EMBEDDING,
    "BaseRetriever": SpanType.RETRIEVER,
    "BaseTool": SpanType.TOOL,
}
_NOT_INPUTS: Final = frozenset({"self", "init_state", "tags"})
_REPEATED: Final = frozenset(
    {
        "llamaindex.start_event",
        "llamaindex.step.input_event",
        "llamaindex.step.input_summary",
    }
)
_SCALARS: Final = (str, int, float, bool, type(None))
_types: WeakKeyDictionary[type, str] = WeakKeyDictionary()


def span_type_of(instance: object, name: str) -> str:
    """Give the span type of what a method, ``Class.method``, of an object does."""
    if instance is None or "._prepare" in name:
        return SpanType.CHAIN
    kind = type(instance)
    known = _types.get(kind)
    if known is None:
        names = (
            base.__name__
            for base in kind.__mro__
            if base.__module__.startswith(("llama_index.", "workflows."))
        )
        found = (_TYPE_OF_CLASS[name] for name in names if name in _TYPE_OF_CLASS)
        known = _types[kind] = next(found, SpanType.CHAIN)
    return known


def inputs_of(arguments: BoundArguments) -> dict[str, object]:
    """Give the arguments of a call by name, what went by ``**kwargs`` among them."""
    found: dict[str, object] = {}
    for name, value in arguments.arguments.items():
        kind = arguments.signature.parameters[name].kind
        if kind is kind.VAR_KEYWORD:
            found |= {key: value_of(item) for key, item in value.items()}
        elif not (name in _NOT_INPUTS or value is None or _is_context(value)):
            found[name] = value_of(value)
    return found


def _is_context(value: object) -> bool:
    kind = type(value)
    return kind.__name__ == "Context" and kind.__module__.startswith("workflows.")


def tags_of(tags: Mapping[str, object] | None) -> dict[str, object]:
    """Give the user's tags, without those that repeat a step's inputs as text."""
    return {k: v for k, v in (tags or {}).items() if k not in _REPEATED}


def value_of(value: Any) -> object:
    """Give JSON data for an argument or a result.

    Returns:
        Messages as ``{"role", "content"}``, nodes as documents, the events of a
        workflow as their fields, vectors shortened; the rest as its own fields.
    """
    if type(value) in _SCALARS:
        return value
    names = {base.__name__ for base in type(value).__mro__}
    if names & {"list", "tuple"}:
        short = short_vectors(value)
        return short if short is not None else [value_of(item) for item in value]
    if "dict" in names:
        return {str(key): value_of(item) for key, item in dict.items(value)}
    for name, convert in _CONVERTERS.items():
        if name in names:
            return convert(value)
    return plain(value)


def _message(message: Any) -> dict[str, object]:
    blocks = [_block(block) for block in message.blocks]
    blocks = [block for block in blocks if block.get("text") != ""]
    texts = [block.get("text") for block in blocks]
    only_text = len(blocks) <= 1 and all(isinstance(text, str) for text in texts)
    return {
        "role": plain(message.role),
        "content": "".join(map(str, texts)) if only_text else blocks,
        **_items(plain(message.additional_kwargs)),
    }


def _block(block: Any) -> dict[str, object]:
    kind = {"type": getattr(block, "block_type", None)}
    return {**kind, **_items(plain(block))}


def _items(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _chat_response(response: Any) -> dict[str, object]:
    return {"message": _message(response.message), "raw": plain(response.raw)}


def _completion_response(response: Any) -> dict[str, object]:
    return {"text": response.text, "raw": plain(response.raw)}


def _document(node: Any) -> dict[str, object]:
    inner = getattr(node, "node", node)
    found = {
        "page_content": inner.get_content(),
        "metadata": plain(inner.metadata),
        "id": inner.node_id,
    }
    return {**found, "score": node.score} if inner is not node else found


def _response(response: Any) -> dict[str, object]:
    return {
        "response": plain(response.response),
        "source_nodes": [_document(node) for node in response.source_nodes],
        "metadata": plain(response.metadata),
    }


def _query(query: Any) -> object:
    return query.query_str


def _tool(tool: Any) -> dict[str, object]:
    return {"name": tool.metadata.name, "description": tool.metadata.description}


def _prompt(prompt: Any) -> object:
    chosen = getattr(prompt, "default_template", None)
    if chosen is not None:
        return _prompt(chosen)
    messages = getattr(prompt, "message_templates", None)
    return value_of(messages) if messages else getattr(prompt, "template", None)


def _tool_output(output: Any) -> dict[str, object]:
    return {
        "content": output.content,
        "tool_name": output.tool_name,
        "is_error": output.is_error,
    }


def _event(event: Any) -> dict[str, object]:
    # Fields that aren't declared lie in a dict apart.
    loose = getattr(event, "_data", None)
    fields = {**(model_fields(event) or {}), **_items(loose)}
    if "StopEvent" in {base.__name__ for base in type(event).__mro__}:
        fields.setdefault("result", event.result)
    return {key: value_of(item) for key, item in fields.items()}


_CONVERTERS: Final = {
    "ChatMessage": _message,
    "ChatResponse": _chat_response,
    "CompletionResponse": _completion_response,
    "NodeWithScore": _document,
    "BaseNode": _document,
    "QueryBundle": _query,
    "Response": _response,
    "BaseTool": _tool,
    "BasePromptTemplate": _prompt,
    "ToolOutput": _tool_output,
    "AgentOutput": _event,
    "Event": _event,
}


def options_of(keywords: dict[str, Any]) -> dict[str, object]:
    """Give the further keywords of a call to a model."""
    return {key: value_of(item) for key, item in keywords.items() if item is not None}


def tools_of(keywords: dict[str, Any]) -> list[object] | None:
    """Give the tools that a model may call, as OpenAI writes them."""
    tools = plain(keywords.get("tools"))
    return tools if isinstance(tools, list) and tools else None


def text_of(response: Any) -> object:
    """Give the text of a chat or completion response, or its parts."""
    text = getattr(response, "text", None)
    return text if text is not None else _message(response.message)["content"]


def usage_of(response: Any) -> dict[str, int] | None:
    """Read the token counts of a chat or completion response.

    Returns:
        By the keys of ``mlflow.chat.tokenUsage``; None when none was reported.
    """
    raw = _items(plain(response.raw))
    found = openai_usage(raw.get("usage"))
    if found is None:
        found = openai_usage(_items(plain(response.additional_kwargs)))
    return found


def model_of(model_dict: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Give the model's attributes from what LlamaIndex says of an LLM."""
    model = model_dict.get("model") or model_dict.get("model_name")
    if isinstance(model, str) and model != "unknown":
        yield "mlflow.llm.model", model
        yield "spantree.llm.request_model", model
    for name in ("temperature", "max_tokens"):
        if isinstance(model_dict.get(name), (int, float)):
            yield name, model_dict[name]


def replied_model(response: Any) -> str | None:
    """Give the model that answered, if the provider said so."""
    model = _items(plain(response.raw)).get("model")
    return model if isinstance(model, str) else None
