"""What is said when something is skipped: in a log, rarely, and never louder."""

from __future__ import annotations

import logging
import sys

import pytest

import spantree
from spantree.recording import guard, reset_internal_errors, warn


@pytest.fixture
def clock(monkeypatch):
    """Let a test set the time by which warnings are limited."""
    reset_internal_errors()

    class Clock:
        now = 1_000.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(sys.modules["spantree.recording.guard"], "time", clock)
    yield clock
    reset_internal_errors()


def test_one_of_a_kind_is_logged_in_60_seconds_and_each_is_counted(clock, caplog):
    before = spantree.stats()["warnings"]
    for after_s in (0, 1, 59.9, 60.1, 61):
        clock.now = 1_000 + after_s
        warn("a kind", "said at %s", after_s)
        warn("another kind", "also at %s", after_s)

    assert caplog.messages == [
        "said at 0",
        "also at 0",
        "said at 60.1",
        "also at 60.1",
    ]
    assert spantree.stats()["warnings"] == before + 10
    assert {(r.name, r.levelno) for r in caplog.records} == {
        ("spantree", logging.WARNING)
    }


def test_misuse_is_said_once_and_never_printed(clock, caplog, capfd):
    before = spantree.stats()["warnings"]
    for _ in range(5):
        with spantree.start_span("s") as span:
            span.set_status("nonsense")
            span.add_event(5)
        span.set_outputs("late")
        span.end()
        spantree.update_current_trace(tags={"a": "b"})
        spantree.trace(output_reducer=len)(len)

    assert spantree.stats()["warnings"] == before + 30
    assert len(caplog.records) == 6
    assert {r.levelno for r in caplog.records} == {logging.WARNING}
    assert capfd.readouterr() == ("", "")


def test_our_failures_are_said_once_and_counted_each_time(clock, caplog, monkeypatch):
    monkeypatch.delenv("SPANTREE_RAISE_INTERNAL_ERRORS")
    for _ in range(3):
        with guard("somewhere"):
            raise ZeroDivisionError

    assert spantree.internal_errors() == {"somewhere": 3}
    assert [r.levelno for r in caplog.records] == [logging.WARNING]
    assert "spantree failed in somewhere (ZeroDivisionError)" in caplog.text
