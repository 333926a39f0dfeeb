"""Has what waits saved when a process ends, a worker of ``multiprocessing`` as well.

Such a worker leaves by ``os._exit``, which runs nothing of ``atexit``; but it has a
list of its own that it works through first.
"""

from __future__ import annotations

import atexit
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# After the program's own, which may still trace.
_LAST = -1


def at_exit(close: Callable[[], object]) -> None:
    """Have a function called when this process ends, and each one forked from it.

    Not when a signal kills it, as ``Pool.terminate()`` and the end of ``with Pool()``
    do to their workers; ``Pool.close()`` and ``Pool.join()`` let them end.

    Args:
        close: May be called more than once.
    """
    atexit.register(close)
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None and multiprocessing.parent_process() is not None:
        _register(close)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: _in_child(close))


def _in_child(close: Callable[[], object]) -> None:
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        # The list is emptied as a worker begins; what is asked for here comes after.
        util.register_after_fork(util, lambda _: _register(close))


def _register(close: Callable[[], object]) -> None:
    from multiprocessing.util import Finalize

    Finalize(None, close, exitpriority=_LAST)
