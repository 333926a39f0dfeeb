"""How many bytes of a saved notebook an output may take, and how they are counted."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

CELL_BYTES = 1_000_000

# (spans of the trace, bytes of all MIME types together)
_CEILINGS = (
    (10, 12_000),
    (100, 50_000),
    (1_000, 120_000),
    (10_000, 400_000),
    (100_000, CELL_BYTES),
)
# Depth of a MIME type's value in a notebook file, which is indented by one space a
# level: cells, cell, outputs, output, data, MIME type.
_DEPTH = 6


@dataclass(frozen=True, slots=True)
class Budget:
    """What an output may take.

    Args:
        cell_bytes: Bytes of all MIME types of one output, as the notebook file holds
            them; None for no limit.
        by_size: Whether a small trace has a smaller ceiling.
        value_bytes: Where one value's JSON text is cut; None for never.
        blob_bytes: The largest attachment that is embedded; None for any.
    """

    cell_bytes: int | None = CELL_BYTES
    by_size: bool = True
    value_bytes: int | None = 32_000
    blob_bytes: int | None = 24_000

    def ceiling(self, spans: int) -> int | None:
        """Give the bytes an output with a trace of so many spans may take."""
        if self.cell_bytes is None or not self.by_size:
            return self.cell_bytes
        return min(self.cell_bytes, _interpolate(spans))


LEAN = Budget()
"""The default: a notebook stays small enough to review and to commit."""

FULL = Budget(by_size=False)
"""Up to 1 MB a cell whatever the trace's size (``%trace_display --save full``)."""

LIVE = Budget(cell_bytes=20_000, by_size=False)
"""One update of a cell that still runs."""

COMPLETE = Budget(cell_bytes=None, value_bytes=None, blob_bytes=None)
"""Everything, for a file of its own."""


def notebook_bytes(value: object, depth: int = _DEPTH) -> int:
    """Count the bytes of a JSON value in a notebook file.

    Notebook files put each list element on a line of its own, so a short list of
    integers weighs four times its compact form.

    Args:
        value: JSON data.
        depth: Levels above the value.
    """
    text = json.dumps(value, ensure_ascii=False, indent=1)
    return _utf8_length(text) + depth * text.count("\n")


def text_bytes(text: str) -> int:
    """Count the bytes of a ``text/*`` value in a notebook file, held as lines."""
    lines = text.splitlines(keepends=True)
    return notebook_bytes(lines)


def line_bytes(line: str) -> int:
    """Count the bytes that one line adds to a ``text/*`` value, its break included."""
    # Indentation, two quotes, the escaped break, comma and newline.
    return _utf8_length(json.dumps(line, ensure_ascii=False)) + _DEPTH + 1 + 4


def bundle_bytes(bundle: dict[str, object]) -> int:
    """Count the bytes of a MIME bundle in a notebook file."""
    total = 0
    for mime, value in bundle.items():
        size = text_bytes(value) if isinstance(value, str) else notebook_bytes(value)
        # Indentation, quotes, colon, space, comma, newline.
        total += size + len(mime) + _DEPTH + 6
    return total


def _utf8_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _interpolate(spans: int) -> int:
    """Interpolate the ceilings over the logarithm of the number of spans."""
    below = _CEILINGS[0]
    for above in _CEILINGS:
        if spans <= above[0]:
            break
        below = above
    else:
        return CELL_BYTES
    if below == above:
        return above[1]
    part = math.log(spans / below[0]) / math.log(above[0] / below[0])
    return int(below[1] + part * (above[1] - below[1]))
