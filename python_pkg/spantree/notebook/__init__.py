"""IPython: cell frames, the display under cells, and the magics."""

from spantree.notebook.host import Host
from spantree.notebook.session import activate, load, unload

__all__ = ["Host", "activate", "load", "unload"]
