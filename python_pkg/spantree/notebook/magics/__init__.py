"""The magics, and their registration with a shell."""

from spantree.notebook.magics.magic_set import MagicSet, all_magics

__all__ = ["MagicSet", "all_magics"]
