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
from typing import TYPE_CHECKING, Any

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

    def _sessions(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.url}/api/sessions") as answer:
            sessions: list[dict[str, Any]] = json.load(answer)
        return sessions

    def kernel(self, path: str) -> str:
        """Give the id of a notebook's kernel; `path` is from the server's root."""
        [found] = [one for one in self._sessions() if one["path"] == path]
        kernel: str = found["kernel"]["id"]
        return kernel

    def end_kernels(self, prefix: str) -> None:
        """End the kernels of all notebooks whose path begins so."""
        ours = [one for one in self._sessions() if one["path"].startswith(prefix)]
        for kernel in {one["kernel"]["id"] for one in ours}:
            address = f"{self.url}/api/kernels/{kernel}"
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
        # For `open_file`.
        "--LabApp.expose_app_in_browser=True",
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
# The viewers, and not the side panel that lists traces.
ROOT = ".st-root:not(.st-side)"


def write_notebook(path: Path, *cells: str) -> None:
    """Write a notebook of code cells that was never run."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, path)


def write_outputs(path: Path, *bundles: dict[str, object]) -> None:
    """Write a notebook of cells that hold these outputs, each a MIME bundle."""
    shown = [nbformat.v4.new_output("display_data", data=one) for one in bundles]
    cells = [
        nbformat.v4.new_code_cell("1", outputs=[one], execution_count=1)
        for one in shown
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def refuse_posts(route) -> None:
    """Abort a request that would start something, for `page.route`."""
    if route.request.method == "POST":
        route.abort()
    else:
        route.continue_()


def open_notebook(page: Page, address: str) -> None:
    """Open a notebook by its address in JupyterLab, with a clean workspace.

    This loads all of JupyterLab: 5 s of CPU, where `open_file` takes 0.7 s.
    """
    page.goto(f"{address}?reset")
    page.wait_for_selector(".jp-Notebook", timeout=LONG)


def open_lab(page: Page, url: str) -> None:
    """Open JupyterLab with nothing in it, for `open_file`."""
    page.goto(f"{url}/lab?reset", timeout=LONG)
    page.wait_for_function("window.jupyterapp", timeout=LONG)
    page.evaluate("jupyterapp.restored.then(() => true)")


_CLOSE = """async () => {
  for (const button of document.querySelectorAll('.jp-Dialog .jp-mod-reject')) {
    button.click();
  }
  for (const widget of [...jupyterapp.shell.widgets('main')]) {
    if (widget.context) widget.context.model.dirty = false;
    widget.close();
  }
  jupyterapp.shell.collapseRight();
  await jupyterapp.commands.execute('filebrowser:activate');
}"""
_OPEN = """async ([path, preference]) => {
  const args = preference === null ? {} : { kernelPreference: preference };
  const widget = await jupyterapp.commands.execute(
    'docmanager:open', { path, ...args });
  await widget.revealed;
}"""
_NO_KERNEL = {"shouldStart": False, "shouldReuse": False}


def close_all(page: Page) -> None:
    """Close all that JupyterLab shows, unsaved."""
    page.evaluate(_CLOSE)
    back = page.locator("#spantree-traces >> text=all traces")
    if back.count():
        back.dispatch_event("click")
    page.wait_for_function("!document.querySelector('.jp-Notebook, .jp-Dialog')")


def open_file(
    page: Page,
    folder: Folder,
    name: str,
    *,
    kernel: bool = True,
    kernel_id: str | None = None,
) -> None:
    """Open a file in a JupyterLab that is there, in place of what it showed.

    Args:
        page: A page of JupyterLab, as `open_lab` leaves it.
        folder: Where the file is.
        name: The file's name.
        kernel: Whether a notebook gets a kernel, or is opened without one as by
            "Open With → Notebook (no kernel)".
        kernel_id: A kernel that runs and that the notebook gets.
    """
    close_all(page)
    preference: dict[str, object] | None = None if kernel else _NO_KERNEL
    if kernel_id is not None:
        preference = {"id": kernel_id}
    page.evaluate(_OPEN, [f"{folder.path.name}/{name}", preference])


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
def theme(page: Page, name: str) -> Iterator[None]:
    """Give JupyterLab a theme while the block runs, as by its menu."""
    before = page.evaluate("document.body.dataset.jpThemeName")
    try:
        _change_theme(page, name)
        yield
    finally:
        _change_theme(page, before)


def _change_theme(page: Page, name: str) -> None:
    page.evaluate(
        "theme => { void jupyterapp.commands.execute('apputils:change-theme', { theme }) }",
        name,
    )
    page.wait_for_function(
        "theme => document.body.dataset.jpThemeName === theme", arg=name, timeout=LONG
    )


def _write_setting(root: Path, schema: str, values: dict[str, object]) -> Path:
    folder = root / ".settings" / "@jupyterlab" / "apputils-extension"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{schema}.jupyterlab-settings"
    file.write_text(json.dumps(values))
    return file
