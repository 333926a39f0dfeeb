"""``spantree.autolog()``: every library at once."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.sdk import sdk

import spantree
from spantree import integrations


@pytest.fixture
def _off():
    yield
    spantree.autolog(disable=True)


def states():
    # Of our own hooks: the bridge is enabled by its name only.
    rows = (integrations.get_library(name).status() for name in integrations.ALL)
    return {row.library: row.state for row in rows}


@pytest.mark.usefixtures("_off")
def test_all_are_enabled_and_disabled_together():
    spantree.autolog(silent=True)
    enabled = states()
    spantree.autolog(silent=True)
    again = states()
    spantree.autolog(disable=True)

    assert again == enabled
    assert "off" not in enabled.values()
    assert set(states().values()) <= {"off", "not installed"}


@pytest.mark.usefixtures("_off")
def test_those_that_are_excluded_are_left_as_they_are():
    spantree.autolog(silent=True, exclude_flavors=["openai"])

    assert states()["openai"] == "off"
    assert states()["anthropic"] != "off"


@pytest.mark.usefixtures("_off", "provider")
def test_options_reach_every_library(client, claude, traces, said, asked):
    spantree.autolog(silent=True, log_inputs=False, log_outputs=False)
    client.chat.completions.create(**said("hello"))
    claude.messages.create(**asked("hello"))

    for trace in traces:
        assert trace.data.spans[0].inputs is None
        assert trace.data.spans[0].outputs is None
    assert len(traces) == 2


PROGRAM = """
import sys
import spantree
spantree.autolog(silent=True)
print([name for name in ("openai", "anthropic", "langchain_core", "llama_index", "dspy",
       "autogen_core") if name in sys.modules])
from spantree import demo
from spantree.testing import recorded_traces
with recorded_traces() as traces:
    demo.client().chat.completions.create(
        model="m", messages=[{"role": "user", "content": "hello"}])
    demo.client("anthropic").messages.create(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "hello"}])
print([s.name for t in traces for s in t.data.spans])
"""


def test_enabling_all_imports_none_and_traces_those_imported_later():
    sdk("openai")
    sdk("anthropic")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.stdout.splitlines() == ["[]", "['Completions', 'Messages.create']"], (
        done.stderr
    )
