"""A traced program can't be told from the plain one, whatever the mode."""

from __future__ import annotations

import gc
import inspect
import sys
import traceback

import pytest
from faults import (  # noqa: F401
    programs_async_generators,
    programs_callables,
    programs_coroutines,
    programs_exceptions,
    programs_functions,
    programs_generator_uses,
    programs_generators,
    programs_objects,
)
from faults.differential import MODES, PROGRAMS, observe_in_mode

from spantree.recording import RECORDER, get_current_active_span, trace


@pytest.fixture(scope="module", autouse=True)
def _small_heap():
    """Let the collector, called after each program, look at nothing older."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_traced_as_plain(name):
    plainly = observe_in_mode(PROGRAMS[name], "plain")

    for mode in MODES:
        assert observe_in_mode(PROGRAMS[name], mode) == plainly, mode
        assert get_current_active_span() is None
        assert not RECORDER.traces.all()


def test_the_table_is_long_enough():
    assert len(PROGRAMS) >= 150


# C frames between generators count as levels too, differently in each version.
LEVELS_OF_GENERATORS = 450 if sys.version_info[:2] in ((3, 11), (3, 13)) else 300


def reach(function):
    """Give how deep a function gets under a limit of 1,000 more frames."""
    depth = 0

    def note(level):
        nonlocal depth
        depth = max(depth, level)

    before = sys.getrecursionlimit()
    frames = len(inspect.stack(0))
    sys.setrecursionlimit(frames + 1000)
    try:
        function(note)
    except RecursionError:
        pass
    finally:
        sys.setrecursionlimit(before)
    return depth


def test_recursion_reaches_450_levels():
    @trace
    def down(note, n=0):
        note(n)
        return down(note, n + 1)

    assert reach(down) >= 450
    assert get_current_active_span() is None
    assert not RECORDER.traces.all()


def test_recursion_of_generators_reaches_450_levels():
    @trace
    def down(note, n=0):
        note(n)
        yield from down(note, n + 1)

    assert reach(lambda note: list(down(note))) >= LEVELS_OF_GENERATORS
    assert get_current_active_span() is None


def test_recursion_of_coroutines_reaches_450_levels():
    @trace
    async def down(note, n=0):
        note(n)
        await down(note, n + 1)

    def run(note):
        down(note).send(None)

    assert reach(run) >= 450
    assert get_current_active_span() is None
    assert not RECORDER.traces.all()


def test_recursion_of_async_generators_reaches_450_levels():
    @trace
    async def down(note, n=0):
        note(n)
        async for item in down(note, n + 1):
            yield item

    def run(note):
        down(note).asend(None).send(None)

    assert reach(run) >= LEVELS_OF_GENERATORS
    assert get_current_active_span() is None


def test_at_most_one_frame_of_ours_in_a_traceback():
    @trace
    def stream():
        yield 1
        raise ValueError

    try:
        list(stream())
    except ValueError as error:
        files = [f.filename for f in traceback.extract_tb(error.__traceback__)]

    assert files == [__file__, "<spantree>", __file__]
