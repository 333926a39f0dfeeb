# ruff: noqa: PLR2004 - the borders between units are what they are
"""How durations, token counts, costs and sizes are written for people.

The viewer has the same rules in ``js/src/model/format.ts``.
"""

from __future__ import annotations

import math
from datetime import datetime, timezone


def format_duration(us: int, *, ascii_only: bool = False) -> str:
    """Write a duration with three significant digits, then in minutes or hours.

    Args:
        us: Microseconds.
        ascii_only: Write ``us`` for ``µs``.

    Example:
        >>> [format_duration(us) for us in (20_000, 3_420_000, 125_000_000)]
        ['20.0ms', '3.42s', '2m05s']
    """
    if us < 0:
        return f"-{format_duration(-us, ascii_only=ascii_only)}"
    if us < 1000:
        return f"{us}{'us' if ascii_only else 'µs'}"
    # The borders lie where the larger unit rounds to the same three digits.
    if us < 999_500:
        return f"{_significant(us / 1000)}ms"
    if us < 59_950_000:
        return f"{_significant(us / 1e6)}s"
    seconds = round(us / 1e6)
    if seconds < 3600:
        return f"{seconds // 60}m{seconds % 60:02d}s"
    minutes = round(us / 60e6)
    return f"{minutes // 60:,}h{minutes % 60:02d}m"


def format_tokens(tokens: int) -> str:
    """Write a token count: whole below 10,000, else in thousands or millions.

    Example:
        >>> [format_tokens(n) for n in (812, 9403, 12_345, 1_200_000)]
        ['812', '9,403', '12.3k', '1.2M']
    """
    if tokens < 10_000:
        return f"{tokens:,}"
    if tokens < 999_500:
        return f"{_significant(tokens / 1000)}k"
    if tokens >= 10**12:
        return f"{tokens:.3g}"
    millions = tokens / 1e6
    return f"{millions:.1f}M" if millions < 9.95 else f"{_significant(millions)}M"


def format_cost(usd: float) -> str:
    """Write an amount in USD: two significant digits below a dollar, else cents.

    Example:
        >>> [format_cost(usd) for usd in (0.0213, 0.00021, 1.5)]
        ['$0.021', '$0.00021', '$1.50']
    """
    if usd == 0 or not math.isfinite(usd):
        return "$0" if usd == 0 else "$?"
    if abs(usd) >= 1e9:
        return f"${usd:.3g}"
    if abs(usd) >= 0.995:
        return f"${usd:,.2f}"
    magnitude = math.floor(math.log10(abs(usd)))
    return "$" + f"{usd:.{min(20, 1 - magnitude)}f}".rstrip("0").rstrip(".")


def format_bytes(size: int) -> str:
    """Write a size in units of 1,000 bytes.

    Example:
        >>> [format_bytes(n) for n in (820, 8_200, 1_200_000)]
        ['820 B', '8.2 kB', '1.2 MB']
    """
    if size < 1000:
        return f"{size} B"
    amount, unit = (size / 1000, "kB") if size < 999_500 else (size / 1e6, "MB")
    text = f"{amount:.1f}" if amount < 9.95 else f"{amount:,.0f}"
    return f"{text.removesuffix('.0')} {unit}"


def format_clock(time_ns: int) -> str:
    """Write the time of day where the reader is, to the second."""
    moment = datetime.fromtimestamp(time_ns // 1_000_000_000, tz=timezone.utc)
    return moment.astimezone().strftime("%H:%M:%S")


def counted(number: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun.

    Example:
        >>> counted(1, "span"), counted(1240, "span"), counted(2, "body", "bodies")
        ('1 span', '1,240 spans', '2 bodies')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _significant(value: float) -> str:
    """Write three significant digits of a number from 0.9995 to 1,000."""
    decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{decimals}f}"
