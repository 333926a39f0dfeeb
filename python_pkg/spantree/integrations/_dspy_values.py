"""What DSPy passes around, as JSON data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantree.entities.span import (
    CHAT_TOOLS,
    COST,
    MODEL,
    PROVIDER,
    TOKEN_USAGE,
    SpanType,
)
from spantree.integrations._plain import plain
from spantree.integrations._usage import openai_usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TYPE_OF_MODULE: Final = {
    "ReAct": SpanType.AGENT,
    "Avatar": SpanType.AGENT,
    "Retrieve": SpanType.RETRIEVER,
    "Predict": SpanType.LLM,
}
_SCALARS: Final = (str, int, float, bool, type(None))
_PARAMETERS: Final = ("temperature", "max_tokens", "top_p", "seed", "n")


def module_type(instance: object) -> str:
    """Give the span type of what a module does."""
    names = (base.__name__ for base in type(instance).__mro__)
    found = (_TYPE_OF_MODULE[name] for name in names if name in _TYPE_OF_MODULE)
    return next(found, SpanType.CHAIN)


def arguments_of(inputs: Mapping[str, Any]) -> dict[str, object]:
    """Give a call's arguments by name, without those that weren't given."""
    found = {k: v for k, v in inputs.items() if k not in ("args", "kwargs")}
    found |= inputs.get("kwargs") or {}
    if inputs.get("args"):
        found["args"] = inputs["args"]
    return {k: value_of(v) for k, v in found.items() if v is not None}


def value_of(value: Any) -> object:
    """Give JSON data for an argument or a result.

    Returns:
        Examples and predictions as their fields, signatures and models as what names
        them; the rest as its own fields.
    """
    if type(value) in _SCALARS:
        return value
    if isinstance(value, (list, tuple)):
        return [value_of(item) for item in value]
    if isinstance(value, dict):
        return {str(key): value_of(item) for key, item in value.items()}
    kind = value if isinstance(value, type) else type(value)
    names = {base.__name__ for base in kind.__mro__}
    for name, convert in _CONVERTERS.items():
        if name in names:
            return convert(value)
    return plain(value)


_CONVERTERS: Final[dict[str, Callable[[Any], object]]] = {
    "Signature": lambda it: {
        "signature": it.signature,
        "instructions": it.instructions,
    },
    "Example": lambda it: value_of(it._store),  # noqa: SLF001 - its fields, unread
    "Module": lambda it: {"module": type(it).__name__},
    "BaseLM": lambda it: {"model": it.model},
    "Tool": lambda it: {
        "name": it.name,
        "description": it.desc,
        "args": plain(it.args),
    },
}


def documents_of(outputs: Any) -> object:
    """Give what a retriever found as documents."""
    fields = getattr(outputs, "_store", None)
    passages = fields.get("passages") if isinstance(fields, dict) else outputs
    if not isinstance(passages, (list, tuple)):
        return value_of(outputs)
    return [
        {"page_content": passage, "metadata": {}, "id": None}
        if isinstance(passage, str)
        else value_of(passage)
        for passage in passages
    ]


def model_attributes(model: Any, inputs: Mapping[str, Any]) -> dict[str, object]:
    """Give the attributes of a call to a language model, before it is made.

    Args:
        model: The model.
        inputs: The call's arguments, as DSPy's callbacks are given them.
    """
    asked = str(model.model)
    vendor, _, name = asked.rpartition("/")
    given = getattr(model, "kwargs", None) or {}
    found: dict[str, object] = {
        MODEL: name or asked,
        "spantree.llm.request_model": asked,
        **{k: given[k] for k in _PARAMETERS if given.get(k) is not None},
    }
    if vendor:
        found[PROVIDER] = vendor.partition("/")[0]
    tools = (inputs.get("kwargs") or {}).get("tools")
    if isinstance(tools, list):
        found[CHAT_TOOLS] = plain(tools)
    return found


def reply_attributes(entry: Mapping[str, Any]) -> dict[str, object]:
    """Give the attributes of a reply from DSPy's own history of a model's calls.

    Args:
        entry: With ``usage``, ``cost`` and ``response_model``; a reply from the cache
            has no usage.
    """
    found: dict[str, object] = {}
    usage = openai_usage(plain(entry.get("usage")))
    if usage is not None:
        found[TOKEN_USAGE] = usage
        if isinstance(entry.get("cost"), float):
            found[COST] = {"total_cost": entry["cost"]}
    if isinstance(entry.get("response_model"), str):
        found[MODEL] = entry["response_model"]
    return found
