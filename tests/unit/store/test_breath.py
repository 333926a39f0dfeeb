"""When the thread that writes gives way to others."""

from __future__ import annotations

import contextlib
import os
import threading
from types import SimpleNamespace

import pytest

from spantree.store import breath
from spantree.store.jobs import Request


@pytest.fixture
def clock(monkeypatch):
    """A clock that only this test moves; it counts the sleeps."""
    clock = SimpleNamespace(now=1.0, sleeps=0)

    def sleep(_):
        clock.sleeps += 1

    fake = SimpleNamespace(monotonic=lambda: clock.now, sleep=sleep)
    monkeypatch.setattr(breath, "time", fake)
    breath.rested()
    return clock


def work(clock, times):
    """Breathe after each fifth of a millisecond."""
    for _ in range(times):
        clock.now += 0.0002
        breath.breathe()


@pytest.fixture
def another_thread():
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    yield thread
    ended.set()
    thread.join()


@pytest.mark.usefixtures("another_thread")
def test_gives_way_after_half_a_millisecond(clock):
    work(clock, 9)
    assert clock.sleeps == 3


@pytest.mark.usefixtures("another_thread")
def test_does_not_while_all_others_wait_for_it(clock):
    with contextlib.ExitStack() as stack:
        for _ in range(threading.active_count() - 2):
            stack.enter_context(breath.patience())
        work(clock, 9)
        assert clock.sleeps == 3
        stack.enter_context(breath.patience())
        work(clock, 9)
        assert clock.sleeps == 3
    work(clock, 9)
    assert clock.sleeps == 6


def test_who_waits_for_a_request_is_patient():
    request = Request(lambda: len(breath._patient))
    assert not breath._patient
    waiter = threading.Thread(target=request.wait, args=(10,))
    waiter.start()
    while not breath._patient:
        pass
    request.run()
    waiter.join()
    assert request.result() == 1
    assert not breath._patient


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_has_none_of_those_who_waited():
    with breath.patience():
        child = os.fork()
        if child == 0:
            os._exit(len(breath._patient))
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
