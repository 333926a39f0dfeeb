"""The same in a schema of a PostgreSQL server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psycopg

import spantree
from adapters import store_spantree

if TYPE_CHECKING:
    from pathlib import Path


class Store(store_spantree.Store):
    """The server that ``SPANTREE_BENCHMARK_POSTGRES`` names."""

    def __init__(self, folder: Path) -> None:
        del folder
        self._target = os.environ["SPANTREE_BENCHMARK_POSTGRES"]
        spantree.set_tracking_uri(self._target)

    def count(self) -> int:
        """Count the traces that another process would see."""
        with psycopg.connect(self._target) as connection:
            found = connection.execute("SELECT count(*) FROM spantree.trace")
            return int(found.fetchone()[0])
