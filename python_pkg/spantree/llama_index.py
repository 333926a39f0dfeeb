"""``spantree.llama_index.autolog()``: what LlamaIndex does as spans."""

from spantree import _runtime  # noqa: F401 - so that the recorder has its store
from spantree.integrations.llama_index import autolog, status

__all__ = ["autolog", "status"]
