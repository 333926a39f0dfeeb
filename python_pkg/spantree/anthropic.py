"""``spantree.anthropic.autolog()``: the calls of the Anthropic client as spans."""

from spantree import _runtime  # noqa: F401 - so that the recorder has its store
from spantree.integrations.anthropic import autolog, status

__all__ = ["autolog", "status"]
