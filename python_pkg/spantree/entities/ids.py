"""How trace and span ids are written and read.

Inside, ids are integers of 128 and 64 bits, the identity OpenTelemetry uses; people
see ``tr-`` + 32 hex digits and 16 hex digits, as MLflow shows them.
"""

from __future__ import annotations

TRACE_PREFIX = "tr-"
_HEX = frozenset("0123456789abcdefABCDEF")
# So many decimal digits fit into the 64 bits of a store's numbers.
_MOST_DIGITS = 18


def trace_id_text(key: int) -> str:
    """Write a trace id as MLflow does: ``tr-`` and 32 hex digits."""
    return f"tr-{key:032x}"


def span_id_text(key: int) -> str:
    """Write a span id as 16 hex digits."""
    return f"{key:016x}"


def parse_trace_id(text: str) -> int | None:
    """Read ``tr-`` + 32 hex or bare 32 hex digits.

    Returns:
        The id, or None when the text is no trace id.
    """
    return _parse_hex(str(text).removeprefix(TRACE_PREFIX), 32)


def parse_span_id(text: str) -> int | None:
    """Read 16 hex digits, or give None when the text is no span id."""
    return _parse_hex(text, 16)


def is_experiment_id(text: str) -> bool:
    """Tell an experiment's id from a name: it is a number, in decimal digits.

    Example:
        >>> is_experiment_id("12"), is_experiment_id("012"), is_experiment_id("१२")
        (True, False, False)
    """
    is_number = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    return is_number and (text == "0" or text[0] != "0")


def _parse_hex(text: str, digits: int) -> int | None:
    # `int` alone would read signs, spaces, underscores and other scripts' digits.
    if len(text) != digits or not _HEX.issuperset(text):
        return None
    return int(text, 16)
