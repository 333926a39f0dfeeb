"""``spantree.dspy.autolog()``: what DSPy does as spans."""

from spantree import _runtime  # noqa: F401 - so that the recorder has its store
from spantree.integrations.dspy import autolog, status

__all__ = ["autolog", "status"]
