"""``spantree.langchain.autolog()``: what LangChain and LangGraph do as spans."""

from spantree import _runtime  # noqa: F401 - so that the recorder has its store
from spantree.integrations.langchain import autolog, status

__all__ = ["autolog", "status"]
