"""How much of one value is kept."""

from __future__ import annotations

from typing import Any

# orjson refuses to nest deeper than this, and the exact depth limit builds on it.
DEEPEST = 254

_ABOVE_ZERO = ("max_bytes", "max_items", "max_nodes", "max_events", "max_time_ms")

# Text up to this length is never media and never near the limit, so the hot path
# needs no closer look at it.
_PLAIN_TEXT = 1_000
_FLAT_ITEMS = 8
_SHALLOW_NODES = 4_000


class Limits:
    """The budget of one captured value; never changed, but replaced.

    What goes beyond a limit is cut in place, with a note that says so.

    Attributes:
        max_bytes: Text and structure kept, in bytes of UTF-8.
        max_items: Items kept of one list, dict, set.
        max_nodes: Items kept in all containers together.
        max_depth: Containers inside each other, at most 250.
        max_events: Events, and attributes, of one span; of what a stream yields, so
            many become events.
        max_time_ms: Time spent on the slow path, looked at every 256 nodes.

    Raises:
        ValueError: If one of them can't be kept to.
    """

    # No dataclass: to make one takes a millisecond of every import.
    __slots__ = (
        "max_bytes",
        "max_depth",
        "max_events",
        "max_items",
        "max_nodes",
        "max_time_ms",
    )

    def __init__(
        self,
        *,
        max_bytes: int = 1_000_000,
        max_items: int = 10_000,
        max_nodes: int = 20_000,
        max_depth: int = 64,
        max_events: int = 1_000,
        max_time_ms: float = 20,
    ) -> None:
        self.max_bytes = max_bytes
        self.max_items = max_items
        self.max_nodes = max_nodes
        self.max_depth = max_depth
        self.max_events = max_events
        self.max_time_ms = max_time_ms
        for name in _ABOVE_ZERO:
            if getattr(self, name) <= 0:
                message = f"{name} must be above 0, not {getattr(self, name)}."
                raise ValueError(message)
        if not 0 < max_depth < DEEPEST - 3:
            message = f"max_depth must be 1 to 250, not {max_depth}."
            raise ValueError(message)

    def to_dict(self) -> dict[str, Any]:
        """Give the limits by name."""
        return {name: getattr(self, name) for name in self.__slots__}


class Here:
    """Stands for the value inside :attr:`Active.nest`."""

    __slots__ = ()


class Active:
    """The limits in force, with what the hot path derives from them.

    Attributes:
        limits: The limits.
        plain_text: Characters of text that need no closer look.
        nest: Tuples around a :class:`Here`, so many that orjson's own depth limit
            falls on ``max_depth``: an exact check at no cost per node.
        nest_depth: How many tuples these are.
        flat_items: Items of a container that is looked through, one by one.
        shallow_nodes: Items of all containers in a value whose levels are few, which
            is told at once.
    """

    __slots__ = (
        "flat_items",
        "limits",
        "nest",
        "nest_depth",
        "plain_text",
        "shallow_nodes",
    )

    def __init__(self) -> None:
        self.replace(Limits())

    def replace(self, limits: Limits) -> None:
        """Put other limits in force."""
        nest: object = Here()
        depth = DEEPEST - limits.max_depth
        for _ in range(depth):
            nest = (nest,)
        self.limits = limits
        self.nest = nest
        self.nest_depth = depth
        self.plain_text = min(_PLAIN_TEXT, limits.max_bytes // 4)
        self.flat_items = min(_FLAT_ITEMS, limits.max_items, limits.max_nodes)
        self.shallow_nodes = min(_SHALLOW_NODES, limits.max_items, limits.max_nodes)


ACTIVE = Active()


def limits() -> Limits:
    """Give the limits in force."""
    return ACTIVE.limits


def configure_limits(limits: Limits | None = None) -> Limits:
    """Replace the limits for all values captured from now on.

    Args:
        limits: The new ones; None restores the defaults.

    Returns:
        The limits that were in force, to put them back.
    """
    before = ACTIVE.limits
    ACTIVE.replace(limits or Limits())
    return before
