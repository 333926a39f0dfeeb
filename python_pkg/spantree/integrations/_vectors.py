"""Embedding vectors: kept whole while they are few numbers."""

from __future__ import annotations

from typing import Final

WHOLE_NUMBERS: Final = 4_096
HEAD: Final = 8


def is_vector(value: object) -> bool:
    """Whether a list holds numbers, as far as its first item tells."""
    return isinstance(value, list) and bool(value) and type(value[0]) in (float, int)


def short_vectors(values: object) -> list[object] | None:
    """Shorten a vector, or a list of vectors, of more than 4,096 numbers.

    Args:
        values: Any list.

    Returns:
        The same where it is short enough; ``[{"$type": "embedding", "dimensions",
        "head"}]`` for each vector where it isn't; None when there are no vectors.
    """
    if is_vector(values):
        vector: list[object] = values  # type: ignore[assignment]
        return vector if len(vector) <= WHOLE_NUMBERS else [short_vector(vector)]
    if not isinstance(values, list) or not values:
        return None
    if not all(is_vector(value) for value in values):
        return None
    if sum(map(len, values)) <= WHOLE_NUMBERS:
        return values
    return [short_vector(value) for value in values]


def short_vector(vector: list[object]) -> dict[str, object]:
    """Give the length and the first eight numbers of a vector."""
    return {"$type": "embedding", "dimensions": len(vector), "head": vector[:HEAD]}
