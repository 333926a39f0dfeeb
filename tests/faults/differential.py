"""Runs small programs plain and traced, and compares everything that can be seen.

A program is a function that takes a decorator ``trace``, does something with it and
returns what it saw. It is run with a decorator that does nothing, then with
``spantree.trace`` in each of the other modes; what it saw, what it raised and what it
did to its surroundings must be the same. A coroutine function is run in a loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import gc
import inspect
import io
import logging
import random
import sys
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from spantree import recording
from spantree.recording import RECORDER, get_current_active_span

PROGRAMS = {}
MODES = ("traced", "below a span", "disabled", "sampled out")
OUR_FOLDER = str(Path(recording.__file__).parent)
OUR_FRAMES = ("<spantree>", str(Path(OUR_FOLDER) / "coroutines.py"))
_HARNESS = {"run_program", "observe", "run", "run_until_complete", "_run_once", "_run"}


def program(function):
    """Put a program into the table, under its name."""
    assert function.__name__ not in PROGRAMS, function.__name__
    PROGRAMS[function.__name__] = function
    return function


def plain_trace(function=None, **_options):
    """Decorate nothing, in both forms."""
    return function if function is not None else (lambda f: f)


def unsampled_trace(function=None, **options):
    """Decorate so that every root is sampled out."""
    options["sampling_ratio_override"] = 0.0
    if function is None:
        return recording.trace(**options)
    return recording.trace(function, **options)


@dataclass
class Observation:
    """What a program returned, raised and left behind."""

    outcome: object = None
    stdout: str = ""
    stderr: str = ""
    warnings: list = field(default_factory=list)
    logs: list = field(default_factory=list)
    unraisable: list = field(default_factory=list)
    next_random: float = 0.0
    context: dict = field(default_factory=dict)
    handled: object = None


class _Logs(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append((record.levelname, record.name, record.getMessage()))


def describe(error, depth=0):
    """Tell all there is to an exception, our own frames left out."""
    if error is None or depth > 6:
        return None
    frames = []
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename in OUR_FRAMES or frame.name in _HARNESS:
            continue
        assert not frame.filename.startswith(OUR_FOLDER), frame
        frames.append((Path(frame.filename).name, frame.name, frame.lineno))
    return {
        "type": type(error).__qualname__,
        "args": repr(error.args),
        "text": str(error),
        "notes": getattr(error, "__notes__", None),
        "attributes": sorted(k for k in vars(error) if k != "__notes__"),
        "suppressed": error.__suppress_context__,
        "cause": describe(error.__cause__, depth + 1),
        "context": describe(error.__context__, depth + 1),
        "inner": [describe(e, depth + 1) for e in getattr(error, "exceptions", ())],
        "frames": frames,
    }


def run_program(function, trace):
    """Run it to its end, in a loop if it needs one."""
    if inspect.iscoroutinefunction(function):
        return asyncio.run(function(trace))
    return function(trace)


def observe(function, trace):
    """Run a program and note everything that can be seen of it."""
    seen = Observation()
    logs = _Logs()
    unraisable = []
    old_hook = sys.unraisablehook
    sys.unraisablehook = lambda args: unraisable.append(
        (type(args.exc_value).__name__, str(args.exc_value))
    )
    root = logging.getLogger()
    root.addHandler(logs)
    random.seed(7)
    out, err = io.StringIO(), io.StringIO()
    context = contextvars.copy_context()
    try:
        with (
            warnings.catch_warnings(record=True) as caught,
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            warnings.simplefilter("always")
            try:
                seen.outcome = ("returned", context.run(run_program, function, trace))
            except BaseException as error:
                seen.outcome = ("raised", describe(error))
            seen.handled = sys.exc_info()
            gc.collect()
    finally:
        sys.unraisablehook = old_hook
        root.removeHandler(logs)
    seen.stdout, seen.stderr = out.getvalue(), err.getvalue()
    seen.warnings = [(w.category.__name__, str(w.message)) for w in caught]
    seen.logs = [line for line in logs.lines if not line[1].startswith("spantree")]
    seen.unraisable = unraisable
    seen.next_random = random.random()
    seen.context = {
        variable.name: value
        for variable, value in context.items()
        if not variable.name.startswith("spantree")
        and variable.name != "decimal_context"
    }
    assert context.run(get_current_active_span) in (None, recording.NO_OP)
    assert not [line for line in logs.lines if line[0] in ("ERROR", "CRITICAL")] or (
        seen.logs
    ), logs.lines
    return seen


def observe_in_mode(function, mode):
    """Run a program traced, in one of the modes."""
    if mode == "plain":
        return observe(function, plain_trace)
    if mode == "sampled out":
        return observe(function, unsampled_trace)
    if mode == "disabled":
        RECORDER.enabled = False
        try:
            return observe(function, recording.trace)
        finally:
            RECORDER.enabled = True
    if mode == "below a span":
        return observe(_below_a_span(function), recording.trace)
    return observe(function, recording.trace)


def _below_a_span(function):
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def run(trace):
            with recording.start_span("above"):
                return await function(trace)

    else:

        @functools.wraps(function)
        def run(trace):
            with recording.start_span("above"):
                return function(trace)

    return run
