"""The errors that asking and administration raise, under both names."""

from spantree.entities.errors import MissingExtraError, SpantreeException, StoreError
from spantree.search import FilterError

MlflowException = SpantreeException

__all__ = [
    "FilterError",
    "MissingExtraError",
    "MlflowException",
    "SpantreeException",
    "StoreError",
]
