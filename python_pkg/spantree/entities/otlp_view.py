"""What a span says in others' words too, for backends that know only those.

The names that were added are listed in an attribute, so that reading takes out these
and leaves what an instrumentation has set by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantree.entities.dialects import write
from spantree.entities.dialects.gen_ai import SCHEMA_URL
from spantree.entities.otlp_values import attributes_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantree.entities.span import Span
    from spantree.entities.values import Captured

__all__ = ["SCHEMA_URL", "drop_view", "view_of"]

_VIEW: Final = "spantree.view"


def view_of(span: Span, dialects: Sequence[str] = ("gen_ai",)) -> list[dict[str, Any]]:
    """Give the attributes to add to a written span; those it has already stay.

    Args:
        span: The span.
        dialects: See :func:`spantree.entities.dialects.write`.
    """
    found = {
        name: value
        for dialect in dialects
        for name, value in write(span, dialect).items()
        if name not in span.raw_attributes
    }
    return attributes_out({**found, _VIEW: ",".join(found)}) if found else []


def drop_view(attributes: dict[str, Captured]) -> None:
    """Take out what :func:`view_of` has added."""
    names = attributes.pop(_VIEW, None)
    if isinstance(names, str):
        for name in names.split(","):
            attributes.pop(name, None)
