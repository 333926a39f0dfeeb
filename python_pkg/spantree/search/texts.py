"""The texts that every store and every JSON reader can hold."""

from spantree.entities.values import clean_text

__all__ = ["clean_text"]
