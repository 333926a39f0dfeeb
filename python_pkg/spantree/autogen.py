"""``spantree.autogen.autolog()``: what AutoGen does as spans."""

from spantree import _runtime  # noqa: F401 - so that the recorder has its store
from spantree.integrations.autogen import autolog, status

__all__ = ["autolog", "status"]
