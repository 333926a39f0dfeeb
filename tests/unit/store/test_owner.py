"""Whether the process that was writing a trace is still there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from spantree.store.owner import Owner, is_gone, is_running, this_process

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_this_process_is_there():
    assert not is_gone(this_process())


def test_a_later_process_of_the_same_number_is_another():
    mine = this_process()
    before = Owner(os.getppid(), mine.boot.rpartition(":")[0] + ":1")

    assert is_gone(before)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_process_that_ended_is_gone_before_its_parent_takes_note():
    child = subprocess.Popen(SLEEPER)
    try:
        assert is_running(child.pid)

        os.kill(child.pid, signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

        assert not is_running(child.pid)
    finally:
        child.wait()

    assert not is_running(child.pid)


def test_a_process_of_another_computer_is_never_known_to_be_gone():
    assert not is_gone(Owner(1, "elsewhere:boot:1"))
