"""A container as strict as they get: no right to write anywhere, no home, no name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from faults import container_program

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("setpriv"),
    reason="becoming somebody else needs root, and setpriv of util-linux",
)

# Nobody's number; it may read, as the interpreter may lie in root's home.
_AS_NOBODY = (
    "setpriv --reuid 4000000 --regid 4000000 --clear-groups "
    "--inh-caps=-all,+dac_read_search --ambient-caps=+dac_read_search"
).split()
_OWN_MOUNTS = ["unshare", "--mount", "sh", "-c"]
_READ_ONLY = [*_OWN_MOUNTS, 'mount -o remount,bind,ro / && exec "$0" "$@"']


def run(*before, **variables):
    """Run the traced program; give what it printed and what was logged."""
    kept = ("PATH", "PYTHONPATH", "LANG", "SPANTREE_RAISE_INTERNAL_ERRORS")
    done = subprocess.run(
        [*before, *_AS_NOBODY, sys.executable, container_program.__file__],
        env={name: os.environ[name] for name in kept if name in os.environ} | variables,
        capture_output=True,
        text=True,
        timeout=120,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_user_without_a_home_or_name():
    stats, logged = run(TMPDIR="/nowhere")

    assert stats["saved"] == 0
    assert stats["waiting"] + stats["dropped"] == container_program.COUNT
    assert logged.count("traces are waiting") == 1
    assert "/.local/share/spantree" in logged


def is_remountable():
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*_READ_ONLY, "true"], capture_output=True).returncode == 0


@pytest.mark.parametrize("sent_to", ["", "http://127.0.0.1:9"])
def test_read_only_file_system_without_a_volume(sent_to, tmp_path):
    if not is_remountable():
        pytest.skip("the file system can't be made read-only here")
    stats, logged = run(
        *_READ_ONLY,
        SPANTREE_DATA_DIR=str(tmp_path),
        SPANTREE_TRACKING_URI=sent_to,
    )

    assert stats["saved"] == 0
    assert stats["waiting"] + stats["dropped"] == container_program.COUNT
    assert stats.get("shipped", 0) == 0
    assert logged.count("traces are waiting") == 1
    assert "Traceback" not in logged


def test_read_only_file_system_with_a_volume(tmp_path):
    if not is_remountable():
        pytest.skip("the file system can't be made read-only here")
    mount = f"mount -t tmpfs -o mode=0777 tmpfs {tmp_path}"
    stats, logged = run(
        *_OWN_MOUNTS,
        f'{mount} && mount -o remount,bind,ro / && exec "$0" "$@"',
        SPANTREE_DATA_DIR=str(tmp_path / "spantree"),
    )

    assert stats["saved"] == container_program.COUNT
    assert stats["waiting"] + stats["dropped"] == 0
    assert logged == ""
