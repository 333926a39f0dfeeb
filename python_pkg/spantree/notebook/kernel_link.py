"""Answers the viewer over comms: what its notebook does not hold, from this kernel.

Answers may be given on any thread, as a kernel with subshells serves them while a cell
runs: they touch the store alone.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from spantree.link import REPLY_BYTES, Reply
from spantree.link import answer as answer_from
from spantree.recording import guard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from IPython.core.interactiveshell import InteractiveShell

    from spantree.notebook.host import Host

__all__ = ["REPLY_BYTES", "TARGET", "KernelLink", "answer"]

TARGET = "spantree"
_FAILED = "spantree could not answer; its log tells why."


class KernelLink:
    """The comms named ``spantree`` of one shell, if it is a kernel's.

    Args:
        shell: The shell.
        host: The process's runtime.

    Attributes:
        asked_at: When a viewer last asked for something, in seconds since 1970; None
            before the first time.
    """

    def __init__(self, shell: InteractiveShell, host: Host) -> None:
        self._host = host
        kernel = getattr(shell, "kernel", None)
        self._manager: Any = getattr(kernel, "comm_manager", None)
        self.asked_at: float | None = None

    def open(self) -> None:
        """Answer from now on."""
        if self._manager is not None:
            self._manager.register_target(TARGET, self._opened)

    def close(self) -> None:
        """Take back what :meth:`open` registered."""
        if self._manager is not None and TARGET in self._manager.targets:
            del self._manager.targets[TARGET]

    def _opened(self, comm: Any, _: object) -> None:
        def received(message: Mapping[str, Any]) -> None:
            with guard("notebook.link"):
                self.asked_at = time.time()
                reply = answer(message["content"]["data"], self._host)
                comm.send(reply.content, buffers=reply.buffers)

        comm.on_msg(received)


def answer(request: object, host: Host) -> Reply:
    """Answer one request; any input gives a reply, none an exception.

    Args:
        request: ``{id, op, …}``.
        host: The process's runtime.

    Returns:
        ``{id, ok: True, …}``, or ``{id, ok: False, error}``.
    """
    number = request.get("id") if isinstance(request, dict) else None
    if not isinstance(number, int):
        number = None
    reply = Reply({"ok": False, "error": _FAILED}, [])
    with guard("notebook.link"):
        reply = answer_from(request, host)
    return Reply({"id": number, **reply.content}, reply.buffers)
