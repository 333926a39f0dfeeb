"""Runs the first tutorial notebook and reads the trees it drew."""

from __future__ import annotations

from pathlib import Path

NAME = "00_first_trace.ipynb"
# In a wheel the notebook lies beside this file, in a checkout under notebooks/.
PLACES = (
    Path(__file__).with_name(NAME),
    Path(__file__).parents[3] / "notebooks" / NAME,
)


def run_notebook(out: Path) -> tuple[Path, list[str]]:
    """Execute the notebook in a fresh kernel.

    Args:
        out: The folder that the executed copy is written to.

    Returns:
        The executed copy, and the plain-text trees of its outputs.

    Raises:
        ModuleNotFoundError: If nbclient is not installed.
        FileNotFoundError: If the notebook is not part of this installation.
    """
    import nbformat
    from nbclient import NotebookClient

    source = next((place for place in PLACES if place.is_file()), None)
    if source is None:
        msg = f"{NAME} is not part of this installation of spantree."
        raise FileNotFoundError(msg)
    notebook = nbformat.read(source, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=120,
        resources={"metadata": {"path": str(out)}},
        # Keeps the kernel's note on unencrypted loopback ports off the screen.
        extra_arguments=["--IPKernelApp.log_level=40"],
    )
    client.execute()
    written = out / NAME
    nbformat.write(notebook, written)
    return written, _trees(notebook)


def _trees(notebook: object) -> list[str]:
    trees = []
    for cell in notebook.cells:  # type: ignore[attr-defined]
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if any(kind.startswith("application/vnd.spantree.") for kind in data):
                trees.append(data["text/plain"])
    return trees
