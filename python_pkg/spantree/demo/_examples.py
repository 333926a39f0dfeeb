"""Values that fit a JSON schema."""

from __future__ import annotations

import re
from typing import Any

_WORD = re.compile(r"\w+")
_NAME = re.compile(r"\b[A-Z][\w-]+")


def example(
    schema: dict[str, Any], text: str, root: dict[str, Any] | None = None
) -> Any:
    """Give a value that fits a JSON schema, taken from a text where possible.

    Args:
        schema: The schema; ``$ref`` and unions are followed.
        text: Where names, numbers and enum members are looked for.
        root: The whole schema, where references point.
    """
    whole = root or schema
    if "$ref" in schema:
        return example(_referred(whole, schema["$ref"]), text, whole)
    for union in ("anyOf", "oneOf", "allOf"):
        if schema.get(union):
            options = [s for s in schema[union] if s.get("type") != "null"]
            return example((options or schema[union])[0], text, whole)
    if "const" in schema or "enum" in schema:
        members = schema.get("enum") or [schema["const"]]
        said = text.lower()
        return next((m for m in members if str(m).lower() in said), members[0])
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        fields = schema.get("properties", {})
        return {name: example(s, text, whole) for name, s in fields.items()}
    if kind == "array":
        return [example(schema.get("items") or {"type": "string"}, text, whole)]
    return _scalar(kind, text)


def _referred(root: dict[str, Any], reference: str) -> dict[str, Any]:
    found = root
    for key in reference.lstrip("#/").split("/"):
        found = found[key]
    return found


def _scalar(kind: object, text: str) -> object:
    numbers = re.findall(r"-?\d+(?:\.\d+)?", text)
    if kind == "integer":
        return int(float(numbers[0])) if numbers else 1
    if kind == "number":
        return float(numbers[0]) if numbers else 1.0
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    # The first word of a sentence is capitalised whether or not it is a name.
    names = _NAME.findall(text)[1 if _NAME.match(text) else 0 :]
    words = _WORD.findall(text)
    return names[-1] if names else (words[-1] if words else "")
