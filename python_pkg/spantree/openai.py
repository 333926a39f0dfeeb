"""``spantree.openai.autolog()``: the calls of the OpenAI client as spans."""

from spantree import _runtime  # noqa: F401 - so that the recorder has its store
from spantree.integrations.openai import autolog, status

__all__ = ["autolog", "status"]
