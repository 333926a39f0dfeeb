"""Answers the viewer over comms: what its notebook does not hold, from this kernel.

Answers may be given on any thread, as a kernel with subshells serves them while a cell
runs: they touch the store alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree.link import REPLY_BYTES, Reply
from spantree.link import answer as answer_from
from spantree.recording import guard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from IPython.core.interactiveshell import InteractiveShell

    from spantree.notebook.host import Host

__all__ = ["REPLY_BYTES", "TARGET", "answer", "close_link", "open_link"]

TARGET = "spantree"
_FAILED = "spantree could not answer; its log tells why."


def open_link(shell: InteractiveShell, host: Host) -> None:
    """Answer comms named ``spantree``, if the shell is a kernel's."""
    manager = _comm_manager(shell)
    if manager is None:
        return

    def opened(comm: object, _: object) -> None:
        def received(message: Mapping[str, object]) -> None:
            with guard("notebook.link"):
                content = message["content"]
                data = content["data"]  # type: ignore[index]
                reply = answer(data, host)
                comm.send(reply.content, buffers=reply.buffers)  # type: ignore[attr-defined]

        comm.on_msg(received)  # type: ignore[attr-defined]

    manager.register_target(TARGET, opened)  # type: ignore[attr-defined]


def close_link(shell: InteractiveShell) -> None:
    """Take back what :func:`open_link` registered."""
    manager = _comm_manager(shell)
    if manager is not None and TARGET in manager.targets:  # type: ignore[attr-defined]
        del manager.targets[TARGET]  # type: ignore[attr-defined]


def _comm_manager(shell: InteractiveShell) -> object | None:
    return getattr(getattr(shell, "kernel", None), "comm_manager", None)


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
