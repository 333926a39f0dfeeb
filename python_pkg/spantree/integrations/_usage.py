"""Token counts of the providers, by MLflow's names."""

from __future__ import annotations


def openai_usage(usage: object) -> dict[str, int] | None:
    """Read the ``usage`` of a chat, completions, responses or embeddings reply.

    Args:
        usage: JSON data, or None when the provider reported nothing.

    Returns:
        Integers by the keys of ``mlflow.chat.tokenUsage``; an unknown count is
        absent, never 0. None when no count is known.
    """
    if not isinstance(usage, dict):
        return None
    cached = _part(usage, "prompt_tokens_details", "input_tokens_details")
    detail = _part(usage, "completion_tokens_details", "output_tokens_details")
    read = _count(usage, "prompt_tokens", "input_tokens")
    written = _count(usage, "completion_tokens", "output_tokens")
    total = _count(usage, "total_tokens")
    if total is None and read is not None and written is not None:
        total = read + written
    counts = {
        "input_tokens": read,
        "output_tokens": written,
        "total_tokens": total,
    }
    if cached:
        counts["cache_read_input_tokens"] = _count(cached, "cached_tokens")
        counts["cache_creation_input_tokens"] = _count(cached, "cache_write_tokens")
    if detail:
        counts["reasoning_output_tokens"] = _count(detail, "reasoning_tokens")
    return {k: v for k, v in counts.items() if v is not None} or None


def anthropic_usage(usage: object) -> dict[str, int] | None:
    """Read the ``usage`` of a message of Anthropic's.

    Tokens that were read from a cache or written to one are reported apart there; here
    they are part of the input, as with other providers.

    Args:
        usage: JSON data, or None when the provider reported nothing.

    Returns:
        Integers by the keys of ``mlflow.chat.tokenUsage``; an unknown count is
        absent, never 0. None when no count is known.
    """
    if not isinstance(usage, dict):
        return None
    read = _count(usage, "input_tokens")
    cached = _count(usage, "cache_read_input_tokens")
    created = _count(usage, "cache_creation_input_tokens")
    written = _count(usage, "output_tokens")
    if read is not None:
        read += (cached or 0) + (created or 0)
    is_whole = read is not None and written is not None
    counts = {
        "input_tokens": read,
        "output_tokens": written,
        "total_tokens": (read or 0) + (written or 0) if is_whole else None,
        "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": created,
        "cache_creation_input_tokens_above_1hr": _count(
            _part(usage, "cache_creation"), "ephemeral_1h_input_tokens"
        ),
        "reasoning_output_tokens": _count(
            _part(usage, "output_tokens_details"), "thinking_tokens"
        ),
    }
    return {k: v for k, v in counts.items() if v is not None} or None


def _part(usage: dict[str, object], *names: str) -> dict[str, object]:
    for name in names:
        part = usage.get(name)
        if isinstance(part, dict):
            return part
    return {}


def _count(usage: dict[str, object], *names: str) -> int | None:
    for name in names:
        count = usage.get(name)
        if type(count) is int:
            return count
    return None
