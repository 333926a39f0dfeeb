"""Importing is light and leaves the process as it was."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = [
    "IPython",
    "pandas",
    "numpy",
    "anywidget",
    "ipywidgets",
    "traitlets",
    "openai",
    "opentelemetry",
    "psycopg",
    "sqlite3",
    "asyncio",
    "http.client",
    "concurrent.futures",
    "pathlib",
    "urllib.parse",
    "mlflow",
]


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout


def test_import_and_one_decoration_load_nothing_heavy():
    loaded = json.loads(
        run(
            "import spantree, sys, json\n"
            "spantree.trace(lambda: 1)\n"
            f"print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
        )
    )

    assert loaded == []


def test_import_leaves_the_process_as_it_was():
    before_and_after = run(
        "import sys, threading, logging, warnings, signal, random, os\n"
        "def state():\n"
        "    return (len(sys.meta_path), threading.active_count(), logging.root.handlers[:],\n"
        "            warnings.filters[:], signal.getsignal(signal.SIGTERM), random.getstate(),\n"
        "            dict(os.environ), os.getcwd(), sys.excepthook)\n"
        "before = state()\n"
        "import spantree\n"
        "spantree.trace\n"
        "print(before == state(), sorted(os.listdir('.')) == sorted(os.listdir('.')))"
    )

    assert before_and_after.startswith("True")


def test_the_counters_are_there_before_the_first_trace():
    before, after = json.loads(
        run(
            "import spantree, json\n"
            "spantree.set_tracking_uri('memory:')\n"
            "before = list(spantree.stats())\n"
            "spantree.trace(len)('')\n"
            "print(json.dumps([before, list(spantree.stats())]))"
        )
    )

    assert before == after
    assert {"saved", "waiting", "dropped", "internal_errors"} <= set(before)
