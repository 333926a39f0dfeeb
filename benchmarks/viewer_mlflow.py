"""MLflow's notebook renderer on the same traces, in a server of its own."""

from __future__ import annotations

import contextlib
import functools
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from environments import NotInstalledError, environment
from lab import say
from support.lab import free_port
from viewer_notebooks import shape
from viewer_pages import arrived, repeated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playwright.sync_api import Browser
    from viewer_pages import Figures

# It sends each span on its own: 10,000 take minutes before anything is drawn.
MLFLOW_SIZES = (50, 1_000)
MLFLOW_SECONDS = 90
# Inside MLflow's frame: when it shows a span.
NOTE_MLFLOW = """
if (location.pathname.includes('notebook-trace-renderer')) {
  new MutationObserver((_, observer) => {
    if (!document.body?.innerText.includes('root')) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => {
      window.shown = performance.timeOrigin + performance.now();
    }));
  }).observe(document, { subtree: true, childList: true, characterData: true });
}
"""


def outputs_of_mlflow(
    stack: contextlib.ExitStack, root: Path, sizes: list[int], notes: list[str]
) -> dict[int, str]:
    """Give MLflow's outputs by size while the stack lasts; none where it is missing."""
    if not sizes:
        return {}
    try:
        return stack.enter_context(_outputs(root, sizes, notes))
    except NotInstalledError as error:
        notes.append(f"MLflow could not be measured: {error}")
        return {}


@contextlib.contextmanager
def _outputs(
    folder: Path, sizes: Sequence[int], notes: list[str]
) -> Iterator[dict[int, str]]:
    """Log the traces to an MLflow server; give its notebook outputs while it runs.

    A size that MLflow fails at is a line in `notes` and has no output.

    Raises:
        NotInstalledError: If mlflow cannot be installed, or its server does not start.
    """
    command = [environment("mlflow"), Path(__file__).with_name("mlflow_notebook.py")]
    orders = json.dumps({str(size): list(shape(size)) for size in sizes})
    port = str(free_port())
    with (folder / "mlflow.log").open("w") as log:
        process = subprocess.Popen(
            [*map(str, command), str(folder), port],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(orders + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise NotInstalledError((folder / "mlflow.log").read_text()[-400:])
        outputs = {}
        for size, given in json.loads(answer).items():
            if "html" in given:
                outputs[int(size)] = given["html"]
            else:
                notes.append(f"MLflow logged no {int(size):,} spans: {given['error']}.")
        yield outputs
    finally:
        process.terminate()  # and it ends its server
        process.communicate()


def figures_of_mlflow(
    browser: Browser, url: str, sizes: list[int], rounds: int, notes: list[str]
) -> dict[int, Figures]:
    """Give what could be measured of each size; failures are lines in `notes`."""
    figures = {}
    for size in sizes:
        say(f"{size:,} spans in MLflow …")
        one = functools.partial(_measure, browser, url, size)
        failures: list[str] = []
        found = repeated(one, rounds, failures)
        if found:
            figures[size] = found
        notes += [f"MLflow, {size:,} spans: {failure}" for failure in failures]
    return figures


def _measure(browser: Browser, url: str, size: int) -> Figures:
    """Give what is comparable of MLflow's: first paint, elements, heap of its frame."""
    name, words = f"arrives-mlflow-{size}.ipynb", "trace-renderer"
    with arrived(browser, url, name, words, "iframe", NOTE_MLFLOW) as page:
        [frame] = [one for one in page.frames if "trace-renderer" in one.url]
        frame.wait_for_function("window.shown", timeout=1000 * MLFLOW_SECONDS)
        page.wait_for_timeout(1500)
        start = page.evaluate("performance.timeOrigin + window.paint.arrived")
        paint = frame.evaluate("window.shown") - start
        nodes = frame.evaluate("document.querySelectorAll('*').length")
        heap = frame.evaluate("performance.memory.usedJSHeapSize / 1e6")
    return {"paint": paint, "nodes": nodes, "heap": heap}
