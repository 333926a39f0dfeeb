"""Real JupyterLab and Notebook servers, Chromium, and the steps a person takes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

CHROMIUM = shutil.which("chromium")
# Nothing of Chromium's own may reach for the network.
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SERVER_START_SECONDS = 90


def require(present: bool, message: str) -> None:
    """Skip without a part that the tests need; in CI that must not look like success."""
    if present:
        return
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


class Server:
    """One Jupyter server; `url` ends without a slash."""

    def __init__(self, url: str, root: Path) -> None:
        self.url = url
        self.root = root

    @contextlib.contextmanager
    def folder(self, name: str) -> Iterator[Folder]:
        """Make a folder of notebooks, whose kernels end with the block."""
        path = self.root / name
        path.mkdir()
        try:
            yield Folder(self, path)
        finally:
            self.end_kernels(f"{name}/")

    def end_kernels(self, prefix: str) -> None:
        """End the kernels of all notebooks whose path begins so."""
        with urllib.request.urlopen(f"{self.url}/api/sessions") as answer:
            sessions = json.load(answer)
        for session in sessions:
            if session["path"].startswith(prefix):
                address = f"{self.url}/api/sessions/{session['id']}"
                urllib.request.urlopen(
                    urllib.request.Request(address, method="DELETE")
                ).close()


class Folder:
    """A folder that a server shows; `path` is where it is on disk."""

    def __init__(self, server: Server, path: Path) -> None:
        self.server = server
        self.path = path

    def url(self, name: str, app: str = "lab/tree") -> str:
        """Give the address of one of its files in JupyterLab, or in another app."""
        return f"{self.server.url}/{app}/{self.path.name}/{name}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def jupyter(root: Path, *extra: str) -> Iterator[Server]:
    """Run JupyterLab on loopback until the block ends; it serves Notebook 7 too."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "jupyter",
        "lab",
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--IdentityProvider.token=",
        "--ServerApp.password=",
        # Only a page of Jupyter's own has the token that this asks for.
        "--ServerApp.disable_check_xsrf=True",
        "--LabApp.news_url=None",
        "--LabApp.extension_manager=readonly",
        f"--ServerApp.root_dir={root}",
        *extra,
    ]
    environment = {
        **os.environ,
        "SPANTREE_DATA_DIR": str(root / ".data"),
        "JUPYTER_CONFIG_DIR": str(root / ".config"),
        "JUPYTER_RUNTIME_DIR": str(root / ".runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(root / ".settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(root / ".workspaces"),
        "IPYTHONDIR": str(root / ".ipython"),
    }
    # No question about Jupyter news: its toast would cover what is looked at.
    _write_setting(
        root, "notification", {"fetchNews": "false", "checkForUpdates": False}
    )
    log = (root / f".lab-{port}.log").open("w")
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_up(url, process, Path(log.name))
        yield Server(url, root)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(15)
        process.kill()
        log.close()


def _wait_until_up(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + SERVER_START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended:\n{log.read_text()}")
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{url}/api/status", timeout=2)
            return
        time.sleep(0.2)
    raise RuntimeError(f"the server did not come up:\n{log.read_text()}")


LONG = 60_000
ROOT = ".st-root"


def write_notebook(path: Path, *cells: str) -> None:
    """Write a notebook of code cells that was never run."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, path)


def refuse_posts(route) -> None:
    """Abort a request that would start something, for `page.route`."""
    if route.request.method == "POST":
        route.abort()
    else:
        route.continue_()


def open_notebook(page: Page, address: str) -> None:
    """Open a notebook by its address in JupyterLab, with a clean workspace."""
    page.goto(f"{address}?reset")
    page.wait_for_selector(".jp-Notebook", timeout=LONG)


def run_all(page: Page) -> None:
    """Run every cell, by the menu, as a person would."""
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=LONG)
    kernel_is_idle(page)
    page.click(".lm-MenuBar >> text=Run")
    page.click(".lm-Menu >> text='Run All Cells'")


def kernel_is_idle(page: Page) -> None:
    """Wait until the status bar names an idle kernel.

    The toolbar's indicator says idle also before there is a kernel, and running a
    cell then asks which kernel to use.
    """
    page.wait_for_selector("#jp-main-statusbar >> text=| Idle", timeout=LONG)


def save(page: Page) -> None:
    """Save the notebook and wait until the dirty mark is gone."""
    page.keyboard.press("Control+s")
    page.wait_for_selector(".jp-mod-dirty", state="detached", timeout=LONG)


def tree_under_cell(page: Page, index: int):
    """Give the viewer under the code cell of that index, from 0."""
    return page.locator(".jp-CodeCell").nth(index).locator(ROOT)


@contextlib.contextmanager
def theme(root: Path, name: str) -> Iterator[None]:
    """Make JupyterLab's pages that are opened in the block start with a theme."""
    file = _write_setting(root, "themes", {"theme": name})
    try:
        yield
    finally:
        file.unlink()


def _write_setting(root: Path, schema: str, values: dict[str, object]) -> Path:
    folder = root / ".settings" / "@jupyterlab" / "apputils-extension"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{schema}.jupyterlab-settings"
    file.write_text(json.dumps(values))
    return file
