"""How other conventions say what our spans say, to read and to write.

A table is data of one convention and version: rows of our word and theirs. Reading
tries every spelling of a row, newest first; writing uses the newest. What is read is
also kept under its own name, so nothing is lost when a table doesn't know it.
"""

from spantree.entities.dialects.reading import Reading, is_about_models, read
from spantree.entities.dialects.writing import DIALECTS, write

__all__ = ["DIALECTS", "Reading", "is_about_models", "read", "write"]
