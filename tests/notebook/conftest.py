"""Runs cells in a real kernel and gives back their outputs."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

MIME = "application/vnd.spantree.trace.v1+json"


class Result:
    """A notebook after it ran."""

    def __init__(self, notebook) -> None:
        self.notebook = notebook

    def outputs(self, cell: int) -> list:
        return self.notebook.cells[cell].outputs

    def trees(self, cell: int) -> list:
        """The bundles of ours under a cell."""
        return [
            output["data"]
            for output in self.outputs(cell)
            if MIME in output.get("data", {})
        ]

    def text(self, cell: int) -> str:
        """What a cell printed or gave as its result, as plain text."""
        parts = []
        for output in self.outputs(cell):
            if output.output_type == "stream":
                parts.append(output.text)
            elif output.output_type == "error":
                parts.append(f"{output.ename}: {output.evalue}")
            elif MIME not in output.data:
                parts.append(output.data.get("text/plain", ""))
        return "\n".join(parts)


def execute(cells: tuple[str, ...], folder: Path) -> Result:
    """Run cells in a fresh kernel that keeps its traces below the folder."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    run_kernel(notebook, folder, allow_errors=True)
    return Result(notebook)


LOOK = "# after a look at the last one"


def _wait_if_asked(cell, **_) -> None:
    if LOOK in cell.source:
        time.sleep(1)


def _with_ports_of_its_own(start: Callable[[], T]) -> T:
    """Start a kernel, again if a port that was free a moment before is another's."""
    for _ in range(2):
        try:
            return start()
        except RuntimeError as error:
            # Before anything of ours runs in it.
            if "died before replying to kernel_info" not in str(error):
                raise
    return start()


def run_kernel(notebook, folder: Path, *, allow_errors: bool) -> None:
    """Execute a notebook in place."""
    env = {
        **os.environ,
        "IPYTHONDIR": str(folder / "ipython"),
        "SPANTREE_DATA_DIR": str(folder / "data"),
        "OPENAI_API_KEY": "",
    }

    def execute() -> None:
        client = NotebookClient(
            notebook,
            timeout=60,
            on_cell_start=_wait_if_asked,
            allow_errors=allow_errors,
            resources={"metadata": {"path": str(folder)}},
        )
        client.execute(env=env)

    _with_ports_of_its_own(execute)


@pytest.fixture
def run_cells(tmp_path):
    """Run cells in a fresh kernel: `run_cells("a = 1", "a")`."""
    return lambda *cells: execute(cells, tmp_path)


@pytest.fixture(scope="module")
def module_run_cells(tmp_path_factory):
    """The same for results that a module's tests share."""
    return lambda *cells: execute(cells, tmp_path_factory.mktemp("kernel"))


class Kernel:
    """One kernel, driven by the protocol itself, so that every message is seen."""

    def __init__(self, manager, client) -> None:
        self.manager = manager
        self.client = client

    def run(
        self,
        code: str,
        *,
        interrupt_after: str | None = None,
        cell_id: str | None = None,
    ) -> list[dict]:
        """Run a cell; give its messages in order, the status ones left out.

        Args:
            interrupt_after: Interrupt the kernel when this is printed.
            cell_id: As JupyterLab names the cell.
        """
        request = {"code": code, "silent": False, "store_history": True}
        message = self.client.session.msg("execute_request", request)
        if cell_id is not None:
            message["metadata"]["cellId"] = cell_id
        self.client.shell_channel.send(message)
        wanted = message["header"]["msg_id"]
        messages = []
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            kind = message["header"]["msg_type"]
            if (
                kind == "status"
                and message["content"]["execution_state"] == "idle"
                and message["parent_header"].get("msg_id") == wanted
            ):
                return messages
            if kind in ("status", "execute_input"):
                continue
            messages.append(message)
            text = message["content"].get("text", "")
            if interrupt_after is not None and interrupt_after in text:
                # A moment later: the cell is to be inside its call.
                threading.Timer(0.5, self.interrupt).start()

    def interrupt(self) -> None:
        os.kill(self.manager.provisioner.process.pid, signal.SIGINT)

    def text(self, code: str) -> str:
        """Run a cell; give what it printed and its result."""
        parts, stream = [], None
        for message in self.run(code):
            content = message["content"]
            if "text" in content and content.get("name") == stream:
                parts[-1] += content["text"]  # cut where the kernel flushed by chance
                continue
            stream = content.get("name") if "text" in content else None
            shown = content.get("data", {}).get("text/plain", "")
            parts.append(content.get("text") or content.get("evalue") or shown)
        return "\n".join(parts)

    def kill(self) -> None:
        """End the kernel as a crash does."""
        process = self.manager.provisioner.process
        process.kill()
        process.wait()


@pytest.fixture
def new_kernel(tmp_path, monkeypatch):
    """Start kernels that keep their traces in one store."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("SPANTREE_DATA_DIR", str(tmp_path / "data"))
    started = []

    def start() -> Kernel:
        manager, client = _with_ports_of_its_own(
            lambda: start_new_kernel(cwd=str(tmp_path))
        )
        started.append((manager, client))
        return Kernel(manager, client)

    yield start
    for manager, client in started:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
