"""Every block of Python on the pages runs, in a shell like a user's.

Those of the README run in a real kernel: tests/notebook/test_readme.py.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGES = sorted((REPOSITORY / "docs").glob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# Runs the blocks of one page, one after the other in one namespace, as cells.
RUNNER = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
for block in json.load(sys.stdin):
    result = shell.run_cell(block, store_history=True)
    if not result.success:
        sys.exit("this block failed:\\n" + block)
"""


def blocks(page: Path) -> list[str]:
    """The page's blocks; transcripts with >>> are run as doctests elsewhere."""
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [block for block in found if ">>> " not in block]


def test_pages_have_blocks():
    assert sum(len(blocks(page)) for page in PAGES) > 20


@pytest.mark.parametrize(
    "page", [pytest.param(p, id=p.stem) for p in PAGES if blocks(p)]
)
def test_blocks_run(page, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps(blocks(page)),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
        env={
            **os.environ,
            "SPANTREE_DATA_DIR": str(tmp_path / "data"),
            "IPYTHONDIR": str(tmp_path / "ipython"),
            "SPANTREE_RAISE_INTERNAL_ERRORS": "1",
        },
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_pages_with_transcripts_are_run_as_doctests():
    with_transcripts = {
        page.name for page in PAGES if ">>> " in page.read_text(encoding="utf-8")
    }

    assert with_transcripts == {"search.md"}  # tests/unit/face/test_search_page.py
