"""Functions that a library runs in threads of its own."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from spantree.recording.context import CURRENT

if TYPE_CHECKING:
    from spantree.integrations._patch import Method
    from spantree.recording import LiveSpan


def below(function: Method, above: LiveSpan) -> Method:
    """Make a function run below a span, wherever it is called.

    The rest of the context is that of the caller: copying it whole would show the
    function other values of the user's variables than it sees untraced.
    """

    @wraps(function)
    def run(*arguments: Any, **keywords: Any) -> Any:
        held = CURRENT.get()
        CURRENT.set(above)
        try:
            return function(*arguments, **keywords)
        finally:
            CURRENT.set(held)

    return run
