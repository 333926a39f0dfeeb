"""The notebooks in which a viewer is measured: one trace each, saved and to be run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import nbformat
from nbformat.sign import NotebookNotary
from unit.render.drawn_traces import span, trace

from spantree.render import FULL, MIME, build_output

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

MANY = 20


def shape(size: int) -> Iterator[tuple[int, int | None, str, str, float, float]]:
    """Give the spans of a trace, groups of ten below the root: id … start, ms."""
    yield 1, None, "root", "AGENT", 0, size
    for key in range(2, size + 1):
        parent = 1 if key % 10 == 2 else key - (key - 2) % 10
        kind = "CHAT_MODEL" if key % 7 == 0 else "TOOL"
        yield key, parent, f"step {key % 50}", kind, key, 0.9


def output(size: int) -> dict[str, object]:
    """Build the viewer's payload of a trace."""
    made = trace([span(*given) for given in shape(size)])
    return build_output([made], key=f"{size:016x}", budget=FULL)


def write(path: Path, bundles: Sequence[dict[str, Any]]) -> None:
    """Write a trusted notebook that holds nothing but outputs."""
    cells = []
    for bundle in bundles:
        shown = nbformat.v4.new_output("display_data", data=bundle)
        cells.append(nbformat.v4.new_code_cell("1", outputs=[shown], execution_count=1))
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"at": str(path)})
    nbformat.write(notebook, path)
    NotebookNotary().sign(nbformat.read(path, as_version=4))


def write_both(root: Path, name: str, bundle: dict[str, Any]) -> None:
    """Write a notebook that holds an output, and one whose cell makes it."""
    write(root / f"{name}.ipynb", [bundle])
    (root / f"{name}.json").write_text(json.dumps(bundle))
    cell = nbformat.v4.new_code_cell(
        "import json, pathlib\n"
        "from IPython.display import display\n"
        f"display(json.loads(pathlib.Path('{name}.json').read_text()), raw=True)"
    )
    spec = {"name": "python3", "display_name": "Python 3"}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": spec})
    nbformat.write(notebook, root / f"arrives-{name}.ipynb")


def write_notebooks(
    root: Path, sizes: Sequence[int], theirs: Mapping[int, str]
) -> None:
    """Write all that is opened, and JupyterLab's setting to draw all of it.

    Args:
        root: The server's folder.
        sizes: Spans of the traces.
        theirs: MLflow's notebook outputs by size, as HTML.
    """
    nbformat.write(nbformat.v4.new_notebook(), root / "empty.ipynb")
    for size in sizes:
        write_both(root, str(size), {MIME: output(size), "text/plain": "a trace"})
    write_both(root, "plain", {"text/plain": "a line\n" * 12})
    small = output(50)
    many = [{MIME: {**small, "key": f"{number:016x}"}} for number in range(MANY)]
    write(root / "many.ipynb", many)
    for size, html in theirs.items():
        write_both(root, f"mlflow-{size}", {"text/html": html})
    # All outputs are drawn at once, not those in sight.
    settings = root / ".settings/@jupyterlab/notebook-extension"
    settings.mkdir(parents=True)
    wanted = json.dumps({"windowingMode": "none"})
    (settings / "tracker.jupyterlab-settings").write_text(wanted)
