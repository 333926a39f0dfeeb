"""A bar for work that takes long; what is done within a second shows none."""

from __future__ import annotations

import contextvars
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PATIENCE_S = 1.0


class _Bar:
    """A bar that is made once the work has taken long.

    Steps may be told on another thread; IPython finds the cell to draw under by its
    context variables, so the bar is drawn in those of the cell.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._cell = contextvars.copy_context()
        self._began = time.monotonic()
        self._waiting = 0
        self._drawn: Any = None

    def tell(self, count: int) -> None:
        """Draw so many more traces."""
        self._waiting += count
        if time.monotonic() - self._began >= _PATIENCE_S:
            self._cell.run(self._draw)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._drawn is not None:
            self._cell.run(self._drawn.close)

    def _draw(self) -> None:
        if self._drawn is None:
            from tqdm.auto import tqdm

            self._drawn = tqdm(desc=self._label, unit=" traces")
        self._drawn.update(self._waiting)
        self._waiting = 0


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int], object]]:
    """Give what takes the number of traces of each step."""
    bar = _Bar(label)
    try:
        yield bar.tell
    finally:
        bar.close()
