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
    "logging",
    "traceback",
    "mlflow",
    "spantree.configuration",
    "spantree.entities.trace",
    "spantree.recording.prices",
    "spantree.recording.publish",
    "spantree.store",
]


def run(code: str, **options) -> str:
    return subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        **options,
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


STATE = """
import asyncio, gc, logging, os, random, signal, sys, threading, warnings

def state():
    return dict(
        finders=sys.meta_path[:], path=sys.path[:], path_hooks=sys.path_hooks[:],
        threads=threading.active_count(),
        handlers=logging.root.handlers[:], root_filters=logging.root.filters[:],
        level=logging.root.level,
        handlers_of_ours=logging.getLogger("spantree").handlers[:],
        warning_filters=warnings.filters[:], show=warnings.showwarning,
        signals=[signal.getsignal(n) for n in signal.valid_signals()],
        random=random.getstate(), env=dict(os.environ), cwd=os.getcwd(),
        hooks=[sys.excepthook, sys.unraisablehook, threading.excepthook,
               sys.displayhook, sys.getprofile(), sys.gettrace()],
        asyncgen=sys.get_asyncgen_hooks(), policy=asyncio.get_event_loop_policy(),
        streams=[sys.stdout, sys.stderr, sys.stdin], limit=sys.getrecursionlimit(),
        gc=[gc.isenabled(), gc.get_threshold(), gc.callbacks[:]],
        umask=os.umask(0o22),
        files=sorted(os.listdir(".")), data=os.path.exists(os.environ["SPANTREE_DATA_DIR"]),
    )

before = state()
import spantree
decorated = spantree.trace(len)
spantree.tracing, spantree.entities, spantree.stats, spantree.TraceClient
after = state()
print([key for key in before if before[key] != after[key]])
"""


def test_import_leaves_the_process_as_it_was(tmp_path):
    assert run(STATE, cwd=tmp_path).strip() == "[]"


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
