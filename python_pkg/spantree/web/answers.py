"""Answers as JSON, whatever a program recorded."""

from __future__ import annotations

import json
from typing import Any

import orjson
from starlette.responses import JSONResponse

from spantree.entities.values import with_notes


class JsonAnswer(JSONResponse):
    """JSON that any reader takes: what it has no words for is null, or a note."""

    def render(self, content: Any) -> bytes:
        """Write the body."""
        return json_bytes(content)


def json_bytes(value: object) -> bytes:
    """Write a value as JSON: NaN as null; lone surrogates and long integers as well."""
    try:
        return orjson.dumps(value)
    except TypeError:
        compact = (",", ":")
        return json.dumps(with_notes(value), separators=compact, default=str).encode()
