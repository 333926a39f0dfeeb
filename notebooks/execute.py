"""Executes the tutorial notebooks and writes their outputs into them."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent


def main() -> None:
    """Execute every notebook beside this file, offline and with a store of its own."""
    os.environ.pop("OPENAI_API_KEY", None)
    for path in sorted(FOLDER.glob("*.ipynb")):
        # The same folder each time, since a cell's output names it.
        data = Path(tempfile.gettempdir()) / "spantree"
        shutil.rmtree(data, ignore_errors=True)
        os.environ["SPANTREE_DATA_DIR"] = str(data)
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, timeout=60, record_timing=False).execute()
        nbformat.write(notebook, path)
        print(f"executed {path.name}")


if __name__ == "__main__":
    main()
