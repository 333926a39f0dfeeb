"""Scopes of roots, switching off, and sampling."""

from __future__ import annotations

import asyncio
import inspect
import random
from contextvars import copy_context

import pytest

from spantree.recording import (
    NO_OP,
    RECORDER,
    context,
    get_current_active_span,
    start_span,
    start_span_no_context,
    trace,
    update_current_trace,
)
from spantree.testing import outline


@trace
def leaf():
    return get_current_active_span()


@trace
def parent():
    return leaf()


@trace
def numbers():
    yield get_current_active_span()


@pytest.fixture
def disabled(traces):
    RECORDER.enabled = False
    yield
    RECORDER.enabled = True


# tracing.context


def test_a_scope_describes_every_root_begun_inside(traces):
    with context(metadata={"m": "1"}, tags={"t": "2"}, session_id="s", user="u"):
        leaf()
        leaf()
    leaf()

    for found in list(traces)[:2]:
        assert found.info.trace_metadata["m"] == "1"
        assert found.info.tags["t"] == "2"
        assert (found.info.session, found.info.user) == ("s", "u")
    assert traces[2].info.session is None
    assert "t" not in traces[2].info.tags


def test_inner_scopes_win_key_by_key(traces):
    with context(tags={"a": "1", "b": "1"}, user="outer"):
        with context(tags={"b": "2"}, session_id="inner"):
            leaf()
        leaf()

    inner, outer = traces[0].info, traces[1].info
    assert (inner.tags["a"], inner.tags["b"]) == ("1", "2")
    assert (inner.user, inner.session) == ("outer", "inner")
    assert (outer.tags["b"], outer.session) == ("1", None)


def test_none_in_a_scope_means_not_given(traces):
    with context(tags={"a": "1"}, user="u"), context(tags={"a": None}, user=None):
        leaf()

    assert traces[0].info.tags["a"] == "1"
    assert traces[0].info.user == "u"


def test_a_scope_does_not_touch_the_trace_it_stands_in(traces):
    with start_span("root"), context(tags={"t": "1"}):
        leaf()

    assert "t" not in traces[0].info.tags


def test_a_scope_holds_in_the_tasks_begun_inside(traces):
    async def work():
        await asyncio.sleep(0)
        leaf()

    async def main():
        async with context(user="u"):
            task = asyncio.ensure_future(work())
        await task

    asyncio.run(main())

    assert traces[0].info.user == "u"


def test_a_scope_that_ends_in_another_context_leaves_that_alone(traces):
    block = context(user="a")
    copy_context().run(block.__enter__)
    with context(user="b"):
        block.__exit__(None, None, None)
        leaf()

    assert traces[0].info.user == "b"


def test_a_scope_ends_with_all_that_is_left_inside(traces):
    inner = context(user="inner")
    with context(user="outer"):
        inner.__enter__()
    leaf()

    assert traces[0].info.user is None


def test_a_scope_that_is_dropped_ends(traces):
    context(user="u", enabled=False).__enter__()
    leaf()

    assert traces[0].info.user is None


@pytest.mark.parametrize("wrong", ["nonsense", 5, ["a"]])
def test_wrong_arguments_of_a_scope_are_ignored(traces, wrong):
    with context(tags=wrong, metadata=wrong):
        leaf()

    assert len(traces) == 1


# Off


def test_disabled_blocks_record_nothing(traces):
    with context(enabled=False):
        parent()
        list(numbers())
        with start_span("block"):
            leaf()

    assert len(traces) == 0


def test_inside_a_disabled_block_the_span_is_a_false_no_op(traces):
    with context(enabled=False):
        assert leaf() is not None
        assert not leaf()
        assert not get_current_active_span()
        get_current_active_span().set_attributes({"a": 1})
        update_current_trace(tags={"a": "b"})

    assert get_current_active_span() is None


def test_enabled_again_inside_a_disabled_block(traces):
    with context(enabled=False), context(enabled=True):
        parent()

    assert outline(traces[0]) == "parent UNKNOWN\n  leaf UNKNOWN"


def test_enabled_again_below_a_span_joins_it(traces):
    with start_span("root"), context(enabled=False):
        leaf()
        with context(enabled=True):
            leaf()

    assert outline(traces[0]) == "root UNKNOWN\n  leaf UNKNOWN"


def test_a_disabled_block_in_a_trace_drops_what_is_inside_only(traces):
    with start_span("root"):
        with context(enabled=False):
            leaf()
        leaf()

    assert outline(traces[0]) == "root UNKNOWN\n  leaf UNKNOWN"


def test_disabled_everything_is_a_no_op(traces, disabled):
    with start_span("block") as span:
        span.set_inputs(1)
        assert get_current_active_span() is NO_OP
        update_current_trace(tags={"k": "v"})
    detached = start_span_no_context("s")
    detached.end()

    assert not span
    assert not detached
    assert leaf() is NO_OP
    assert list(numbers()) == [NO_OP]
    assert len(traces) == 0


def test_updating_while_disabled_is_silent(traces, disabled, caplog):
    update_current_trace(tags={"k": "v"})

    assert not caplog.records


def test_functions_decorated_earlier_follow_the_switch(traces):
    leaf()
    RECORDER.enabled = False
    leaf()
    RECORDER.enabled = True
    leaf()

    assert len(traces) == 2


def test_switched_off_in_the_middle_of_a_call(traces):
    @trace
    def f():
        RECORDER.enabled = False
        leaf()
        return 1

    assert f() == 1
    RECORDER.enabled = True

    assert outline(traces[0]) == "f UNKNOWN"
    assert get_current_active_span() is None


def test_switched_on_in_the_middle_of_a_call(traces):
    RECORDER.enabled = False

    @trace
    def f():
        RECORDER.enabled = True
        leaf()

    f()

    assert outline(traces[0]) == "leaf UNKNOWN"


def test_switched_off_in_the_middle_of_a_stream(traces):
    @trace
    def body():
        yield 1
        yield 2

    made = body()
    next(made)
    RECORDER.enabled = False
    assert list(made) == [2]
    RECORDER.enabled = True

    assert traces[0].data.root.end_time_ns


# Sampling


def test_an_unsampled_root_silences_all_below(traces):
    @trace(sampling_ratio_override=0.0)
    def root():
        with start_span("block"):
            return parent()

    assert root() is not None
    assert not root()
    assert len(traces) == 0
    assert get_current_active_span() is None


def test_an_unsampled_coroutine_silences_its_tasks(traces):
    @trace(sampling_ratio_override=0.0)
    async def root():
        async def work():
            return leaf()

        return await asyncio.gather(work(), work())

    assert not any(asyncio.run(root()))
    assert len(traces) == 0


def test_a_nested_override_has_no_effect(traces):
    @trace(sampling_ratio_override=0.0)
    def never():
        return 1

    with start_span("root"):
        never()

    assert outline(traces[0]) == "root UNKNOWN\n  never UNKNOWN"


def test_a_nested_override_does_not_revive_an_unsampled_trace(traces):
    @trace(sampling_ratio_override=1.0)
    def always():
        return 1

    @trace(sampling_ratio_override=0.0)
    def root():
        always()

    root()

    assert len(traces) == 0


def test_the_override_wins_over_the_configured_ratio(traces):
    RECORDER.sampling_ratio = 0.0

    @trace(sampling_ratio_override=1.0)
    def always():
        leaf()

    always()
    leaf()

    assert outline(traces[0]) == "always UNKNOWN\n  leaf UNKNOWN"
    assert len(traces) == 1


def test_a_ratio_records_its_share(traces):
    RECORDER.sampling_ratio = 0.5
    for _ in range(400):
        leaf()

    assert 100 < len(traces) < 300


@pytest.mark.parametrize(("ratio", "expected"), [(7, 1), (-3, 0), (float("nan"), 0)])
def test_a_ratio_beyond_its_bounds_is_clamped(traces, ratio, expected):
    trace(sampling_ratio_override=ratio)(len)([])

    assert len(traces) == expected


def test_sampling_does_not_touch_the_users_random_numbers(traces):
    RECORDER.sampling_ratio = 0.5
    random.seed(1)
    for _ in range(20):
        leaf()

    assert random.random() == random.Random(1).random()


def test_after_an_unsampled_root_its_tasks_are_sampled_anew(traces):
    @trace(sampling_ratio_override=0.0)
    def root():
        return copy_context()

    root().run(leaf)

    assert outline(traces[0]) == "leaf UNKNOWN"
    assert traces[0].data.root.links == []


def test_an_exception_through_an_unsampled_root(traces):
    @trace(sampling_ratio_override=0.0)
    def root():
        raise ValueError

    with pytest.raises(ValueError):
        root()

    assert get_current_active_span() is None


def test_the_no_op_span_answers_everything():
    assert not NO_OP
    assert NO_OP.trace_id == "MLFLOW_NO_OP_SPAN_TRACE_ID"
    for name, member in inspect.getmembers(type(NO_OP), inspect.isfunction):
        if name.startswith(("set_", "add_", "record_")):
            count = len(inspect.signature(member).parameters) - 1
            assert getattr(NO_OP, name)(*["x"] * count) is None
    assert NO_OP.end() is None
    assert NO_OP.end_time_ns == 0
